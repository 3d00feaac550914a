"""The shapes of an object: `bndbox`, `robndbox`, `polygon`; the most specific becomes the geometry."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from hyperdatasets.core.frames import Geometry
from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.core.wording import counted
from hyperdatasets.formats.decimals import number
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.unfit import Unfit
from hyperdatasets.formats.voc.elements import add_text, add_to, text_in, value_of
from hyperdatasets.formats.voc.unread import TEXT, Known
from hyperdatasets.formats.written_box import is_box, written_box

SHAPES: dict[str, Kind] = {"polygon": "polygons", "robndbox": "boxes", "bndbox": "boxes"}
"""Elements, from the most to the least specific."""
NO_NUMBERS = "boxes that are not four numbers"
DEGENERATE = "boxes that are degenerate: their right or lower side does not lie beyond the left or upper one"
NO_ROTATED = "rotated boxes that are not five numbers with a width and height above 0"
NO_POLYGON = "polygons that are not at least three points of two numbers"
FURTHER = "further boxes of the same object; the first was taken"
SIDES = ("xmin", "ymin", "xmax", "ymax")
_ROTATED = ("cx", "cy", "w", "h", "angle")
_COORDINATE = re.compile(r"([xy])(\d{1,6})", re.ASCII)
_CLOSE_PX = 1.0  # a box beside a polygon that differs less is the polygon's own, rounded


class Shape(NamedTuple):
    """The geometry of an object, the other shapes and what else their elements hold; empty if nothing is kept."""

    geometry: dict[str, Any]
    meta: dict[str, Any]
    kind: Kind


def shape_of(element: Element, place: str, ledger: Ledger) -> Shape:
    """The shape of an object; what is not kept is written into the ledger."""
    found: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    for tag, kind in SHAPES.items():
        elements = element.findall(tag)
        try:
            if elements:
                found[tag] = _READ[tag](elements)
                _add_others(meta, tag, elements)
        except Unfit as unfit:
            ledger.lose(kind, place, unfit.reason, unfit.detail)
        if tag != "polygon" and len(elements) > 1:
            ledger.lose(kind, place, FURTHER, count=len(elements) - 1)
    return _chosen(found, meta)


def kind_in(element: Element) -> Kind:
    """What an object counts as, by its elements."""
    return next((kind for tag, kind in SHAPES.items() if element.find(tag) is not None), "boxes")


def add_shape(element: Element, geometry: Geometry, meta: dict[str, Any]) -> bool:
    """Inverse of `shape_of`, as far as VOC can show the shape; False if it cannot show even its box."""
    box = written_box(geometry, meta)
    if box is None or not geometry.keys() & {"box", "polygon", "ellipse", "keypoints"}:
        return False
    _add_box(element, box)
    if len(geometry.get("box", ())) > 4:
        _add_rotated(element, geometry["box"])
    for ring in geometry.get("polygon", ()):
        polygon = SubElement(element, "polygon")
        for index, value in enumerate(ring):
            add_text(polygon, f"{'xy'[index % 2]}{index // 2 + 1}", _digits(value))
    return True


def box_in(element: Element) -> list[float]:
    """The x, y, width and height of a `bndbox`.

    Raises:
        Unfit: it is no box.
    """
    texts = [text_in(element, side) for side in SIDES]
    left, top, right, bottom = map(number, texts)
    if left is None or top is None or right is None or bottom is None:
        raise Unfit(NO_NUMBERS, ", ".join(text[:20] or "nothing" for text in texts))
    if right <= left or bottom <= top:
        raise Unfit(DEGENERATE, f"{left:g}, {top:g} to {right:g}, {bottom:g}")
    return [left, top, right - left, bottom - top]


def _add_box(element: Element, box: Sequence[float]) -> None:
    x, y, width, height = box
    child = SubElement(element, "bndbox")
    for side, value in zip(SIDES, (x, y, x + width, y + height), strict=True):
        add_text(child, side, _digits(value))


def part_of(element: Element) -> dict[str, Any]:
    """A part of an object: its name, its box, and what else its element holds.

    Raises:
        Unfit: its box is no box.
    """
    part: dict[str, Any] = {"name": text_in(element, "name")} if text_in(element, "name") else {}
    box = element.find("bndbox")
    if box is not None:
        part["box"] = box_in(box)
    for child in element:
        if child.tag not in {"name", "bndbox"}:
            add_to(part, child.tag, value_of(child))
    return part


def add_part(element: Element, part: dict[str, Any]) -> None:
    """Inverse of `part_of`, for a part with a name and a box."""
    child = SubElement(element, "part")
    add_text(child, "name", part["name"])
    _add_box(child, part["box"])


def is_part(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and is_box(value.get("box"))


def _read_box(elements: Sequence[Element]) -> list[float]:
    return box_in(elements[0])


def _read_rotated(elements: Sequence[Element]) -> list[float]:
    """`angle` is in radians, clockwise, as roLabelImg writes it."""
    texts = [text_in(elements[0], part) for part in _ROTATED]
    cx, cy, width, height, angle = map(number, texts)
    if cx is None or cy is None or width is None or height is None or angle is None or width <= 0 or height <= 0:
        raise Unfit(NO_ROTATED, ", ".join(text[:20] or "nothing" for text in texts))
    return [cx - width / 2, cy - height / 2, width, height, math.degrees(angle)]


def _add_rotated(element: Element, box: Sequence[float]) -> None:
    x, y, width, height, angle = box
    child = SubElement(element, "robndbox")
    for part, value in zip(_ROTATED, (x + width / 2, y + height / 2, width, height, math.radians(angle)), strict=True):
        add_text(child, part, _digits(value))


def _read_polygon(elements: Sequence[Element]) -> list[list[float]]:
    return [_ring(element) for element in elements]


def _ring(element: Element) -> list[float]:
    """Points as `<x1/><y1/><x2/>…`, or as `<pt><x/><y/></pt>…`."""
    points = element.findall("pt")
    if points:
        texts = [text_in(point, axis) for point in points for axis in ("x", "y")]
    else:
        numbered = {(int(match[2]), match[1]): child.text or ""
                    for child in reversed(element) if (match := _COORDINATE.fullmatch(child.tag))}  # fmt: skip
        texts = [numbered.get((place, axis), "") for place in sorted({place for place, _ in numbered})
                 for axis in ("x", "y")]  # fmt: skip
    ring = [value for text in texts if (value := number(text)) is not None]
    if len(ring) < len(texts) or len(ring) < 6:
        wrong = next((text for text in texts if number(text) is None), None)
        found = counted(len(texts) // 2, "point")
        raise Unfit(NO_POLYGON, found if wrong is None else f"`{wrong[:20]}` among the numbers")
    return ring


def known_of_polygons(elements: Sequence[Element]) -> Known:
    """What is read of polygons; their other parts become metadata, as those of boxes do."""
    numbered = {child.tag: TEXT for element in elements for child in element if _COORDINATE.fullmatch(child.tag)}
    return Known({"pt": Known({"x": TEXT, "y": TEXT})} | numbered, several=("pt",), rest=True)


_READ = {"polygon": _read_polygon, "robndbox": _read_rotated, "bndbox": _read_box}
_PARTS = {"bndbox": frozenset(SIDES), "robndbox": frozenset(_ROTATED), "polygon": frozenset({"pt"})}
KNOWN_BOXES = {tag: Known(dict.fromkeys(_PARTS[tag], TEXT), rest=True) for tag in ("bndbox", "robndbox")}


def _add_others(meta: dict[str, Any], tag: str, elements: Sequence[Element]) -> None:
    """What shape elements hold beside their numbers, such as the `username` of a polygon."""
    for child in (child for element in elements for child in element):
        if child.tag not in _PARTS[tag] and not (tag == "polygon" and _COORDINATE.fullmatch(child.tag)):
            add_to(meta, child.tag, value_of(child))


def _chosen(found: dict[str, Any], meta: dict[str, Any]) -> Shape:
    box = found.get("bndbox")
    rotated = found.get("robndbox")
    if "polygon" in found:
        geometry, kind = {"polygon": found["polygon"]}, SHAPES["polygon"]
    elif rotated or box:
        geometry, kind = {"box": rotated or box}, SHAPES["bndbox"]
    else:
        return Shape({}, meta, "boxes")
    other = rotated if "polygon" in found and rotated else box
    if other and other is not geometry.get("box") and not _is_own(geometry, other):
        meta["box"] = other
    return Shape(geometry, meta, kind)


def _is_own(geometry: dict[str, Any], box: Sequence[float]) -> bool:
    """Whether the box is that of the geometry, but for rounding."""
    x, y, width, height = bounding_box(geometry) or (0.0, 0.0, 0.0, 0.0)  # type: ignore[arg-type]
    own = (x, y, x + width, y + height)
    other = (box[0], box[1], box[0] + box[2], box[1] + box[3])
    return len(box) == 4 and all(abs(a - b) <= _CLOSE_PX for a, b in zip(own, other, strict=True))


def _digits(value: float) -> str:
    """All digits of a number; whole ones as VOC's own tools write them."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
