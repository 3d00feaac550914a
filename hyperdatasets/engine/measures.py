"""Fields that no frame says itself, but that statistics know: ROIs per frame, the aspect and relative size of boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.engine.bitmaps import Ordinals, to_array
from hyperdatasets.engine.boxes import Shapes
from hyperdatasets.engine.chosen import Chosen

Measured = tuple[NDArray[np.float64] | NDArray[np.int64], Ordinals | None]
"""Values in the order of their ROIs, and the ROI of each (None: one a frame)."""
_Relative = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

NUM_ROIS = "num_rois"
ASPECT = "rois.aspect"
_RELATIVE: dict[str, _Relative] = {
    "rois.relative_width": lambda width, _: width,
    "rois.relative_height": lambda _, height: height,
    "rois.relative_area": lambda width, height: width * height,
}
NAMES = (NUM_ROIS, ASPECT, *_RELATIVE)


def measure(name: str, found: Chosen) -> Measured:
    """The measure of each of these ROIs that has it; `num_rois`: of each frame.

    The aspect is width / height of the bounding box. Relative sizes are parts of the image's, the first of known size
    that the ROI lies on.
    """
    if name == NUM_ROIS:
        return found.per_frame.astype(np.int64), None
    shapes = Shapes(found.segment, found.elements)
    if not shapes.elements:
        return np.array([]), None
    if name == ASPECT:
        rois = to_array(shapes.elements)
        _, _, width, height = (values[rois] for values in shapes.box)
        flat = height > 0
        return (width[flat] / height[flat]), rois[flat]
    return _relative(shapes, found, _RELATIVE[name])


def _relative(shapes: Shapes, found: Chosen, of: _Relative) -> Measured:
    values = np.full(found.table.size, np.nan)
    for rois, widths, heights in _once(shapes.on_images(), found.table.size):
        _, _, width, height = (side[rois] for side in shapes.box)
        values[rois] = of(width / widths, height / heights)
    known = np.flatnonzero(~np.isnan(values)).astype(np.uint32)
    return values[known], known


def _once(
    images: Iterator[tuple[Ordinals, NDArray[np.float64], NDArray[np.float64]]], size: int
) -> Iterator[tuple[Ordinals, NDArray[np.float64], NDArray[np.float64]]]:
    """Each ROI with the first image only."""
    seen = np.zeros(size, bool)
    for rois, widths, heights in images:
        fresh = ~seen[rois]
        seen[rois] = True
        yield rois[fresh], widths[fresh], heights[fresh]
