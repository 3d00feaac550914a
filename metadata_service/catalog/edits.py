"""Edits of many frames at once: copies from elsewhere, changes to everything that a query matches, projections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hyperdatasets.core.canonical import canonical_bytes, frame_digest
from hyperdatasets.core.errors import EtagMismatch, InvalidArgument
from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.wording import counted
from hyperdatasets.engine.bitmaps import to_array
from hyperdatasets.engine.segment import Row as IndexRow
from hyperdatasets.engine.segment import build
from metadata_service.catalog import frames
from metadata_service.catalog.batch import checked
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.outcomes import Failure, Outcome
from metadata_service.catalog.rows import frame_of
from metadata_service.catalog.tombstones import withdrawn_ids
from metadata_service.store.protocol import Row, Writing

_READ = 2_000  # revisions read and written at once


@dataclass(frozen=True, slots=True)
class Change:
    """To ROIs (those that the query matches), and to `meta`: merged key by key, null removes a key."""

    add_labels: tuple[str, ...] = ()
    remove_labels: frozenset[str] = frozenset()
    relabel: Mapping[str, str] | None = None
    set_meta: Mapping[str, Any] | None = None
    roi_query: str = ""

    def __post_init__(self) -> None:
        if not (self.add_labels or self.remove_labels or self.relabel or self.set_meta):
            raise InvalidArgument(
                "say what to change: `option add_label`, `option remove_label`, `option relabel` or `option set_meta`"
            )
        if self.set_meta and "site" in self.set_meta:
            raise InvalidArgument("set_meta: `meta.site` belongs to the site")

    def apply(self, frame: Frame) -> Frame:
        plain = cast("dict[str, Any]", dict(frame))
        if self.add_labels or self.remove_labels or self.relabel:
            chosen = self._chosen(frame)
            changed = [
                self._relabelled(each) if place in chosen else each
                for place, each in enumerate(frame.get("annotations", ()))
            ]
            plain["annotations"] = [each for each in changed if each["labels"]]
        if self.set_meta:
            merged = {**frame.get("meta", {}), **self.set_meta}
            plain["meta"] = {key: value for key, value in merged.items() if value is not None}
        return normalise(plain)[0]

    def _chosen(self, frame: Frame) -> set[int]:
        if not self.roi_query:
            return set(range(len(frame.get("annotations", ()))))
        segment = build([IndexRow(0, frame)])
        matching = to_array(segment.rois_matching(parse(self.roi_query, "roi").node))
        return set(segment.rois.places_of(matching).tolist())

    def _relabelled(self, annotation: Annotation) -> Annotation:
        renamed = [(self.relabel or {}).get(label, label) for label in annotation["labels"]]
        labels = [label for label in dict.fromkeys((*renamed, *self.add_labels)) if label not in self.remove_labels]
        return {**annotation, "labels": labels}


def check_unchanged(revisions: Collection[int], etag: int) -> None:
    """Raises EtagMismatch if the only frame that was found has another revision than the one that was read."""
    if len(revisions) != 1:
        raise InvalidArgument(f"an etag is that of one frame, and {counted(len(revisions), 'frame')} match: query one")
    (revision,) = revisions
    if revision != etag:
        raise EtagMismatch(f"the frame is at revision {revision}, not {etag}: read it again and repeat", etag=revision)


def update(
    writing: Writing,
    contents: Contents,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    version: Row,
    *,
    revisions: Sequence[int],
    change: Change,
    preview: bool,
) -> int:
    """Changes these frames of a draft in the caller's transaction; returns how many do change."""
    changed = 0
    for start in range(0, len(revisions), _READ):
        rows = writing.revisions(dataset["id"], revisions[start : start + _READ])
        new = [change.apply(frame_of(row)) for row in rows]
        differing = [
            frame for row, frame in zip(rows, new, strict=True) if frame_digest(canonical_bytes(frame)) != row["digest"]
        ]
        changed += len(differing)
        if not preview:
            batch = checked(cast("list[Mapping[str, Any]]", differing))
            outcome = frames.write(writing, contents, caller, now_ms, dataset, version, mode="shared_part", batch=batch)
            version = outcome.version
    return changed


def copy(
    writing: Writing,
    contents: Contents,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    version: Row,
    *,
    source: Row,
    revisions: Sequence[int],
    preview: bool,
) -> Outcome:
    """Puts frames of another version into a draft, as they are there: their sites' parts stay the sites' own."""
    total = Outcome(version=version)
    for start in range(0, len(revisions), _READ):
        rows = writing.revisions(source["id"], revisions[start : start + _READ])
        gone = withdrawn_ids(writing, dataset["id"], [row["frame_id"] for row in rows])
        total.failures += [
            Failure(start + place, row["frame_id"], frames.already_withdrawn(row["frame_id"]))
            for place, row in enumerate(rows)
            if row["frame_id"] in gone
        ]
        rows = [row for row in rows if row["frame_id"] not in gone]
        ids = [row["frame_id"] for row in rows]
        current = frames.current_rows(writing, contents, dataset, total.version, ids)
        total.unchanged += sum(row["frame_id"] in current and _same(row, current[row["frame_id"]]) for row in rows)
        new = [row for row in rows if not (row["frame_id"] in current and _same(row, current[row["frame_id"]]))]
        total.updated += sum(row["frame_id"] in current for row in new)
        total.added += sum(row["frame_id"] not in current for row in new)
        if not preview and new:
            total.version = frames.adopt(
                writing, caller, now_ms, dataset, total.version, new, current, origin=source["id"]
            )
    return total


def _same(one: Row, other: Row) -> bool:
    return bool(one["digest"] == other["digest"])
