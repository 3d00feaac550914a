"""What messages advise exists: commands and options of the command line, names of the SDK."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
import typer

import hyperdatasets as hd
import hyperdatasets.testing
from hyperdatasets.cli.lazy import LazyCommand
from hyperdatasets.cli.main import app
from hyperdatasets.client.config import ClientConfig
from metadata_service.config import PREFIX, ServiceConfig

ROOT = Path(__file__).parents[2]
_PACKAGES = ("hyperdatasets", "metadata_service", "node")
_OTHERS = {
    "--no-deps", "--run-id", "--max-wait-time", "--insecure", "--superlink", "--node-config", "--run-config",
    "--disable-runtime-dependency-installation", "--show",
}  # fmt: skip
"""Options of other programs, which the demo starts."""


def _texts() -> Iterator[tuple[str, str]]:
    """Every text in the code with its place; what stands in braces of an f-string is `…`."""
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "_pb2" not in path.name:
                place = str(path.relative_to(ROOT))
                yield from ((f"{place}:{line}", text) for line, text in _of_module(ast.parse(path.read_text())))


def _of_module(tree: ast.Module) -> Iterator[tuple[int, str]]:
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def _commands(command: click.Command, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    known = command.command if isinstance(command, LazyCommand) else command
    yield above, known
    for name, each in getattr(known, "commands", {}).items():
        yield from _commands(each, (*above, name))


TEXTS = list(_texts())
COMMANDS = dict(_commands(typer.main.get_command(app)))
GROUPS = {words[0] for words in COMMANDS if len(words) == 1}
OPTIONS = {option for each in COMMANDS.values() for parameter in each.params for option in parameter.opts} | {
    option for each in COMMANDS.values() for parameter in each.params for option in parameter.secondary_opts
} | {"--help"}  # fmt: skip
_NAMED = re.compile(r"(?<![\w/.'-])hyperdatasets ((?:[a-z-]+ ?)+)([^`\n]*)")
_QUOTED = re.compile(rf"`((?:{'|'.join(sorted(GROUPS))})) ([a-z-]+)([^`\n]*)`")


def _named() -> Iterator[tuple[str, list[str], str]]:
    """Place, words and rest of each command that a text names."""
    for place, text in TEXTS:
        for found in _NAMED.finditer(text):
            words = found[1].split()
            if words and words[0] in GROUPS:
                yield place, words, found[2]
        for found in _QUOTED.finditer(text):
            yield place, [found[1], found[2]], found[3]


NAMED = list(_named())


def test_there_is_advice_to_check() -> None:
    assert len(TEXTS) > 5_000
    assert len(NAMED) > 20
    assert sum("--" in text for _, text in TEXTS) > 50


def _command_of(words: list[str]) -> tuple[tuple[str, ...], click.Command] | None:
    """The longest command that the words begin with, if it is one that runs."""
    for length in range(len(words), 0, -1):
        if tuple(words[:length]) in COMMANDS:
            return tuple(words[:length]), COMMANDS[tuple(words[:length])]
    return None


@pytest.mark.parametrize(("place", "words", "rest"), NAMED, ids=[f"{place} {' '.join(w)}" for place, w, _ in NAMED])
def test_a_command_that_is_advised_exists_with_its_options(place: str, words: list[str], rest: str) -> None:
    found = _command_of(words)
    assert found is not None, place
    name, command = found
    assert not getattr(command, "commands", None), f"{place}: {' '.join(words)} is a group"
    own = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= own, f"{place}: {name}"


def test_an_option_that_is_advised_exists() -> None:
    for place, text in TEXTS:
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+\b", text):
            assert option in OPTIONS | _OTHERS, f"{place}: {option}"


def test_a_name_of_the_sdk_that_is_advised_exists() -> None:
    for place, text in TEXTS:
        for dotted in re.findall(r"\bhd\.([A-Za-z_.]+)", text):
            value: object = hd
            for name in dotted.strip(".").split("."):
                assert hasattr(value, name), f"{place}: hd.{dotted}"
                value = getattr(value, name)


def test_a_variable_of_the_environment_that_is_advised_exists() -> None:
    known = {
        f"HYPERDATASETS_{name.upper()}" for name in ("home", "debug", *(each.name for each in fields(ClientConfig)))
    }
    known.add("HYPERDATASETS_DEBUG")
    known |= {f"{PREFIX}{each.name.upper()}" for each in fields(ServiceConfig)}
    for place, text in TEXTS:
        for name in re.findall(r"\bHYPERDATASETS_[A-Z_]*[A-Z]\b(?!_)", text):
            assert name in known, f"{place}: {name}"


_CLASSES = {"Dataset": hd.Dataset, "DatasetVersion": hd.DatasetVersion, "DataView": hd.DataView,
            "Experiment": hd.Experiment, "SingleFrame": hd.SingleFrame, "Task": hd.Task, "view": hd.DataView,
            "version": hd.DatasetVersion, "draft": hd.DatasetVersion}  # fmt: skip


def test_a_method_that_is_advised_exists() -> None:
    """Such as `DatasetVersion.create_snapshot`, or `version.write`, in backticks."""
    for place, text in TEXTS:
        for owner, name in re.findall(rf"`({'|'.join(_CLASSES)})\.([a-z_]+)[(`]", text):
            assert hasattr(_CLASSES[owner], name), f"{place}: {owner}.{name}"
