"""Help and completion load no more than they show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
import typer

from hyperdatasets.cli.lazy import LazyCommand
from hyperdatasets.cli.main import app
from hyperdatasets.formats import names, registry
from hyperdatasets.version import __version__

_HEAVY = {
    "grpc", "google", "numpy", "pandas", "pyarrow", "PIL", "sqlite_utils", "pyroaring", "lark", "cryptography", "yaml",
    "re2", "zstandard", "blake3",
}  # fmt: skip
_RUN = """
import contextlib, io, json, os, sys
from hyperdatasets.cli.main import main
said = {{}}
for words, environment in {calls!r}:
    os.environ.update(environment)
    sys.argv[1:] = words
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main()
    loaded = sorted({{name.partition(".")[0] for name in sys.modules}} & {heavy!r})
    said[" ".join(words) or environment["COMP_WORDS"]] = (loaded, text.getvalue())
print(json.dumps(said))
"""


def _commands(group: click.Command, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group, with the words that name it."""
    command = group.command if isinstance(group, LazyCommand) else group
    yield above, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _commands(each, (*above, name))


_ALL = dict(_commands(typer.main.get_command(app)))


def _said(calls: list[tuple[list[str], dict[str, str]]]) -> dict[str, tuple[list[str], str]]:
    """What each call has loaded by its end, and what it printed; all in one process, for the sake of time."""
    answer = subprocess.run(
        [sys.executable, "-c", _RUN.format(calls=calls, heavy=_HEAVY)], capture_output=True, text=True, timeout=120,
        check=False, env={name: text for name, text in os.environ.items() if name != "_HYPERDATASETS_COMPLETE"},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return {call: (loaded, text) for call, (loaded, text) in json.loads(answer.stdout).items()}


def test_help_of_every_command_loads_no_libraries() -> None:
    assert len(_ALL) > 80
    said = _said([([*words, "--help"], {}) for words in _ALL])
    for words, command in _ALL.items():
        loaded, text = said[" ".join([*words, "--help"])]
        assert "Usage" in text
        assert (command.help or "").split()[0] in text
        assert not loaded, f"{words}: or a command before it"


def test_completion_behind_every_command_loads_no_libraries() -> None:
    how = {"_HYPERDATASETS_COMPLETE": "complete_bash"}
    calls = []
    for words, command in _ALL.items():
        line = ["hyperdatasets", *words, "" if getattr(command, "commands", None) else "--"]
        calls.append(([], how | {"COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}))
    said = _said(calls)
    assert len(said) == len(_ALL)
    for call, (loaded, text) in said.items():
        words = tuple(call.split()[1:])
        group = getattr(_ALL.get(words), "commands", None)
        assert set(text.split()) == set(group) if group else "--help" in text.split(), call
        assert not loaded, f"{call}: or a command before it"


def test_the_version_loads_no_libraries() -> None:
    assert _said([(["--version"], {})]) == {"--version": ([], f"{__version__}\n")}


def test_the_names_in_help_are_those_of_all_formats() -> None:
    assert tuple(registry.READ) == names.READ
    assert tuple(registry.WRITTEN) == names.WRITTEN


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group
def test_what_a_command_is_said_to_do_is_what_it_says(name: str) -> None:
    lazy = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert isinstance(lazy, LazyCommand)
    assert (lazy.command.help or "").partition("\n\n")[0].replace("\n", " ") == lazy.help
