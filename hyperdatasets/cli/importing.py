"""`import`: metadata of a folder as frames without a site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import hyperdatasets as hd
from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.ledgers import (
    BoxesAs,
    Classes,
    DryRun,
    Format,
    Limit,
    Prune,
    Replace,
    Report,
    Scale,
    Strict,
    check_report,
    finish,
)
from hyperdatasets.cli.output import Json
from hyperdatasets.client.ledgers import untold

if TYPE_CHECKING:
    from hyperdatasets.client import asked
else:
    asked = LazyModule("hyperdatasets.client.asked")


def import_command(
    path: Annotated[Path, typer.Argument(help="Folder with the data; or a zip or tar file, JSON lines, Parquet.")],
    dataset: Annotated[str, typer.Option(help="`project/name`; made if it does not exist.")],
    format_name: Format = "auto",
    uri_prefix: Annotated[str, typer.Option(help="What stands before each file's path in its URI.")] = "",
    classes: Classes = "",
    limit: Limit = None,
    replace_annotations: Replace = False,
    prune: Prune = False,
    dry_run: DryRun = False,
    strict: Strict = False,
    scale_annotations: Scale = False,
    boxes_as: BoxesAs = "",
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Write the metadata of a folder as frames without a site; run again it goes on where it was."""
    check_report(report)
    with untold():
        ledger = hd.import_frames(
            path, dataset_name=dataset, format=format_name, uri_prefix=uri_prefix,
            classes=asked.labels_in(classes), limit=limit,
            replace_annotations=replace_annotations, prune=prune, dry_run=dry_run,
            scale_annotations=scale_annotations, boxes_as=boxes_as, progress=not as_json,
        )  # fmt: skip
    finish(ledger, report=report, strict=strict, as_json=as_json)
