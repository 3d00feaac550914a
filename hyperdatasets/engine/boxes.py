"""Shapes that reach beyond the image they lie on: by their bounding boxes, so that angles count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine.bitmaps import Ordinals, to_array, to_bitmap, union
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.groups import parts
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.segment import Segment

TOLERANCE = 1e-6  # pixels; the bounding box of a turned shape is rounded
IN_SPACE = ("box3d", "points3d", "polygon3d")  # their coordinates are not pixels of an image


@dataclass(frozen=True)
class Outside:
    """`boxes` reach beyond some image that they lie on; `unknown` lie on no image of known size."""

    boxes: int
    unknown: int
    judged: int
    revisions: BitMap


def outside(index: DatasetIndex, revisions: BitMap, *, rois: Node | None = None) -> Outside:
    """Judges the shapes in the plane of these frames (those that a ROI query matches)."""
    boxes = unknown = judged = 0
    offending = BitMap()
    for part in parts(index, "rois.x", revisions, rois=rois):
        shapes = Shapes(part.segment, part.elements)
        placed, beyond = shapes.beyond()
        boxes += len(beyond)
        unknown += len(shapes.elements) - len(placed)
        judged += len(placed)
        offending |= part.segment.to_revisions(part.table.frames_of(beyond))
    return Outside(boxes, unknown, judged, offending)


class Shapes:
    """The ROIs of one segment that have a bounding box in the plane.

    Args:
        chosen: the ROIs of the segment that are looked at.
    """

    def __init__(self, segment: Segment, chosen: BitMap) -> None:
        self._segment, self._table, self._chosen = segment, segment.rois, chosen

    def beyond(self) -> tuple[BitMap, BitMap]:
        """Those that lie on an image of known size, and of these the ones that reach beyond it."""
        placed, beyond = BitMap(), BitMap()
        for rois, widths, heights in self.on_images():
            x, y, width, height = (values[rois] for values in self.box)
            out = (x < -TOLERANCE) | (y < -TOLERANCE)
            out |= (x + width > widths + TOLERANCE) | (y + height > heights + TOLERANCE)
            placed |= to_bitmap(rois)
            beyond |= to_bitmap(rois[out])
        return placed, beyond

    @cached_property
    def elements(self) -> BitMap:
        columns = self._table.columns
        if "x" not in columns:
            return BitMap()
        shape = columns["shape"]
        codes = [code for name in IN_SPACE if (code := shape.texts.code(name)) is not None]
        return (self._chosen & columns["x"].present) - union(shape.postings[code] for code in codes)

    @cached_property
    def box(self) -> list[NDArray[np.float64]]:
        """x, y, width and height of each ROI of the segment; NaN where it has none."""
        return [_dense(self._table.columns[name], self._table.size) for name in ("x", "y", "width", "height")]

    def on_images(self) -> Iterator[tuple[Ordinals, NDArray[np.float64], NDArray[np.float64]]]:
        """ROIs with the width and height of an image they lie on, source by source (ids are unique in a frame)."""
        images = self._segment.sources
        lies_on = self._table.columns.get("sources")
        if lies_on is None or not self.elements or not {"id", "width", "height"} <= images.columns.keys():
            return
        widths, heights = (_dense(images.columns[name], images.size) for name in ("width", "height"))
        sized = to_bitmap(np.flatnonzero((widths > 0) & (heights > 0)))
        ids = images.columns["id"]
        for code, source in enumerate(ids.texts):
            of_source = lies_on.texts.code(source)
            found = to_array(ids.postings[code] & sized)
            if of_source is None or not len(found):
                continue
            rois = to_array(lies_on.postings[of_source] & self.elements)
            owners = images.owners[found]
            places = np.minimum(np.searchsorted(owners, self._table.owners[rois]), len(owners) - 1)
            same = owners[places] == self._table.owners[rois]
            yield rois[same], widths[found[places[same]]], heights[found[places[same]]]


def _dense(column: Column, size: int) -> NDArray[np.float64]:
    """The number of each element; NaN where it has none."""
    values: NDArray[Any] = np.full(size, np.nan)
    for numbers in column.numbers:
        if len(numbers):
            values[numbers.rows] = numbers.wide
    return values
