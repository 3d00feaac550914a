"""Help and completion of every command, against the start of Python itself."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import typer

from benchmarks.measure import Figure, paired
from hyperdatasets.cli.lazy import LazyCommand
from hyperdatasets.cli.main import app

_MAIN = "from hyperdatasets.cli.main import main; main()"


def run(folder: Path, *, scale: float) -> list[Figure]:  # noqa: ARG001  # nothing is written
    commands = list(_commands(typer.main.get_command(app)))[:: 1 if scale >= 1 else 10]
    return [
        _figure("`--help`", [lambda words=words: _help(words) for words in commands]),
        _figure("completion in bash", [lambda words=words: _complete(words) for words in commands]),
    ]


def _figure(what: str, calls: list[Callable[[], None]]) -> Figure:
    taken = [paired(call, _nothing, runs=3) for call in calls]
    median, slowest = statistics.median(ours for ours, _ in taken), max(ours for ours, _ in taken)
    alone = statistics.median(baseline for _, baseline in taken)
    return Figure(
        f"{what} of {len(calls)} commands and groups: median (slowest)", f"{median:.2f} s ({slowest:.2f} s)",
        f"{alone:.3f} s: `python -c pass`", f"{median / alone:.0f} ({slowest / alone:.0f})", "0.4 s",
    )  # fmt: skip


def _commands(command: click.Command, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield above
    known = command.command if isinstance(command, LazyCommand) else command
    for name, each in getattr(known, "commands", {}).items():
        yield from _commands(each, (*above, name))


def _help(words: tuple[str, ...]) -> None:
    _python(_MAIN, *words, "--help")


def _complete(words: tuple[str, ...]) -> None:
    line = ["hyperdatasets", *words, ""]
    _python(_MAIN, _HYPERDATASETS_COMPLETE="complete_bash", COMP_WORDS=" ".join(line), COMP_CWORD=str(len(line) - 1))


def _nothing() -> None:
    _python("pass")


def _python(code: str, *arguments: str, **environment: str) -> None:
    command = [sys.executable, "-c", code, *arguments]
    subprocess.run(command, env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
