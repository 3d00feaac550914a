"""Geometries at the border: checks the numbers of each shape and brings them into normal form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.frames import SHAPES, Geometry
from hyperdatasets.core.plain import entries, integer

_NUMBERS = frozenset({int, float})


def check_geometry(plain: Any, where: str) -> Geometry:
    """The geometry in normal form, or InvalidFrame; `where` begins the message."""
    if not isinstance(plain, Mapping) or len(plain) != 1:
        raise InvalidFrame(f"{where}: expected exactly one of {', '.join(SHAPES)}")
    ((name, value),) = plain.items()
    check = _CHECKS.get(name)
    if check is None:
        raise InvalidFrame(f"{where}: no shape {name!r:.60}; expected one of {', '.join(SHAPES)}")
    return cast("Geometry", {name: check(value, f"{where}.{name}")})


def _doubles(value: Any, where: str) -> list[float]:
    if not isinstance(value, list | tuple):
        raise InvalidFrame(f"{where}: expected a list of numbers, got {type(value).__name__}")
    if not _NUMBERS.issuperset(map(type, value)):
        wrong = next(number for number in value if type(number) not in _NUMBERS)
        raise InvalidFrame(f"{where}: expected numbers, got {wrong!r:.60}")
    try:
        doubles = [float(number) + 0.0 for number in value]
    except OverflowError:  # whole numbers past 1e308
        doubles = [math.inf]
    if not math.isfinite(sum(doubles)):
        raise InvalidFrame(f"{where}: NaN, infinite or enormous numbers are no coordinates")
    return doubles


def _box(value: Any, where: str) -> list[float]:
    box = _doubles(value, where)
    if len(box) not in {4, 5}:
        raise InvalidFrame(f"{where}: expected x, y, width, height and perhaps an angle, got {len(box)} numbers")
    if box[2] <= 0 or box[3] <= 0:
        raise InvalidFrame(f"{where}: width and height must be above 0, got {box[2]:g} x {box[3]:g}")
    return box


def _polygon(value: Any, where: str) -> list[list[float]]:
    if not isinstance(value, list | tuple) or not value:
        raise InvalidFrame(f"{where}: expected a list of rings, each x0, y0, x1, y1, …")
    rings = [_doubles(ring, f"{where}[{index}]") for index, ring in enumerate(value)]
    if any(len(ring) < 6 or len(ring) % 2 for ring in rings):
        raise InvalidFrame(f"{where}: a ring has at least three points of two coordinates")
    return rings


def _ellipse(value: Any, where: str) -> list[float]:
    ellipse = _doubles(value, where)
    if len(ellipse) != 5 or ellipse[2] <= 0 or ellipse[3] <= 0:
        raise InvalidFrame(f"{where}: expected cx, cy, rx, ry, theta with radii above 0")
    return ellipse


def _points(value: Any, where: str, *, dimensions: int, least: int) -> list[float]:
    points = _doubles(value, where)
    if len(points) < dimensions * least or len(points) % dimensions:
        raise InvalidFrame(f"{where}: expected at least {least} points of {dimensions} coordinates")
    return points


def _box3d(value: Any, where: str) -> list[float]:
    box = _doubles(value, where)
    if len(box) != 10 or min(box[3], box[4], box[8], box[9]) < 0:
        raise InvalidFrame(f"{where}: expected x, y, z, width, height of the near face, then of the far one")
    return box


def _rgb(value: Any, where: str) -> list[int]:
    colour = [integer(part, where) for part in entries(value, where, 3)]
    if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
        raise InvalidFrame(f"{where}: expected red, green, blue from 0 to 255")
    return colour


def _span(value: Any, where: str) -> list[int]:
    span = [integer(part, where, least=0) for part in entries(value, where, 2)]
    if len(span) != 2 or span[1] < span[0]:
        raise InvalidFrame(f"{where}: expected start and end, the end not before the start")
    return span


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "keypoints": lambda value, where: _points(value, where, dimensions=2, least=1),
    "mask": _rgb,
    "points3d": lambda value, where: _points(value, where, dimensions=3, least=1),
    "polygon3d": lambda value, where: _points(value, where, dimensions=3, least=3),
    "box3d": _box3d,
    "span": _span,
}
