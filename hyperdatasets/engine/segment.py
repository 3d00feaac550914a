"""An immutable part of the index: the revisions of a range, laid out so that a query is set algebra.

Evaluation is a pure function of (segment, query): its results can be kept for ever and computed side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.core.geometry import area, bounding_box, shape
from hyperdatasets.core.query.tree import All, And, Leaf, Node, Not, Nothing, Or, Scope, Some
from hyperdatasets.engine.bitmaps import Ordinals, complement, to_array, to_bitmap, union
from hyperdatasets.engine.table import Table, TableBuilder, is_any_text, merge_tables

SAVED = ("saved", "saved_in_version")
_FRAME_FIELDS = ("id", "context_id", "timestamp", "site", "meta")
_SOURCE_FIELDS = ("id", "uri", "content_type", "width", "height", "timestamp", "size_bytes", "meta")
_ROI_FIELDS = ("id", "confidence", "origin", "meta")


@dataclass(frozen=True, slots=True)
class Row:
    """One revision to index."""

    revision: int
    frame: Frame
    saved_ms: int = 0
    saved_in_version: str = ""


@dataclass(frozen=True, eq=False)
class Segment:
    """`revisions` are those of the frames, ascending; shape (frames,)."""

    revisions: Ordinals
    frames: Table
    rois: Table
    sources: Table

    @property
    def size(self) -> int:
        return len(self.revisions)

    @cached_property
    def revision_set(self) -> BitMap:
        return to_bitmap(self.revisions)

    def search(self, node: Node, scope: Scope) -> BitMap:
        """Revisions that match: the frame itself (frame, local), or some ROI or source of it."""
        if scope == "roi":
            node = Some("rois", node)
        elif scope == "source":
            node = Some("sources", node)
        return self.to_revisions(self._frames(node))

    def rois_matching(self, node: Node) -> BitMap:
        """Numbers of the ROIs, within the segment, that a ROI query matches."""
        return self._elements(node, self.rois)

    def roi_counts(self, rois: BitMap) -> NDArray[np.int64]:
        """How many of these ROIs each frame has; shape (frames,)."""
        return self.rois.counts(rois, self.size)

    def to_revisions(self, frames: BitMap) -> BitMap:
        return to_bitmap(self.revisions[to_array(frames)])

    def places(self, revisions: BitMap) -> Ordinals:
        """Numbers, within the segment, of those of these revisions that it has."""
        inside = to_array(revisions & self.revision_set)
        return np.searchsorted(self.revisions, inside).astype(np.uint32)

    def _frames(self, node: Node) -> BitMap:
        match node:
            case Some(elements, child):
                table = self.rois if elements == "rois" else self.sources
                return table.frames_of(self._elements(child, table))
            case Leaf(field) if is_any_text(field):
                return self._any_text(node)
            case _:
                return self._combined(node, self.frames)

    def _elements(self, node: Node, table: Table) -> BitMap:
        if isinstance(node, Leaf) and is_any_text(node.field):
            return table.any_text(node)
        return self._combined(node, table)

    def _combined(self, node: Node, table: Table) -> BitMap:
        evaluate = self._frames if table is self.frames else lambda child: self._elements(child, table)
        match node:
            case And(children):
                result = evaluate(children[0])
                for child in children[1:]:
                    if not result:
                        break
                    result = result & evaluate(child)
                return result
            case Or(children):
                return union(evaluate(child) for child in children)
            case Not(child):
                return complement(evaluate(child), table.size)
            case Leaf():
                return table.leaf(node)
            case All():
                return BitMap(range(table.size))
            case Nothing():
                return BitMap()
            case Some():
                raise InvalidQuery(
                    "a ROI or a source has no ROIs or sources of its own", position=0, expected="a field"
                )

    def _any_text(self, leaf: Leaf) -> BitMap:
        """Any text of the frame, of its sources, and its labels."""
        own = self.frames.any_text(leaf, leave_out=SAVED)
        of_sources = self.sources.frames_of(self.sources.any_text(leaf))
        label = self.rois.columns.get("label")
        if label is None:
            return own | of_sources
        labels = Table(self.rois.size, {"label": label}, self.rois.owners)
        return own | of_sources | labels.frames_of(labels.any_text(leaf))


def build(rows: Iterable[Row]) -> Segment:
    """A segment of frames; rows by ascending revision."""
    revisions: list[int] = []
    frames, rois, sources = TableBuilder(), TableBuilder(), TableBuilder()
    for row in rows:
        revisions.append(row.revision)
        _add_frame(row, frames)
        owner = len(revisions) - 1
        for source in row.frame["sources"]:
            element = sources.element(owner)
            for name in _SOURCE_FIELDS:
                sources.add(name, element, source.get(name))
        names = [source["id"] for source in row.frame["sources"]]
        for annotation in row.frame.get("annotations", ()):
            _add_roi(annotation, rois, owner, names)
    return Segment(np.array(revisions, np.uint32), frames.build(), rois.build(), sources.build())


def build_private(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Segment:
    """A segment of private columns: (revision, columns), by ascending revision; for local queries."""
    revisions: list[int] = []
    frames = TableBuilder()
    for revision, columns in rows:
        revisions.append(revision)
        frames.add("", frames.element(len(revisions) - 1), dict(columns))
    empty = TableBuilder().build()
    return Segment(np.array(revisions, np.uint32), frames.build(), empty, empty)


def merge(segments: Sequence[Segment]) -> Segment:
    """One segment of neighbours, in their order."""
    sizes = [segment.size for segment in segments]
    return Segment(
        np.concatenate([segment.revisions for segment in segments]),
        merge_tables([segment.frames for segment in segments], sizes),
        merge_tables([segment.rois for segment in segments], sizes),
        merge_tables([segment.sources for segment in segments], sizes),
    )


def _add_frame(row: Row, frames: TableBuilder) -> None:
    element = frames.element(len(frames.owners))
    for name in _FRAME_FIELDS:
        value = row.frame.get(name)
        if value is not None:
            frames.add(name, element, value)
    frames.add("num_frames", element, len(row.frame["sources"]))
    frames.add("saved", element, _time_text(row.saved_ms))
    frames.add("saved_in_version", element, row.saved_in_version)


def _add_roi(annotation: Annotation, rois: TableBuilder, owner: int, of_frame: list[str]) -> None:
    element = rois.element(owner)
    for name in _ROI_FIELDS:
        value = annotation.get(name)
        if value is not None:
            rois.add(name, element, value)
    rois.add("label", element, annotation["labels"])
    rois.add("sources", element, annotation.get("sources") or of_frame)
    rois.add("shape", element, shape(annotation))
    geometry = annotation.get("geometry")
    if geometry is None:
        return
    rois.add("area", element, area(geometry))
    for name, value in zip(("x", "y", "width", "height"), bounding_box(geometry) or (), strict=False):
        rois.add(name, element, value)
    for name, value in zip(("start", "end"), geometry.get("span", ()), strict=False):
        rois.add(name, element, value)


def _time_text(milliseconds: int) -> str:
    time = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"
