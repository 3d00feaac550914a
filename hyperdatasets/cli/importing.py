"""`import`: metadata of a folder as frames without a site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperdatasets.cli.output import Json, show, warn
from hyperdatasets.client.loading import import_frames
from hyperdatasets.formats.reading import detect


def import_command(
    path: Annotated[Path, typer.Argument(help="Folder with the data.")],
    dataset: Annotated[str, typer.Option(help="`project/name`; made if it does not exist.")],
    format_name: Annotated[
        str, typer.Option("--format", help="voc, coco, yolo, jsonl, imagefolder, files or auto.")
    ] = "auto",
    uri_prefix: Annotated[str, typer.Option(help="What stands before each file's path in its URI.")] = "",
    as_json: Json = False,
) -> None:
    """Write the metadata of a folder as frames without a site; run again it goes on where it was."""
    project, _, name = dataset.rpartition("/")
    result = import_frames(
        path, dataset_name=name, dataset_project=project, format=format_name, uri_prefix=uri_prefix,
        progress=not as_json,
    )  # fmt: skip
    failed = [{"index": each.index, "id": each.id, "reason": each.message} for each in result]
    used = detect(path) if format_name == "auto" else format_name
    counts = {"format": used, "added": result.added, "updated": result.updated, "unchanged": result.unchanged}
    if as_json:
        show(counts | {"failed": failed, "warnings": result.warnings}, as_json=True)
        return
    for text in [*result.warnings, *(f"{each['id']}: {each['reason']}" for each in failed)]:
        warn(text)
    show(counts, as_json=False)
