"""A shape of CVAT with its label and attributes as an annotation, and back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson
from defusedxml.ElementTree import fromstring

from hyperdatasets.core.frames import Annotation
from hyperdatasets.core.plain import INT64
from hyperdatasets.formats.cvat_shapes import CORNERS, KINDS, Shape, element_of, shape_of
from hyperdatasets.formats.entry import Item
from hyperdatasets.formats.extension import OWN, carried, restored, seal_of
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.unfit import Unfit

Spec = Mapping[tuple[str, str], str]
"""Label and name of an attribute -> its input type: checkbox, number, select, radio, text."""
_GEOMETRY = frozenset({
    "xtl", "ytl", "xbr", "ybr", "rotation", "points", "cx", "cy", "rx", "ry", "rle", "left", "top", "width", "height",
}) | {f"{axis}{corner}" for axis in "xy" for corner in CORNERS}  # fmt: skip
_FLAGS = ("occluded", "keyframe")
_WHOLES = ("z_order", "group_id")
_PASSED_OVER = _GEOMETRY | {"label", "frame", OWN}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


class Given(NamedTuple):
    """What stands around a shape: the label and attributes of its track, and the kinds of all attributes."""

    spec: Spec
    label: str = ""
    meta: Mapping[str, Any] = {}  # read only


def item_of_shape(element: Element, given: Given, place: str, ledger: Ledger) -> Item | None:
    """None if it cannot be kept, of which the ledger knows."""
    kind = KINDS[element.tag]
    try:
        shape = shape_of(element) if element.tag != "tag" else Shape({}, {})
    except Unfit as unfit:
        ledger.lose(kind, place, unfit.reason, unfit.detail)
        return None
    if shape.notice:
        ledger.notice(kind, place, shape.notice)
    said = _said(element, shape, given, place, ledger)
    own = _json(element.get(OWN), place, ledger)
    return Item(restored(said, own, _seal(element), kind=kind, place=place, ledger=ledger), kind, place)


def _said(element: Element, shape: Shape, given: Given, place: str, ledger: Ledger | None) -> dict[str, Any]:
    label = element.get("label", given.label)
    named = _named(element, label, given.spec, place, ledger)
    builtin = {**given.meta, **_builtin(element), **shape.meta}
    for name in named.keys() & builtin.keys() if ledger else ():
        ledger.lose("attributes", place, "attributes of CVAT's own, where one of the label has the same name", name)  # type: ignore[union-attr]
    said: dict[str, Any] = {"labels": [label]}
    if shape.geometry:
        said["geometry"] = shape.geometry
    if meta := builtin | named:
        said["meta"] = meta
    return said


def _builtin(element: Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in element.attrib.items():
        if name in _FLAGS and text in {"0", "1"}:
            found[name] = text == "1"
        elif name in _WHOLES and _INTEGER.fullmatch(text):
            found[name] = int(text)
        elif name not in _PASSED_OVER and (name, text) != ("outside", "0"):
            found[name] = text
    return found


def _named(element: Element, label: str, spec: Spec, place: str, ledger: Ledger | None) -> dict[str, Any]:
    """Values of the attributes that the project defines for the label."""
    found: dict[str, Any] = {}
    for each in element:
        if each.tag == "attribute":
            name = each.get("name", "")
            if name in found and ledger:
                ledger.lose("attributes", place, "attributes that a shape has twice; the last was taken", name)
            found[name] = typed(each.text or "", spec.get((label, name), ""))
        elif element.tag != "skeleton" and ledger:
            ledger.lose("attributes", place, "parts of a shape that are not known", f"<{each.tag}>")
    return found


def typed(text: str, input_type: str) -> Any:
    """The value of an attribute; text where it does not fit its type."""
    bare = text.strip()
    if input_type == "checkbox" and bare.lower() in {"true", "false"}:
        return bare.lower() == "true"
    if input_type == "number" and bare.isascii():
        if _INTEGER.fullmatch(bare) and int(bare) in INT64:
            return int(bare)
        try:
            return number if math.isfinite(number := float(bare)) else text
        except ValueError:
            return text
    return text


def element_for(annotation: Annotation, plain: Mapping[str, Any]) -> tuple[Element, str, dict[str, str]] | None:
    """The element of an annotation, what is to be noticed, and attribute -> its input type.

    None for what CVAT has no place for.

    Args:
        plain: the annotation as import must give it back.
    """
    made = element_of(annotation)
    if made is None:
        return None
    element, notice = made
    element.set("label", xml_text(annotation["labels"][0]))
    types = _add_attributes(element, annotation.get("meta", {}))
    if element.tag != "tag" and "occluded" not in element.attrib:
        element.set("occluded", "0")  # CVAT does not load a shape without it
    back = fromstring(tostring(element), forbid_dtd=True)
    said = _said(back, shape_of(back) if back.tag != "tag" else Shape({}, {}), Given({}), "", None)
    if own := carried(plain, said, _seal(back)):
        element.set(OWN, json_text(own))
    return element, notice, types


def _add_attributes(element: Element, meta: Mapping[str, Any]) -> dict[str, str]:
    types: dict[str, str] = {}
    for name, value in meta.items():
        if name in _FLAGS or name in _WHOLES or name == "source":
            if type(value) is {"source": str}.get(name, bool if name in _FLAGS else int):
                element.set(name, xml_text(str(int(value) if name != "source" else value)))
        elif isinstance(value, str | bool | int | float) and not _is_of_shape(name):
            known = xml_text(name)
            SubElement(element, "attribute", {"name": known}).text = xml_text(_text(value))
            types[known] = _input_type(value)
    return types


def _is_of_shape(name: str) -> bool:
    return name in {"shape", "keypoint_names", "visibility", "keypoint_attributes"}


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def _input_type(value: str | float) -> str:
    return "checkbox" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def xml_text(text: str) -> str:
    """The text with replacement characters for what XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)


def json_text(plain: Mapping[str, Any]) -> str:
    """JSON that is safe in XML, whatever its texts hold."""
    text = orjson.dumps(plain).decode()
    return _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _json(text: str | None, place: str, ledger: Ledger) -> Any:
    if text is None:
        return None
    return json_of(text, place, ledger)


def json_of(text: str, place: str, ledger: Ledger) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        ledger.lose("attributes", place, "data under `hyperdatasets` that cannot be read")
        return None


def _seal(element: Element) -> str:
    """Over everything that the element says, less what is ours."""
    own = sorted((name, text) for name, text in element.attrib.items() if name != OWN)
    parts = [[each.tag, sorted(each.attrib.items()), each.text or ""] for each in element]
    return seal_of([element.tag, own, parts])
