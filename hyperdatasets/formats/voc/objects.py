"""An `<object>` as an annotation, and an annotation as an `<object>`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.frames import Annotation
from hyperdatasets.core.plain import meta_object
from hyperdatasets.formats.decimals import number
from hyperdatasets.formats.entry import Item
from hyperdatasets.formats.extension import OWN, carried, restored, seal_of
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.unfit import Unfit
from hyperdatasets.formats.voc.elements import (
    FLAGS,
    TooDeep,
    add_text,
    add_to,
    add_value,
    flag,
    is_tag,
    is_text,
    is_writable,
    own_of,
    text_in,
    value_of,
)
from hyperdatasets.formats.voc.shapes import (
    KNOWN_BOXES,
    SHAPES,
    SIDES,
    add_part,
    add_shape,
    is_part,
    kind_in,
    known_of_polygons,
    part_of,
    shape_of,
)
from hyperdatasets.formats.voc.unread import TEXT, Known, tell_unread

NO_SHAPE = "objects without a box or polygon"
NO_NAME = "objects without a name"
DELETED = "objects that are marked as deleted"
BAD_PARTS = "parts of objects whose box is no box"
BAD_VALUES = "elements that are nested too deep or too large"
TWICE = "attributes whose name the object has twice; the first was taken"
MORE = "elements of an attribute beside its name and value"
CLASH = "elements with a name that another part of the object needs"
_FLAGS = ("truncated", "difficult", "occluded")
_SHAPE_NAMES = frozenset({"bndbox", "robndbox"})  # texts of `type`, as roLabelImg writes it
_KNOWN = frozenset({"name", "pose", "part", "actions", "attributes", "confidence", "deleted", OWN, *_FLAGS, *SHAPES})
_ATTRIBUTE = Known({"name": TEXT, "value": TEXT}, several=("name", "value"), rest=True)
_ATTRIBUTES = Known({"attribute": _ATTRIBUTE}, several=("attribute",), rest=True)
_PART = Known({"name": TEXT, "bndbox": Known(dict.fromkeys(SIDES, TEXT))}, rest=True)
_OBJECT = Known(
    dict.fromkeys(_KNOWN, TEXT) | KNOWN_BOXES | {"actions": Known(), "attributes": _ATTRIBUTES, "part": _PART},
    several=frozenset({"name", "part", "actions", "attributes", *SHAPES}),
    rest=True,
)
_OF_SHAPES = frozenset({"box", "parts", "type"})  # metadata that is no element of its own


def read_object(element: Element, place: str, ledger: Ledger) -> Item | None:
    """An annotation; None if it is not kept, which the ledger says."""
    if FLAGS.get(text_in(element, "deleted").lower()):
        ledger.skip(kind_in(element), place, DELETED)
        return None
    said = _said(element, place, ledger)
    if said is None:
        return None
    tell_unread(element, _known_of(element), place, ledger)
    item, own = said, own_of(element, place, ledger)
    plain = restored(item.plain, own, seal_of(item.plain), kind=item.kind, place=place, ledger=ledger)
    return item._replace(plain=plain)


def _known_of(element: Element) -> Known:
    """What is read of an object and its parts; only these two depend on the object."""
    actions = {child.tag: TEXT for child in element.iterfind("actions/*")}
    rings = [child for child in element if child.tag == "polygon"]
    if not actions and not rings:
        return _OBJECT
    polygon = {"polygon": known_of_polygons(rings)} if rings else {}
    return _OBJECT._replace(parts={**_OBJECT.parts, "actions": Known(actions), **polygon})


def write_object(annotation: Annotation, plain: Mapping[str, Any]) -> Element | None:
    """An element that reads back as the annotation; None if VOC has none that other tools could read.

    Args:
        plain: the annotation, without an id that import gives it anyway.
    """
    element = Element("object")
    meta = annotation.get("meta", {})
    for label in annotation["labels"]:
        add_text(element, "name", label if label.isprintable() else label.encode("ascii", "replace").decode())
    pose = meta.get("pose")
    add_text(element, "pose", pose if isinstance(pose, str) and is_text(pose) else "Unspecified")
    for name in _FLAGS:
        if name != "occluded" or isinstance(meta.get(name), bool):
            add_text(element, name, "1" if meta.get(name) is True else "0")
    if not add_shape(element, annotation.get("geometry", {}), meta):
        return None
    if "confidence" in annotation:
        add_text(element, "confidence", repr(annotation["confidence"]))
    _add_meta(element, meta)
    return _with_own(element, plain)


def _with_own(element: Element, plain: Mapping[str, Any]) -> Element | None:
    """The element with what it does not say of the annotation."""
    scratch = Ledger()
    said = _said(element, "", scratch)
    if said is None or scratch.notes:
        return None
    own = carried(plain, said.plain, seal_of(said.plain))
    if own:
        add_text(element, OWN, json.dumps(own))
    return element


def _said(element: Element, place: str, ledger: Ledger) -> Item | None:
    """What the fields of VOC say."""
    if not any(element.find(tag) is not None for tag in SHAPES):
        ledger.lose("boxes", place, NO_SHAPE, f"`{text_in(element, 'name')[:60]}`")
        return None
    try:
        shape = shape_of(element, place, ledger)
    except TooDeep:
        ledger.lose(kind_in(element), place, BAD_VALUES)
        return None
    if not shape.geometry:
        return None
    labels = [text for name in element.findall("name") if (text := (name.text or "").strip())]
    if not labels:
        ledger.lose(shape.kind, place, NO_NAME)
        return None
    plain: dict[str, Any] = {"labels": labels, "geometry": shape.geometry}
    meta = _joined(_meta(element, place, ledger), shape.meta, place, ledger)
    confidence = number(text_in(element, "confidence"))
    if confidence is not None and 0 <= confidence <= 1:
        plain["confidence"] = confidence
    elif text := text_in(element, "confidence"):
        meta["confidence"] = text
    return Item(plain | ({"meta": meta} if meta else {}), shape.kind, place)


def _meta(element: Element, place: str, ledger: Ledger) -> dict[str, Any]:
    meta: dict[str, Any] = {
        name: value for name in _FLAGS if (text := text_in(element, name)) and (value := flag(text)) is not False
    }
    pose = text_in(element, "pose")
    if pose and pose.lower() != "unspecified":
        meta["pose"] = pose
    parts = [part for child in element.findall("part") if (part := _part(child, place, ledger))]
    actions: dict[str, bool | str] = {}
    for child in element.iterfind("actions/*"):
        actions.setdefault(child.tag, flag((child.text or "").strip()))
    attributes = _attributes(element, place, ledger)
    deleted = text_in(element, "deleted")
    lists = {"parts": parts, "actions": actions, "attributes": attributes, "deleted": flag(deleted)}
    meta |= {name: value for name, value in lists.items() if value} | {
        f"@{name}": text for name, text in element.attrib.items()
    }
    return _joined(others(element, _KNOWN, place, ledger), meta, place, ledger)


def _joined(less: dict[str, Any], more: dict[str, Any], place: str, ledger: Ledger) -> dict[str, Any]:
    """Both; where they share a name, the one that has a meaning stays."""
    for name in less.keys() & more.keys():
        ledger.lose("attributes", place, CLASH, name[:60])
    return less | more


def others(element: Element, known: frozenset[str], place: str, ledger: Ledger) -> dict[str, Any]:
    """Children without a meaning of their own, by tag; those that cannot be kept are written into the ledger."""
    found: dict[str, Any] = {}
    for child in element:
        if child.tag in known or (child.tag == "type" and (child.text or "").strip() in _SHAPE_NAMES):
            continue
        try:
            value = value_of(child)
            meta_object({child.tag: value}, "meta")
        except (TooDeep, InvalidFrame):
            ledger.lose("attributes", place, BAD_VALUES, child.tag[:60])
        else:
            add_to(found, child.tag, value)
    return found


def _part(element: Element, place: str, ledger: Ledger) -> dict[str, Any]:
    try:
        return part_of(element)
    except Unfit as unfit:
        ledger.lose("boxes", place, BAD_PARTS, unfit.detail)
    except TooDeep:
        ledger.lose("boxes", place, BAD_VALUES)
    return {}


def _attributes(element: Element, place: str, ledger: Ledger) -> dict[str, Any]:
    """`<attribute><name/><value/></attribute>…`, as CVAT writes them; or simply `<colour>red</colour>…`."""
    found: dict[str, Any] = {}
    for child in element.iterfind("attributes/*"):
        named = child.tag == "attribute" and child.find("name") is not None
        name = text_in(child, "name") if named else child.tag
        value = (child.findtext("value") or "") if named else value_of(child)
        if name in found:
            ledger.lose("attributes", place, TWICE, name[:60])
        elif value or named:
            found[name] = value
        if named and len(child) > 1 + (child.find("value") is not None):
            ledger.lose("attributes", place, MORE, name[:60])
    return found


def _add_meta(element: Element, meta: Mapping[str, Any]) -> None:
    """What elements can say of the metadata; `_with_own` adds the rest."""
    parts, actions, attributes = (meta.get(name) for name in ("parts", "actions", "attributes"))
    if isinstance(parts, list) and all(map(is_part, parts)):
        for part in parts:
            add_part(element, part)
    if isinstance(actions, dict) and all(is_tag(name) and isinstance(on, bool) for name, on in actions.items()):
        listed = SubElement(element, "actions")
        for name, on in actions.items():
            add_text(listed, name, "1" if on else "0")
    if isinstance(attributes, dict) and all(map(is_text, (*attributes, *attributes.values()))):
        listed = SubElement(element, "attributes")
        for name, value in attributes.items():
            attribute = SubElement(listed, "attribute")
            add_text(attribute, "name", name)
            add_text(attribute, "value", value)
    for name, value in meta.items():
        if name not in _KNOWN | _OF_SHAPES and is_tag(name) and is_writable(value):
            add_value(element, name, value)
