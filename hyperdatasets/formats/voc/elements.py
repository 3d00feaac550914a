"""Values in XML elements: texts, numbers, flags, and whatever else an element holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import orjson

from hyperdatasets.formats.extension import OWN, UNREADABLE
from hyperdatasets.formats.ledger import Ledger

FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_TAG = re.compile(r"(?!xml)[A-Za-z_][A-Za-z0-9_.-]*", re.IGNORECASE | re.ASCII)
_MAX_DEPTH = 16


class TooDeep(ValueError):
    """Elements are nested too deep to be kept."""


def text_in(element: Element, tag: str) -> str:
    """The text of the first child with this tag, without blanks around it; empty if there is none."""
    return (element.findtext(tag) or "").strip()


def flag(text: str) -> bool | str:
    """`1` or `0` as a truth value; any other text stays a text."""
    return FLAGS.get(text.lower(), text)


def value_of(element: Element, depth: int = 0) -> Any:
    """Its text, or an object with its children, its attributes as `@name` and its text as `#text`.

    Raises:
        TooDeep: it is nested too deep.
    """
    if depth > _MAX_DEPTH:
        raise TooDeep
    inner: dict[str, Any] = {f"@{name}": text for name, text in element.attrib.items()}
    for child in element:
        add_to(inner, child.tag, value_of(child, depth + 1))
    text = " ".join(filter(None, (part.strip() for part in _texts(element))))
    return inner | ({"#text": text} if text else {}) if inner else text


def _texts(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield child.tail or ""


def add_to(values: dict[str, Any], name: str, value: Any) -> None:
    """Adds a value to an object; elements that occur several times become a list."""
    if value in ("", {}, []):
        return
    if name not in values:
        values[name] = value
    elif isinstance(values[name], list):
        values[name].append(value)
    else:
        values[name] = [values[name], value]


def is_writable(value: Any) -> bool:
    """Whether an element can hold the value so that it is read back: a text, or an object of texts."""
    if isinstance(value, Mapping):
        return bool(value) and all(_TAG.fullmatch(name) and is_text(each) for name, each in value.items())
    return is_text(value)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable() and value == value.strip()


def is_tag(name: str) -> bool:
    return bool(_TAG.fullmatch(name))


def add_text(element: Element, tag: str, text: str) -> None:
    SubElement(element, tag).text = text


def add_value(element: Element, tag: str, value: Any) -> None:
    """Inverse of `value_of`, for values that are writable."""
    child = SubElement(element, tag)
    if isinstance(value, str):
        child.text = value
        return
    for name, text in value.items():
        add_text(child, name, text)


def own_of(element: Element, place: str, ledger: Ledger) -> Any:
    """What our writer put into an element for itself; None if there is nothing that can be read."""
    text = element.findtext(OWN)
    if text is None:
        return None
    try:
        own = orjson.loads(text)
    except orjson.JSONDecodeError:
        own = None
    if not isinstance(own, dict):
        ledger.lose("attributes", place, UNREADABLE)
        return None
    return own
