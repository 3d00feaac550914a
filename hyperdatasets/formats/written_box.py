"""The box of a shape as exports write it: the one that it came with, else the smallest around what is labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hyperdatasets.core.frames import Geometry
from hyperdatasets.core.geometry import Box, bounding_box


def written_box(geometry: Geometry, meta: Mapping[str, Any]) -> Sequence[float] | None:
    """x, y, width, height of the `box` in the metadata, else the box around the shape; None for a mask or a span."""
    given = meta.get("box")
    return given if is_box(given) else box_around(geometry, meta)


def box_around(geometry: Geometry, meta: Mapping[str, Any]) -> Box | None:
    """The smallest upright box; key points whose visibility is 0 are left out, unless all of them are."""
    if "keypoints" not in geometry:
        return bounding_box(geometry)
    return bounding_box({"keypoints": labelled(geometry["keypoints"], meta.get("visibility"))})


def labelled(points: Sequence[float], visibility: Any) -> list[float]:
    """The points x, y, x, y … that are labelled; all where the visibilities do not say it."""
    if not isinstance(visibility, list) or 2 * len(visibility) != len(points):
        return list(points)
    pairs = zip(points[::2], points[1::2], visibility, strict=True)
    return [part for x, y, seen in pairs if seen for part in (x, y)] or list(points)


def is_box(value: Any) -> bool:
    """Whether it is a list of four numbers."""
    return isinstance(value, list) and len(value) == 4 and all(type(each) in {int, float} for each in value)
