"""Advice in messages: flags and commands on the command line, arguments and calls in Python, neutral on the wire."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main

import hyperdatasets
from hyperdatasets.cli.lazy import LazyCommand
from hyperdatasets.cli.main import app
from hyperdatasets.client import admin
from hyperdatasets.client.ledgers import told
from hyperdatasets.core import advice
from hyperdatasets.core.advice import in_python, on_command_line, option
from hyperdatasets.core.errors import InvalidArgument, NotFound
from hyperdatasets.formats.intake import DISAPPEARED
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.wire.errors import to_status

ROOT = Path(__file__).parents[2]
SOURCES = [path for name in ("hyperdatasets", "metadata_service", "node") for path in (ROOT / name).rglob("*.py")]
FLAG = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(
    r"hyperdatasets (admin|check|dataset|experiment|frames|import|node|serve|site|user|version|view)\b"
)
CALL = re.compile(r"\b[a-z_]+\([a-z_]+=|\b[a-z_]+=(True|False)\b|\b[a-z]+_[a-z]+=\"")
OF_PYTHON = {"mode", "format"}  # options of calls that no command makes, or that several commands have


def messages() -> Iterator[tuple[str, str]]:
    """Each text in the code that is more than a word, without docstrings: (file:line, text), values as `…`."""
    for path in SOURCES:
        if not {"v1", "demo"} & set(path.parts) and path.name != "advice.py":
            yield from _texts(path)


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    tree = ast.parse(path.read_text())
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield f"{path.relative_to(ROOT)}:{node.lineno}", "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within | docstrings:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


MESSAGES = [(place, text) for place, text in messages() if " " in text.strip()]
MARKED = [(place, text) for place, text in MESSAGES if re.search(r"`(option|command) ", text)]


def test_no_text_outside_of_the_command_line_names_a_flag_or_a_command() -> None:
    elsewhere = [(place, text) for place, text in MESSAGES if not place.startswith("hyperdatasets/cli/")]
    assert len(elsewhere) > 1_000
    assert [each for each in elsewhere if FLAG.search(each[1]) or COMMAND.search(each[1])] == []


def test_no_text_that_the_command_line_shows_is_a_call_of_python() -> None:
    shown = [(place, text) for place, text in MESSAGES if not re.match(r"hyperdatasets/(flower|torch)", place)]
    assert [each for each in shown if CALL.search(on_command_line(each[1]))] == []


def test_every_mark_becomes_words_of_its_place() -> None:
    assert len(MARKED) > 40
    for place, text in MARKED:
        assert not FLAG.search(in_python(text)), place
        assert not COMMAND.search(in_python(text)), place
        assert not re.search(r"`(option|command) ", in_python(text)), place
        assert not re.search(r"`(option|command) ", on_command_line(text)), place


def group(command: click.Command) -> dict[str, click.Command]:
    """The commands of a group, loaded."""
    loaded = command.command if isinstance(command, LazyCommand) else command
    return dict(loaded.commands) if isinstance(loaded, click.Group) else {}


def flags(command: click.Command) -> Iterator[str]:
    loaded = command.command if isinstance(command, LazyCommand) else command
    for parameter in loaded.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for each in group(loaded).values():
        yield from flags(each)


def test_every_flag_and_command_that_is_named_is_there() -> None:
    root = typer.main.get_command(app)
    known = set(flags(root))
    for place, text in MARKED:
        for kind, name in re.findall(r"`(option|command) ([a-z_ -]+)", text):
            if kind == "option" and name not in OF_PYTHON:
                flag = on_command_line(f"`option {name}`").strip("`")
                assert flag in known, f"{place}: {flag}"
            elif kind == "command":
                found = root
                for part in name.split():
                    assert part in group(found), f"{place}: {name}"
                    found = group(found)[part]


def test_every_call_that_is_named_is_there() -> None:
    for call in advice._CALLS.values():
        first, *rest = call.removeprefix("hyperdatasets.client.").split(".")
        found = admin if first == "admin" else getattr(hyperdatasets, first)
        for part in rest:
            found = getattr(found, part)
        assert callable(found)
    edit = hyperdatasets.DatasetVersion.update_by_query
    arguments = {
        name
        for each in (hyperdatasets.import_frames, hyperdatasets.register, hyperdatasets.Dataset.delete, edit)
        for name in inspect.signature(each).parameters
    }
    assert advice._SWITCHES | set(advice._ARGUMENTS.values()) <= arguments


@pytest.mark.parametrize(("text", "flags", "arguments"), [
    ("`option prune` removes them", "`--prune` removes them", "`prune=True` removes them"),
    ("`option boxes_as=stored`", "`--boxes-as stored`", '`boxes_as="stored"`'),
    ("`option frame_query=*`", "`--query '*'`", '`frame_query="*"`'),
    (option("column_type", "my age=text"), "`--column-type 'my age=text'`", '`column_types={"my age": "text"}`'),
    (option("columns", "a`b.csv"), "`--columns`", "`columns`"),
    ("without `option version`", "without `--version`", "without `version_name`"),
    ("`command version create`", "`hyperdatasets version create`", "`DatasetVersion.create_version`"),
    ("`command site approve=a`", "`hyperdatasets site approve a`", '`hyperdatasets.client.admin.approve_site("a")`'),
    ("run `command node enrol` there", "run `hyperdatasets node enrol` there", "run the command `node enrol` there"),
    ("a column `option` and `other`", "a column `option` and `other`", "a column `option` and `other`"),
])  # fmt: skip
def test_marks_in_both_words(text: str, flags: str, arguments: str) -> None:
    assert (on_command_line(text), in_python(text)) == (flags, arguments)
    assert on_command_line(flags) == flags
    assert in_python(arguments) == arguments


def test_an_error_speaks_python_and_travels_neutral() -> None:
    error = InvalidArgument("say `option prune`")
    assert str(error) == "say `prune=True`"
    assert error.message == to_status(error).details == "say `option prune`"
    assert str(NotFound("plain")) == "plain"


def test_a_warning_of_a_ledger_speaks_python() -> None:
    ledger = Ledger("files")
    ledger.notice("frames", "a.png", DISAPPEARED)
    with pytest.warns(UserWarning, match="`prune=True` removes them") as seen:
        told(ledger)
    assert len(seen) == 1
    assert "`prune=True` removes" in repr(ledger)


def test_a_warning_is_left_alone_that_has_no_mark() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ledger = Ledger("files")
        ledger.lose("frames", "`option prune.png", "cannot be read")
        told(ledger)
    assert "`option prune.png" in str(seen[0].message)
