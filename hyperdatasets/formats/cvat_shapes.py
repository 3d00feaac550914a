"""CVAT's shapes as our geometries, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hyperdatasets.core.frames import Annotation
from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.formats.ledger import Kind
from hyperdatasets.formats.raster import Bitmap, bitmap_of, bitmap_to_runs, rings_of, runs_to_bitmap
from hyperdatasets.formats.unfit import Unfit

CORNERS = ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")
"""Of a cuboid: top or bottom, left or right, of the near and the far face, in CVAT's order."""
KINDS: Mapping[str, Kind] = {
    "box": "boxes", "polygon": "polygons", "mask": "polygons", "ellipse": "ellipses", "points": "key points",
    "polyline": "key points", "skeleton": "key points", "cuboid": "key points", "tag": "labels",
}  # fmt: skip
LINES = "lines, kept as key points with `shape` in their metadata"
CUBOIDS = "cuboids, kept as the key points of their corners with `shape` in their metadata"
RASTERED = "polygons of several rings, which CVAT sees as masks of whole pixels"
_ABSENT, _HIDDEN, _VISIBLE = 0, 1, 2
_WHOLE = 1 << 40  # coordinates beyond are no pixels


class Shape(NamedTuple):
    """Geometry and metadata of an element; `notice` says what is kept otherwise than it was."""

    geometry: dict[str, Any]
    meta: dict[str, Any]
    notice: str = ""


def shape_of(element: Element) -> Shape:
    """Raises Unfit."""
    return _READ[element.tag](element)


def numbers(element: Element, *names: str) -> list[float]:
    """Raises Unfit."""
    missing = [name for name in names if name not in element.attrib]
    if missing:
        raise Unfit("shapes without coordinates", ", ".join(missing))
    return [_number(element.attrib[name]) for name in names]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unfit("shapes whose coordinates are no numbers", f"`{text[:40]}`") from None


