"""What of each segment is looked at: the elements of some frames in the table of a field."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine.bitmaps import Ordinals, to_array
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.deadline import check
from hyperdatasets.engine.index import DatasetIndex, table_of
from hyperdatasets.engine.segment import Segment
from hyperdatasets.engine.table import Table


class Chosen:
    """Elements of one segment's table that are looked at: those of some frames (that a ROI query matches)."""

    def __init__(self, segment: Segment, path: str, revisions: BitMap, rois: Node | None = None) -> None:
        self.segment = segment
        self.table, self.name = table_of(segment, path, "frame")
        self.frames = segment.place_set(revisions)
        self._rois = rois if self.table is segment.rois else None

    @property
    def column(self) -> Column | None:
        return self.table.columns.get(self.name)

    @property
    def whole(self) -> bool:
        """Whether these are all elements of their frames."""
        return self._rois is None

    @cached_property
    def elements(self) -> BitMap:
        if self.table is self.segment.frames:
            return self.frames
        elements = self.table.of_frames(self.frames)
        return elements if self._rois is None or not elements else elements & self.segment.rois_matching(self._rois)

    @cached_property
    def per_frame(self) -> NDArray[np.int64]:
        """How many of them each of the frames has; shape (len(frames),)."""
        counts = self.table.per_frame if self.whole else self.table.counts(self.elements)
        return counts[to_array(self.frames)].astype(np.int64)

    @cached_property
    def count(self) -> int:
        """How many elements are looked at."""
        if self.table is self.segment.frames or not self.whole:
            return len(self.elements)
        return self.table.of_all.among(self.frames)

    @property
    def missing(self) -> int:
        """How many of them have no value."""
        if self.column is None:
            return self.count
        if len(self.column.present) == self.table.size:
            return 0
        return len(self.elements) - self.column.present.intersection_cardinality(self.elements)

    @property
    def covered(self) -> int:
        """How many of the frames have a value."""
        if self.column is None:
            return 0
        if self.table is self.segment.frames:
            return int(self.column.present.intersection_cardinality(self.frames))
        if len(self.column.present) == self.table.size:
            return int(np.count_nonzero(self.per_frame))
        return frame_count(self.table, to_array(self.column.present & self.elements))


def chosen(index: DatasetIndex, path: str, revisions: BitMap, rois: Node | None = None) -> Iterator[Chosen]:
    """Where a frame field (also `rois.…`, `sources.…`) stands, segment by segment, as long as there is time."""
    for segment in index.segments:
        check()
        found = Chosen(segment, path, revisions, rois)
        if found.frames:
            yield found


def frame_count(table: Table, rows: Ordinals) -> int:
    """Frames of these elements."""
    seen = np.zeros(table.frames, bool)
    seen[table.owners[rows]] = True
    return int(np.count_nonzero(seen))
