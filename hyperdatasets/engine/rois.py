"""The table of ROIs of many frames, made column by column: there are several on a frame, and most are alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.frames import Frame, Geometry
from hyperdatasets.core.geometry import LABEL, area, bounding_box, shape
from hyperdatasets.engine.bitmaps import Ordinals
from hyperdatasets.engine.column import Column, of_numbers
from hyperdatasets.engine.table import Table, TableBuilder, made, of_like_keys

_BOX = ("x", "y", "width", "height")
MEASURES = ("area", *_BOX)  # of ROIs; numbers only


def rois_table(frames: Sequence[Frame]) -> Table:
    """ROIs in the order of their frames."""
    per_frame = [frame.get("annotations", ()) for frame in frames]
    listed: list[Any] = list(chain.from_iterable(per_frame))
    builder = TableBuilder(owners_of(per_frame))
    boxes: dict[str, Column] = {}
    for keys, elements, alike in of_like_keys(np.arange(len(listed), dtype=np.uint32), listed):
        for key in keys:
            values = list(map(itemgetter(key), alike))
            if key == "geometry":
                boxes = _add_geometry(builder, elements, values)
            else:
                builder.add("label" if key == "labels" else key, elements, values)
        if "geometry" not in keys:
            builder.add("shape", elements, [LABEL] * len(alike))
        if "sources" not in keys:
            _add_sources_of_frames(builder, frames, elements)
    return made(builder.build(len(frames), boxes))


def owners_of(per_frame: Sequence[Sequence[Any]]) -> Ordinals:
    """The number of the frame of each element, of those that each frame has."""
    counts = np.fromiter(map(len, per_frame), np.int64, len(per_frame))
    return np.repeat(np.arange(len(per_frame), dtype=np.uint32), counts)


def _add_sources_of_frames(builder: TableBuilder, frames: Sequence[Frame], elements: Ordinals) -> None:
    """The names of all sources of its frame, for ROIs that name none."""
    names = [[source["id"] for source in frame["sources"]] for frame in frames]
    builder.add("sources", elements, [names[owner] for owner in builder.owners[elements].tolist()])


def _add_geometry(builder: TableBuilder, elements: Ordinals, geometries: list[Geometry]) -> dict[str, Column]:
    """Shape and measures; as whole columns if all ROIs are upright boxes, which is usual."""
    for keys, own, alike in of_like_keys(elements, geometries):
        builder.add("shape", own, [shape(alike[0])] * len(alike))
        sides = _sides(alike) if keys == ("box",) else None
        if sides is None:
            _add_measures(builder, own, alike)
            continue
        measures = {"area": sides[:, 2] * sides[:, 3], **{name: sides[:, i] for i, name in enumerate(_BOX)}}
        if len(alike) == len(builder.owners):
            return {name: of_numbers(len(alike), None, values) for name, values in measures.items()}
        for name, values in measures.items():
            builder.add(name, own, values.tolist())
    return {}


def _sides(geometries: Sequence[Geometry]) -> NDArray[np.float64] | None:
    """x, y, width and height of boxes, unless one of them is turned; shape (n, 4)."""
    boxes = [each["box"] for each in geometries]
    if set(map(len, boxes)) != {len(_BOX)}:
        return None
    return np.fromiter(chain.from_iterable(boxes), np.float64, len(_BOX) * len(boxes)).reshape(-1, len(_BOX))


def _add_measures(builder: TableBuilder, elements: Ordinals, geometries: Sequence[Geometry]) -> None:
    builder.add("area", elements, list(map(area, geometries)))
    around = [bounding_box(each) or (None,) * len(_BOX) for each in geometries]
    for place, name in enumerate(_BOX):
        builder.add(name, elements, [each[place] for each in around])
    spans = [each.get("span", (None, None)) for each in geometries]
    for place, name in enumerate(("start", "end")):
        builder.add(name, elements, [each[place] for each in spans])