def _points(element: Element) -> list[float]:
    """`x,y;x,y`."""
    if "points" not in element.attrib:
        raise Unfit("shapes without coordinates", "points")
    pairs = [pair.split(",") for pair in element.attrib["points"].strip().strip(";").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise Unfit("shapes whose points are no pairs of numbers", element.attrib["points"][:60])
    return [_number(part) for pair in pairs for part in pair]


def _angle(element: Element) -> list[float]:
    return numbers(element, "rotation") if "rotation" in element.attrib else []


def _box(element: Element) -> Shape:
    left, top, right, bottom = numbers(element, "xtl", "ytl", "xbr", "ybr")
    return Shape({"box": [left, top, right - left, bottom - top, *_angle(element)]}, {})


def _ellipse(element: Element) -> Shape:
    return Shape({"ellipse": [*numbers(element, "cx", "cy", "rx", "ry"), *(_angle(element) or [0.0])]}, {})


def _polygon(element: Element) -> Shape:
    return Shape({"polygon": [_points(element)]}, {})


def _polyline(element: Element) -> Shape:
    return Shape({"keypoints": _points(element)}, {"shape": "polyline"}, LINES)


def _cuboid(element: Element) -> Shape:
    names = [f"{axis}{corner}" for corner in CORNERS for axis in "xy"]
    return Shape({"keypoints": numbers(element, *names)}, {"shape": "cuboid"}, CUBOIDS)


def _skeleton(element: Element) -> Shape:
    """Sub-elements in the order of the file; other shapes than points cannot be parts."""
    points: list[float] = []
    names, visibility, attributes = [], [], []
    for part in element:
        if part.tag == "attribute":
            continue
        place = _points(part) if part.tag == "points" else []
        if len(place) != 2:
            raise Unfit("skeletons with other parts than single points", f"<{part.tag}>")
        points += place
        names.append(part.get("label", ""))
        outside, occluded = part.get("outside") == "1", part.get("occluded") == "1"
        visibility.append(_ABSENT if outside else _HIDDEN if occluded else _VISIBLE)
        attributes.append({each.get("name", ""): each.text or "" for each in part.iter("attribute")})
    meta: dict[str, Any] = {"keypoint_names": names, "visibility": visibility}
    return Shape({"keypoints": points}, meta | ({"keypoint_attributes": attributes} if any(attributes) else {}))


def _mask(element: Element) -> Shape:
    """Run lengths row by row, pixels that are not set first, of the part of the picture at left, top."""
    left, top, width, height = numbers(element, "left", "top", "width", "height")
    if not all(math.isfinite(side) and side == int(side) for side in (left, top, width, height)):
        raise Unfit("masks that cannot be decoded", "left, top, width and height are whole numbers")
    try:
        counts = [int(count) for count in element.get("rle", "").split(",")]
        rings = rings_of(runs_to_bitmap(counts, int(width), int(height)).T)
    except ValueError as error:
        raise Unfit("masks that cannot be decoded", str(error)[:100]) from None
    if not rings:
        raise Unfit("masks without a set pixel")
    moved = [[part + (top if index % 2 else left) for index, part in enumerate(ring)] for ring in rings]
    return Shape({"polygon": moved}, {"shape": "mask"})


_READ: Mapping[str, Callable[[Element], Shape]] = {
    "box": _box, "ellipse": _ellipse, "polygon": _polygon, "polyline": _polyline, "points": lambda element: Shape(
        {"keypoints": _points(element)}, {}
    ),
    "cuboid": _cuboid, "skeleton": _skeleton, "mask": _mask,
}  # fmt: skip


def element_of(annotation: Annotation) -> tuple[Element, str] | None:
    """The element for an annotation, without its label and attributes, and what is to be noticed.

    None for what CVAT has no place for.
    """
    geometry, meta = annotation.get("geometry"), annotation.get("meta", {})
    if not geometry:
        return Element("tag"), ""
    if "box" in geometry:
        return _box_element(geometry["box"]), ""
    if "ellipse" in geometry:
        cx, cy, rx, ry, angle = map(repr, geometry["ellipse"])
        return Element("ellipse", {"cx": cx, "cy": cy, "rx": rx, "ry": ry, "rotation": angle}), ""
    if "polygon" in geometry:
        return _area_element(geometry["polygon"], as_mask=meta.get("shape") == "mask")
    return (_points_element(geometry["keypoints"], meta), "") if "keypoints" in geometry else None


def _box_element(box: Sequence[float]) -> Element:
    x, y, width, height = box[:4]
    sides = {"xtl": repr(x), "ytl": repr(y), "xbr": repr(x + width), "ybr": repr(y + height)}
    return Element("box", sides | ({"rotation": repr(box[4])} if len(box) > 4 else {}))


def _area_element(rings: Sequence[Sequence[float]], *, as_mask: bool) -> tuple[Element, str]:
    """Several rings are a mask, since a polygon of CVAT has one."""
    mask = _mask_element(rings) if as_mask or len(rings) > 1 else None
    if mask is None:
        return Element("polygon", {"points": _pairs(max(rings, key=len))}), RASTERED if len(rings) > 1 else ""
    exact = shape_of(mask).geometry["polygon"] == [list(ring) for ring in rings]
    return mask, "" if exact else RASTERED


def _mask_element(rings: Sequence[Sequence[float]]) -> Element | None:
    """None where no pixel is inside, or too many are."""
    x, y, width, height = bounding_box({"polygon": [list(ring) for ring in rings]}) or (0.0, 0.0, 0.0, 0.0)
    if max(map(abs, (x, y, x + width, y + height))) > _WHOLE:
        return None
    left, top = math.floor(x), math.floor(y)
    moved = [np.asarray(ring) - np.tile((left, top), len(ring) // 2) for ring in rings]
    try:
        bitmap = bitmap_of([ring.tolist() for ring in moved], math.ceil(x + width) - left, math.ceil(y + height) - top)
    except ValueError:
        return None
    return _bitmap_element(bitmap, left, top)


def _bitmap_element(bitmap: Bitmap, left: int, top: int) -> Element | None:
    if not bitmap.any():
        return None
    height, width = bitmap.shape
    rle = ", ".join(map(str, bitmap_to_runs(bitmap.T)))
    return Element("mask", {"rle": rle, "left": str(left), "top": str(top), "width": str(width), "height": str(height)})


def _points_element(points: Sequence[float], meta: Mapping[str, Any]) -> Element:
    names = meta.get("keypoint_names")
    if meta.get("shape") == "cuboid" and len(points) == 2 * len(CORNERS):
        sides = [f"{axis}{corner}" for corner in CORNERS for axis in "xy"]
        return Element("cuboid", dict(zip(sides, map(repr, points), strict=True)))
    if isinstance(names, list) and 2 * len(names) == len(points) and all(isinstance(name, str) for name in names):
        return _skeleton_element(points, names, meta.get("visibility"))
    return Element("polyline" if meta.get("shape") == "polyline" else "points", {"points": _pairs(points)})


def _skeleton_element(points: Sequence[float], names: Sequence[str], visibility: Any) -> Element:
    skeleton = Element("skeleton")
    known = visibility if isinstance(visibility, list) and len(visibility) == len(names) else [_VISIBLE] * len(names)
    for index, (name, seen) in enumerate(zip(names, known, strict=True)):
        flags = {"outside": "1" if seen == _ABSENT else "0", "occluded": "1" if seen == _HIDDEN else "0"}
        place = _pairs(points[2 * index : 2 * index + 2])
        SubElement(skeleton, "points", {"label": name, **flags, "points": place})
    return skeleton


def _pairs(points: Sequence[float]) -> str:
    return ";".join(f"{x!r},{y!r}" for x, y in zip(points[::2], points[1::2], strict=True))
