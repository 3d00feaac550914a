"""An immutable part of the index: the revisions of a range, laid out so that a query is set algebra.

Evaluation is a pure function of (segment, query): its results can be kept for ever and computed side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.query.tree import All, And, Exists, Leaf, Node, Not, Nothing, Or, Range, Scope, Some, Term
from hyperdatasets.engine.bitmaps import Ordinals, complement, everything, to_array, to_bitmap, union
from hyperdatasets.engine.clusters import clustered
from hyperdatasets.engine.deadline import check
from hyperdatasets.engine.evaluate import satisfying_texts
from hyperdatasets.engine.rois import MEASURES, owners_of, rois_table
from hyperdatasets.engine.table import Table, TableBuilder, is_any_text, made, merge_tables

SAVED = ("saved", "saved_in_version")
_FRAME_FIELDS = ("id", "context_id", "timestamp", "site", "meta")
_SOURCE_FIELDS = ("id", "uri", "content_type", "width", "height", "timestamp", "size_bytes", "meta")


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

    @cached_property
    def first(self) -> int | None:
        """The first revision, if there is no gap between them."""
        if not self.size or int(self.revisions[-1]) - int(self.revisions[0]) + 1 != self.size:
            return None
        return int(self.revisions[0])

    @cached_property
    def names(self) -> Mapping[Scope, frozenset[str]]:
        """Names of the fields that some element has a value of; those of elements are a frame's too."""
        rois, sources = frozenset(self.rois.columns), frozenset(self.sources.columns)
        own = frozenset(self.frames.columns)
        of_elements = {f"rois.{name}" for name in rois} | {f"sources.{name}" for name in sources}
        return {"frame": own | of_elements, "local": own, "roi": rois, "source": sources}

    def search(self, node: Node, scope: Scope) -> BitMap:
        """Revisions that match: the frame itself (frame, local), or some ROI or source of it."""
        check()
        if scope == "roi":
            node = Some("rois", node)
        elif scope == "source":
            node = Some("sources", node)
        return self.to_revisions(self._frames(node))

    def rois_matching(self, node: Node) -> BitMap:
        """Numbers of the ROIs, within the segment, that a ROI query matches."""
        return self._elements(node, self.rois)

    def to_revisions(self, frames: BitMap) -> BitMap:
        if self.first is not None:
            return frames.shift(self.first)
        return to_bitmap(self.revisions[to_array(frames)])

    def places(self, revisions: BitMap) -> Ordinals:
        """Numbers, within the segment, of those of these revisions that it has."""
        return to_array(self.place_set(revisions))

    def place_set(self, revisions: BitMap) -> BitMap:
        """The same as a set."""
        inside = revisions & self.revision_set
        if self.first is not None:
            return inside.shift(-self.first)
        return to_bitmap(np.searchsorted(self.revisions, to_array(inside)))

    def _frames(self, node: Node, within: BitMap | None = None) -> BitMap:
        match node:
            case Some(elements, child):
                table = self.rois if elements == "rois" else self.sources
                known = _holding(table, child)
                return table.frames_of(self._elements(child, table)) if known is None else known
            case Leaf(field) if is_any_text(field):
                return self._any_text(node)
            case _:
                return self._combined(node, self.frames, within)

    def _elements(self, node: Node, table: Table, within: BitMap | None = None) -> BitMap:
        if isinstance(node, Leaf) and is_any_text(node.field):
            return table.any_text(node, leave_out=MEASURES)
        return self._combined(node, table, within)

    def _combined(self, node: Node, table: Table, within: BitMap | None) -> BitMap:
        """What matches; elements outside of `within` may be left out or not."""
        check()
        match node:
            case And(children):
                return self._all_of(children, table, within)
            case Or(children):
                return union(self._of(child, table, within) for child in children)
            case Not(child):
                return complement(self._of(child, table, None), table.size)
            case Leaf():
                return table.leaf(node, within)
            case All():
                return everything(table.size)
            case Nothing():
                return BitMap()
            case Some():
                raise InvalidQuery(
                    "a ROI or a source has no ROIs or sources of its own", position=0, expected="a field"
                )

    def _all_of(self, children: Sequence[Node], table: Table, within: BitMap | None) -> BitMap:
        """What matches all; ranges come last, since they look at elements: at the fewest so, or several at once."""
        ranges = [child for child in children if isinstance(child, Leaf) and _is_range(child)]
        for child in sorted((child for child in children if child not in ranges), key=_cost):
            found = self._of(child, table, within)
            within = found if within is None else within & found
            if not within:
                return within
        return table.in_all(ranges, within)

    def _of(self, node: Node, table: Table, within: BitMap | None) -> BitMap:
        if table is self.frames:
            return self._frames(node, within)
        return self._elements(node, table, within)

    def _any_text(self, leaf: Leaf) -> BitMap:
        """Any text of the frame, of its sources, and its labels."""
        own = self.frames.any_text(leaf, leave_out=SAVED)
        of_sources = self.sources.frames_of(self.sources.any_text(leaf))
        label = self.rois.columns.get("label")
        if label is None:
            return own | of_sources
        return own | of_sources | self.rois.frames_of(satisfying_texts(label, leaf.field, leaf.test))


