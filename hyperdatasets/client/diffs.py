"""What differs between two versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from hyperdatasets.client import json_text
from hyperdatasets.client.long_reads import read_at_one_go
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.tables import Table
from hyperdatasets.v1 import version_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Counts, and the changed frames: (frame id, added | removed | changed, [(path, before, after)])."""

    added: int
    removed: int
    changed: int
    frames: list[tuple[str, str, list[tuple[str, Any, Any]]]]

    def __repr__(self) -> str:
        return f"VersionDiff({self.added} added, {self.removed} removed, {self.changed} changed)"

    def _repr_html_(self) -> str:
        rows = [
            (frame, kind, {path: f"{old!r} → {new!r}" for path, old, new in what}) for frame, kind, what in self.frames
        ]
        return Table(repr(self), ("frame", "change", "what"), rows).html()


def diff(client: MetadataClient, *, dataset: str, version: str, other: str, explain: int, limit: int) -> VersionDiff:
    """What `other` has that `version` has not, and the other way round; of the first `explain` frames also what."""
    request = pb.DiffVersionsRequest(dataset=dataset, before=version, after=other, explain=explain, limit=limit)
    return read_at_one_go(client, request, _diff)


def _diff(answers: Iterator[pb.DiffVersionsResponse]) -> VersionDiff:
    head = next(answers)
    listed = [_change(each) for answer in chain([head], answers) for each in answer.changes]
    return VersionDiff(head.added, head.removed, head.changed, listed)


def _change(change: pb.FrameChange) -> tuple[str, str, list[tuple[str, Any, Any]]]:
    kind = pb.ChangeKind.Name(change.kind).removeprefix("CHANGE_KIND_").lower()
    fields = [(each.path, json_text.read(each.before_json), json_text.read(each.after_json)) for each in change.fields]
    return change.frame_id, kind, fields
