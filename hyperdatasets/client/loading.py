"""Folders of data into datasets: through the node of this site, or as frames without a site."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hyperdatasets.client.bulk import WriteResult
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.client.node import local_node
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.formats import reading
from hyperdatasets.formats.entry import Entry, Problem
from hyperdatasets.formats.media import probe_file
from hyperdatasets.v1 import node_service_pb2 as pb


def register(
    path: str | Path,
    *,
    dataset_name: str,
    dataset_project: str = "",
    format: str = "auto",
    version_name: str = "",
    replace_annotations: bool = False,
    node: str = "",
) -> dict[str, Any]:
    """Registers a folder at the node on this machine; the data stays where it is.

    Returns:
        Counts (`scanned`, `added`, `updated`, `unchanged`) and `problems`: (file, reason) of what was left out.
    """
    client = local_node(node)
    dataset = f"{dataset_project}/{dataset_name}" if dataset_project else dataset_name
    request = pb.RegisterRequest(
        path=str(path), format="" if format == "auto" else format, dataset=dataset, version=version_name,
        replace_annotations=replace_annotations,
    )  # fmt: skip
    problems: list[tuple[str, str]] = []
    last = pb.RegisterResponse()
    for answer in client.register(request):
        problems += [(each.file, each.reason) for each in answer.problems]
        last = answer
    for file, reason in problems:
        warnings.warn(f"{file}: {reason}", stacklevel=2)
    return {
        "scanned": last.scanned, "added": last.added, "updated": last.updated, "unchanged": last.unchanged,
        "problems": problems,
    }  # fmt: skip


def import_frames(
    path: str | Path,
    *,
    dataset_name: str,
    dataset_project: str = "",
    format: str = "auto",
    uri_prefix: str = "",
    progress: bool = False,
    client: MetadataClient | None = None,
) -> WriteResult:
    """Writes the metadata of a folder as frames without a site, into the draft of a dataset (made if missing).

    Args:
        uri_prefix: what stands before each file's path in its URI; default: `file://` and the folder.
    """
    folder = Path(path)
    entries = reading.read(folder, format)
    dataset = Dataset.create(dataset_name, dataset_project=dataset_project, client=current(client))
    draft = DatasetVersion.get_version(dataset_id=dataset.id, client=current(client))
    problems: list[Problem] = []
    result = draft.write(_frames(entries, folder, uri_prefix, problems), mode="register", progress=progress)
    result.warnings += [f"{each.file}: {each.reason}" for each in problems]
    return result


def _frames(
    entries: Iterator[Entry], folder: Path, uri_prefix: str, problems: list[Problem]
) -> Iterator[dict[str, Any]]:
    prefix = (uri_prefix or f"file://{quote(str(folder.resolve()))}").rstrip("/")
    for entry in entries:
        problems += entry.problems
        if entry.left_out:
            continue
        if entry.frame is not None:
            yield entry.frame
            continue
        media, problem = probe_file(folder / entry.path)
        if problem:
            problems.append(Problem(entry.path, problem))
        elif media is not None:
            frame, left_out = entry.to_frame(f"{prefix}/{quote(entry.path)}", media)
            problems += left_out
            yield frame