def _is_range(leaf: Leaf) -> bool:
    return isinstance(leaf.test, Range) and not is_any_text(leaf.field)


def _cost(node: Node) -> int:
    """Conditions on texts are looked up, so they come first."""
    match node:
        case Leaf(_, Term() | Exists()) | All() | Nothing():
            return 0
        case And(children) | Or(children):
            return max(_cost(child) for child in children)
        case Not(child) | Some(_, child):
            return 1 + _cost(child)
        case Leaf(_, Range()):
            return 3
        case _:
            return 2


def _holding(table: Table, node: Node) -> BitMap | None:
    """Frames with an element that satisfies one condition on texts alone, where that was made ready; else None."""
    if isinstance(node, All):
        return table.of_all.holding
    ready = table.ready_texts(node)
    return None if ready is None else table.holding(*ready)


def build(rows: Iterable[Row]) -> Segment:
    """A segment of frames; rows by ascending revision."""
    listed = list(rows)
    revisions = np.array([row.revision for row in listed], np.uint32)
    rois = rois_table([row.frame for row in listed])
    return Segment(revisions, _frames_table(listed), rois, _sources_table(listed))


def _frames_table(rows: Sequence[Row]) -> Table:
    elements = np.arange(len(rows), dtype=np.uint32)
    frames = TableBuilder(elements)
    for name in _FRAME_FIELDS:
        frames.add(name, elements, [row.frame.get(name) for row in rows])
    times = {milliseconds: time_text(milliseconds) for milliseconds in {row.saved_ms for row in rows}}
    frames.add("num_frames", elements, [len(row.frame["sources"]) for row in rows])
    frames.add("saved", elements, [times[row.saved_ms] for row in rows])
    frames.add("saved_in_version", elements, [row.saved_in_version for row in rows])
    return frames.build(len(rows))


def _sources_table(rows: Sequence[Row]) -> Table:
    per_frame = [row.frame["sources"] for row in rows]
    listed = list(chain.from_iterable(per_frame))
    sources = TableBuilder(owners_of(per_frame))
    elements = np.arange(len(listed), dtype=np.uint32)
    for name in _SOURCE_FIELDS:
        sources.add(name, elements, [source.get(name) for source in listed])
    return made(sources.build(len(rows)))


def build_private(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Segment:
    """A segment of private columns: (revision, columns), by ascending revision; for local queries."""
    listed = list(rows)
    size = len(listed)
    elements, nothing = np.arange(size, dtype=np.uint32), np.zeros(0, np.uint32)
    frames = TableBuilder(elements)
    frames.add("", elements, [dict(columns) for _, columns in listed])
    empty = TableBuilder(nothing).build(size)
    return Segment(np.array([revision for revision, _ in listed], np.uint32), frames.build(size), empty, empty)


def merge(segments: Sequence[Segment]) -> Segment:
    """One segment of neighbours, in their order."""
    if len(segments) == 1:
        return segments[0]
    return Segment(
        np.concatenate([segment.revisions for segment in segments]),
        merge_tables([segment.frames for segment in segments]),
        clustered(merge_tables([segment.rois for segment in segments])),
        made(merge_tables([segment.sources for segment in segments])),
    )


def time_text(milliseconds: int) -> str:
    time = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"
