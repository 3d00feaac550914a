"""What commands print: tables for people, JSON for programs; errors with what to do, and their exit codes."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Annotated, Any

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.tree import Tree

from hyperdatasets.client.progress import Count
from hyperdatasets.core.advice import on_command_line
from hyperdatasets.core.errors import (
    AlreadyExists,
    ChecksFailed,
    DeadlineExceeded,
    EtagMismatch,
    FailedPrecondition,
    HyperdatasetsError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from hyperdatasets.core.escapes import on_lines, on_one_line

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

CHECK_FAILED = 7
EXIT_CODES: tuple[tuple[type[HyperdatasetsError], int], ...] = (
    (NotFound, 3),
    (PermissionDenied, 4),
    (Unauthenticated, 4),
    (ChecksFailed, CHECK_FAILED),
    (AlreadyExists, 5),
    (FailedPrecondition, 5),
    (EtagMismatch, 5),
    (Unavailable, 6),
    (DeadlineExceeded, 6),
    (InvalidArgument, 1),
)
INTERRUPTED = 130

_WHOLE = frozenset({"id", "first", "digest", "fingerprint"})  # columns that are never cut, nor put into two lines
_LONGEST = 1 << 20  # characters of a line that is no terminal's

console = Console()
errors = Console(stderr=True)


def commands(help: str) -> typer.Typer:  # noqa: A002  # as typer calls it
    """Commands that belong together; click itself suggests the nearest of them."""
    return typer.Typer(no_args_is_help=True, suggest_commands=False, add_completion=False, help=help)


def show(plain: Any, *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Prints a list of rows as a table, an object as lines, or either as JSON."""
    if as_json:
        sys.stdout.write(_json(plain) + "\n")
    elif isinstance(plain, Mapping):
        for key, value in plain.items():
            if (text := _text(value)) != "":
                say(f"{key}: {text}")
    else:
        _table(list(plain), columns)


def done(text: str, plain: Mapping[str, Any], *, as_json: bool) -> None:
    """What a command did: a sentence for people, an object for programs."""
    if as_json:
        show(plain, as_json=True)
    else:
        say(text)


def say(text: str, *, to: Console = console, style: str = "") -> None:
    """Prints sentences, with advice as flags and without the control characters of terminals."""
    to.print(on_lines(on_command_line(text)), style=style, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how many were done; what it gives is told how many more."""
    with Progress(
        TextColumn(what), Count(), TimeElapsedColumn(), console=errors, disable=not errors.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda more: bar.advance(task, more)


def warn(text: str) -> None:
    say(f"warning: {text}", to=errors, style="yellow")


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """Options of the form name=value."""
    for each in given or ():
        if "=" not in each:
            raise InvalidArgument(f"{option} {each}: expected name=value")
    return {name: value for name, _, value in (each.partition("=") for each in given or ())}


def json_value(option: str, text: str) -> Any:
    """An option that holds JSON text."""
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"{option}: this is not JSON text: {error}") from None


def say_error(text: str) -> None:
    say(f"error: {text}", to=errors, style="red")


def fail(error: HyperdatasetsError) -> int:
    """Prints an error; returns the exit code of its kind."""
    say_error(error.message)
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def warnings_as_lines() -> None:
    """Warnings of the library become lines for people."""
    warnings.showwarning = lambda message, *_args, **_more: warn(str(message))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        say("(none)")
        return
    names = list(columns or rows[0])
    cells = [[_text(row[name]) for name in names] for row in rows]
    table = Table(box=None, pad_edge=False)
    for name, values in zip(names, zip(*cells, strict=True), strict=True):
        whole = name in _WHOLE or not console.is_terminal
        table.add_column(name, overflow="fold", no_wrap=whole, min_width=max(map(cell_len, values)) if whole else None)
    for each in cells:
        table.add_row(*each)
    draw(table)


def draw(figure: Table | Tree) -> None:
    """Prints a table or a tree: fitted to a terminal, or, into a pipe or file, in lines of any length."""
    if console.is_terminal:
        console.print(figure, markup=False)
        return
    drawn = StringIO()
    Console(file=drawn, width=_LONGEST).print(figure, markup=False, highlight=False)
    for line in drawn.getvalue().splitlines():
        console.file.write(line.rstrip() + "\n")


def shortened(text: str, length: int) -> str:
    """The text, cut to `length` characters on a terminal; whole in a pipe or file."""
    return text if len(text) <= length or not console.is_terminal else f"{text[:length]}…"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key or '(no site)'} {_text(each)}" for key, each in value.items())
    return "" if value is None else on_one_line(str(value))


def _json(plain: Any) -> str:
    try:
        return orjson.dumps(plain, option=orjson.OPT_INDENT_2, default=str).decode()
    except TypeError:  # half of a surrogate pair, as in the name of a file that is not UTF-8
        return json.dumps(plain, indent=2, default=str)
