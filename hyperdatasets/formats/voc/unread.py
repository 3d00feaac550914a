"""What VOC's own elements hold beside what is read of them: repetitions, XML attributes, texts, unknown parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hyperdatasets.formats.ledger import Ledger

REPEATED = "elements that occur once, but are there several times; the first was taken"
UNREAD = "parts of VOC's own elements that have no meaning there"
_SHOWN = 60  # characters


class Known(NamedTuple):
    """An element with a meaning of its own.

    Attributes:
        parts: those that are read of it, by tag; none for an element that holds a text.
        several: tags of parts that may occur several times.
        rest: what reads its other parts: nothing, if it is False.
    """

    parts: Mapping[str, Known] = {}  # read only
    several: Collection[str] = ()
    rest: bool = False


TEXT = Known()


def tell_unread(element: Element, known: Known, place: str, ledger: Ledger) -> None:
    """Writes into the ledger what is not read of an element; its own XML attributes are read elsewhere."""
    parts, seen = known.parts, set[str]()
    if parts and element.text and not element.text.isspace():
        _lose(element, element.text.strip(), place, ledger)
    for child in element:
        tag, part = child.tag, parts.get(child.tag)
        if child.tail and not child.tail.isspace():
            _lose(element, child.tail.strip(), place, ledger)
        if part is None:
            if not known.rest:
                _lose(element, f"<{tag}>", place, ledger)
        elif tag in seen and tag not in known.several:
            ledger.lose("attributes", place, REPEATED, f"<{tag}>"[:_SHOWN])
        else:
            seen.add(tag)
            for name in child.attrib:
                _lose(child, f"@{name}", place, ledger)
            if part.parts or len(child):
                tell_unread(child, part, place, ledger)


def _lose(element: Element, detail: str, place: str, ledger: Ledger) -> None:
    ledger.lose("attributes", place, UNREAD, f"<{element.tag}>: {detail}"[:_SHOWN])
