"""What a geometry measures: its shape's name, its bounding box, its area, its corners.

Pixels from the top-left corner; x runs right, y down; angles in degrees, clockwise on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hyperdatasets.core.frames import SHAPES, Geometry

LABEL = "label"  # the shape of an annotation without a geometry: it concerns the whole frame
_CORNERS = 72
Box = tuple[float, float, float, float]


def shape(geometry: Geometry) -> str:
    """Name of the shape."""
    return next(name for name in SHAPES if name in geometry)


def bounding_box(geometry: Geometry) -> Box | None:
    """x, y, width, height of the smallest upright box around it; None for a mask or a span.

    A box in space is projected along z: the box around its near and far face.
    """
    if "box" in geometry:
        return _around_box(geometry["box"])
    if "polygon" in geometry:
        rings = geometry["polygon"]
        return _around([x for ring in rings for x in ring[::2]], [y for ring in rings for y in ring[1::2]])
    if "ellipse" in geometry:
        return _around_ellipse(geometry["ellipse"])
    if "keypoints" in geometry:
        return _around(geometry["keypoints"][::2], geometry["keypoints"][1::2])
    if "box3d" in geometry:
        x, y, _, width, height, far_x, far_y, _, far_width, far_height = geometry["box3d"]
        return _around([x, x + width, far_x, far_x + far_width], [y, y + height, far_y, far_y + far_height])
    points = geometry.get("points3d") or geometry.get("polygon3d")
    return _around(points[::3], points[1::3]) if points else None


def area(geometry: Geometry) -> float | None:
    """Square pixels of a box, a polygon (holes taken out) or an ellipse; None for other shapes."""
    if "box" in geometry:
        return geometry["box"][2] * geometry["box"][3]
    if "polygon" in geometry:
        return _even_odd_area(geometry["polygon"])
    if "ellipse" in geometry:
        return math.pi * geometry["ellipse"][2] * geometry["ellipse"][3]
    return None


def corners(box: Sequence[float]) -> list[float]:
    """x and y of the four corners of a box (x, y, width, height, angle) that is turned about its middle."""
    x, y, width, height, angle = box
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    ring: list[float] = []
    for across, down in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        dx, dy = across * width, down * height
        ring += [x + width / 2 + dx * cos - dy * sin, y + height / 2 + dx * sin + dy * cos]
    return ring


def outline(geometry: Geometry) -> list[list[float]]:
    """The rings around a box, a polygon or an ellipse, each x0, y0, x1, y1, …; none around other shapes.

    An ellipse becomes a polygon of 72 corners on it.
    """
    if "box" in geometry:
        return [corners([*geometry["box"], 0.0][:5])]
    if "ellipse" in geometry:
        return [[part for turn in range(_CORNERS) for part in _on_ellipse(geometry["ellipse"], turn / _CORNERS)]]
    return [list(ring) for ring in geometry.get("polygon", ())]


def _on_ellipse(ellipse: Sequence[float], turn: float) -> tuple[float, float]:
    """A point on it; `turn` 0 to 1 goes once around."""
    cx, cy, rx, ry, theta = ellipse
    along, across = rx * math.cos(math.tau * turn), ry * math.sin(math.tau * turn)
    cos, sin = math.cos(math.radians(theta)), math.sin(math.radians(theta))
    return cx + along * cos - across * sin, cy + along * sin + across * cos


def _around(xs: Sequence[float], ys: Sequence[float]) -> Box:
    left, top = min(xs), min(ys)
    return left, top, max(xs) - left, max(ys) - top


def _around_box(box: Sequence[float]) -> Box:
    x, y, width, height = box[:4]
    if len(box) == 4 or not box[4]:
        return x, y, width, height
    angle = math.radians(box[4])
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    outer_width, outer_height = width * cos + height * sin, width * sin + height * cos
    return x + (width - outer_width) / 2, y + (height - outer_height) / 2, outer_width, outer_height


def _around_ellipse(ellipse: Sequence[float]) -> Box:
    cx, cy, rx, ry, theta = ellipse
    cos, sin = math.cos(math.radians(theta)), math.sin(math.radians(theta))
    half_width, half_height = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    return cx - half_width, cy - half_height, 2 * half_width, 2 * half_height


def _even_odd_area(rings: Sequence[Sequence[float]]) -> float:
    """Rings that lie inside an odd number of others are holes; rings are taken not to cross each other."""
    total = 0.0
    for ring in rings:
        depth = sum(_inside(ring[0], ring[1], other) for other in rings if other is not ring)
        total += _ring_area(ring) * (-1 if depth % 2 else 1)
    return total


def _ring_area(ring: Sequence[float]) -> float:
    """Shoelace formula."""
    xs, ys = ring[::2], ring[1::2]
    return abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2


def _inside(x: float, y: float, ring: Sequence[float]) -> bool:
    """A ray to the right crosses the ring an odd number of times."""
    inside = False
    xs, ys = ring[::2], ring[1::2]
    for i in range(len(xs)):
        x0, y0, x1, y1 = xs[i - 1], ys[i - 1], xs[i], ys[i]
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside
