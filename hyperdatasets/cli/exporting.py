"""Exports as commands: to a new file or folder, or to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hyperdatasets.cli.ledgers import Report, Strict, check_report, finish
from hyperdatasets.client.ledgers import untold
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.names import WRITTEN

Format = Annotated[str, typer.Option("--format", help=f"{', '.join(WRITTEN)}.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="New file (or folder, for formats of several files); default: standard output."
    ),
]
Media = Annotated[str, typer.Option(help="copy or link: put pictures beside their annotations, in a folder.")]
SplitBy = Annotated[str, typer.Option(help="Field whose values divide the export, such as meta.split.")]
UriPrefix = Annotated[str, typer.Option(help="URIs below it keep their path: `import --uri-prefix` reads them again.")]

__all__ = ["Format", "Media", "Output", "Report", "SplitBy", "Strict", "UriPrefix", "run_export"]


def run_export(
    write: Callable[..., Ledger], *, format_name: str, output: Path | None, media: str, split_by: str, uri_prefix: str,
    report: Path | None, strict: bool, as_json: bool,
) -> None:  # fmt: skip
    """Writes, and says what was written: on standard error where the export itself goes to standard output.

    Args:
        write: `export` of a view or a version; called with the target and the options of `How`.
        output: `-` is the standard output, as None is.

    Raises:
        InvalidArgument: `--json` without `--output`, or a report in the place of the export.
    """
    output = None if output == Path("-") else output
    if output is None and as_json:
        raise InvalidArgument("--json tells what was written: give --output too")
    check_report(report, output=output)
    shown = output is not None and not as_json
    try:
        with untold():
            ledger = write(
                output or sys.stdout.buffer, format=format_name, media=media, split_by=split_by, uri_prefix=uri_prefix,
                progress=shown,
            )  # fmt: skip
    except BrokenPipeError:  # who reads the standard output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that nothing is flushed into it at the end
        return
    finish(
        ledger, report=report, strict=strict, as_json=as_json, to_stderr=output is None, about={"output": str(output)}
    )
