"""Exports as commands: to a new file or folder, or to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hyperdatasets.cli.output import show, warn
from hyperdatasets.client.exports import FORMATS, Exported
from hyperdatasets.core.errors import InvalidArgument

Format = Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="New file (croissant: folder) to write; default: standard output."),
]


def run_export(write: Callable[..., Exported], *, format_name: str, output: Path | None, as_json: bool) -> None:
    """Writes, and says what was written unless that went to standard output itself."""
    if output is None and as_json:
        raise InvalidArgument("--json tells what was written: give --output too")
    try:
        done = write(output or sys.stdout.buffer, format=format_name, progress=output is not None and not as_json)
    except BrokenPipeError:  # who reads the standard output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that nothing is flushed into it at the end
        return
    told = done.left_out | ({"frames that come again in the order, written once": done.again} if done.again else {})
    told |= {"frames that were withdrawn, left out": done.withdrawn} if done.withdrawn else {}
    if not as_json:
        for what, count in told.items():
            warn(f"{count} {what}")
    if output is not None:
        show({"output": str(output)} | done.to_plain(), as_json=as_json)
