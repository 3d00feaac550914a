"""Ledgers on the command line: options of all importers, and how a run ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from hyperdatasets.cli.output import console, errors, say, say_error, show, warn
from hyperdatasets.core.advice import on_command_line
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.escapes import on_one_line
from hyperdatasets.core.registering import CHANGES
from hyperdatasets.formats.ledger import Ledger, Weight
from hyperdatasets.formats.names import READ
from hyperdatasets.new_file import check_free, new_file

_WARNED: tuple[Weight, ...] = ("lost", "noticed")
_STYLES: dict[Weight, str] = {"lost": "red", "skipped": "dim", "noticed": "yellow"}
Format = Annotated[str, typer.Option("--format", help=f"auto, or one of {', '.join(READ)}.")]
Classes = Annotated[
    str, typer.Option(help="Only annotations with these labels, separated by commas, and their frames.")
]
Limit = Annotated[int | None, typer.Option(help="Stop after so many frames.")]
Replace = Annotated[bool, typer.Option("--replace-annotations", help="Annotations of the files replace stored ones.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove frames whose files have disappeared from the draft.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read everything, write nothing.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail if anything is lost.")]
Scale = Annotated[
    bool, typer.Option("--scale-annotations", help="Scale annotations that were made for a proportional size.")
]
BoxesAs = Annotated[
    str,
    typer.Option(
        help="Only for pictures that EXIF turns, and only if the annotations name no size: `stored` if the boxes were "
        "drawn on the picture before it is turned, `shown` if after. Default: shown, with a notice."
    ),
]
Report = Annotated[Path | None, typer.Option(help="New file for the whole ledger, as JSON.")]


def check_report(report: Path | None, *, output: Path | None = None) -> None:
    """Called before anything is read, so that no run ends without its report.

    Args:
        output: where an export goes.

    Raises:
        AlreadyExists: there is something of that name.
        NotFound: there is no such folder.
        InvalidArgument: it is the place of the export, or lies in it.
    """
    if report is None:
        return
    if output is not None and output.resolve() in {report.resolve(), *report.resolve().parents}:
        raise InvalidArgument(f"--report {report}: give it another place than --output {output}")
    check_free(report)


def finish(
    ledger: Ledger, *, report: Path | None, strict: bool, as_json: bool, to_stderr: bool = False,
    about: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Prints the ledger, then writes the report; exits with 1 if the run failed, or was strict and lost something.

    Args:
        to_stderr: standard output is taken.
        about: what else is told of the run.
    """
    if as_json:
        show({**(about or {}), **_plain(ledger)}, as_json=True)
    else:
        _print(ledger, console if not to_stderr else errors)
    if report is not None:
        with new_file(report) as file:
            file.write(orjson.dumps(_worded(ledger.to_plain()), option=orjson.OPT_INDENT_2))
    if problem := ledger.failed or ("something was lost (--strict)" if strict and not ledger.complete else ""):
        say_error(problem)
        raise typer.Exit(1)


def _plain(ledger: Ledger) -> dict[str, object]:
    """The ledger with the counts of frames at the top."""
    warnings = [str(note) for note in ledger.notes if note.weight != "skipped"]
    failed = [str(note) for note in ledger.losses() if note.kind == "frames"]
    plain: dict[str, object] = _worded(ledger.to_plain() | ledger.frames | {"warnings": warnings, "failed": failed})
    return plain


def _worded(plain: Any) -> Any:
    """All texts with the flags that they speak of."""
    if isinstance(plain, dict):
        return {key: _worded(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [*map(_worded, plain)]
    return on_command_line(plain) if isinstance(plain, str) else plain


def _style(line: str) -> str:
    """The colour of a weight; empty for a place, which has that of the line above."""
    return next((style for weight, style in _STYLES.items() if line.startswith(f"{weight}: ")), "")


def _print(ledger: Ledger, out: Console) -> None:
    for sentence in ledger.about:
        say(on_one_line(sentence), to=out)
    totals = {weight: sum(note.count for note in ledger.notes if note.weight == weight) for weight in _WARNED}
    if said := ", ".join(f"{count} {weight}" for weight, count in totals.items() if count):
        warn(said)
    style = ""
    for line in ledger.lines(rest="; --report FILE lists all"):
        style = _style(line) or style
        say(line, to=errors, style=style)
    for kind, read, kept in ledger.table():
        say(f"{kind}: {read} read, {kept} kept", to=out)
    counts = {what: count for what, count in ledger.frames.items() if what not in CHANGES}
    if counts:
        say(", ".join(f"{what}: {count}" for what, count in counts.items()), to=out)
    for what, count in ledger.frames.items():
        if what in CHANGES:
            say(f"updated: {what} ({count})", to=out)
