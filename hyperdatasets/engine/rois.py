"""The table of ROIs of many frames, made column by column: there are several on a frame, and most are alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.core.geometry import area, bounding_box, shape
from hyperdatasets.engine.column import Column, of_numbers
from hyperdatasets.engine.table import Table, TableBuilder

_BOX = ("x", "y", "width", "height")


def rois_table(frames: Sequence[Frame]) -> Table:
    """ROIs in the order of their frames."""
    per_frame = [frame.get("annotations", ()) for frame in frames]
    listed: list[Any] = list(chain.from_iterable(per_frame))
    builder = TableBuilder()
    builder.owners = np.repeat(np.arange(len(frames)), [len(each) for each in per_frame]).tolist()
    builder.extend("id", range(len(listed)), [each["id"] for each in listed])
    labels = [each["labels"] for each in listed]
    owners = np.repeat(np.arange(len(listed)), [len(each) for each in labels]).tolist()
    builder.extend("label", owners, list(chain.from_iterable(labels)))
    for name in ("confidence", "origin", "meta"):
        for element, each in enumerate(listed):
            if name in each:
                builder.add(name, element, each[name])
    _add_sources(builder, frames, listed)
    return builder.build(len(frames), _add_geometry(builder, listed))


def _add_sources(builder: TableBuilder, frames: Sequence[Frame], listed: list[Annotation]) -> None:
    """The names of the sources that a ROI lies on; all of its frame's if it names none."""
    names = [[source["id"] for source in frame["sources"]] for frame in frames]
    for element, (owner, each) in enumerate(zip(builder.owners, listed, strict=True)):
        builder.add("sources", element, each.get("sources") or names[owner])


def _add_geometry(builder: TableBuilder, listed: list[Annotation]) -> dict[str, Column]:
    """Shape and measures; those of upright boxes, which are nearly all, at once."""
    geometries = [each.get("geometry") for each in listed]
    boxes = [each.get("box") if each else None for each in geometries]
    if listed and all(box is not None and len(box) == len(_BOX) for box in boxes):
        builder.extend("shape", range(len(listed)), ["box"] * len(listed))
        sides = np.array(boxes, np.float64)
        columns = {name: of_numbers(len(listed), None, sides[:, i]) for i, name in enumerate(_BOX)}
        return {**columns, "area": of_numbers(len(listed), None, sides[:, 2] * sides[:, 3])}
    for element, (each, geometry) in enumerate(zip(listed, geometries, strict=True)):
        builder.add("shape", element, shape(each))
        if geometry is None:
            continue
        builder.add("area", element, area(geometry))
        for name, value in zip(_BOX, bounding_box(geometry) or (), strict=False):
            builder.add(name, element, value)
        for name, value in zip(("start", "end"), geometry.get("span", ()), strict=False):
            builder.add(name, element, value)
    return {}
