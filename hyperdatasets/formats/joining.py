"""Several descriptions of one file, joined: of two values for one name the first stays, and the other is counted."""

from __future__ import annotations

from typing import Any

from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.ledger import Ledger

DIFFERENT = "different values for one name; the first was kept"
_IDENTITY = ("id", "context_id", "timestamp")


def join(entry: Entry, said: Entry, place: str, ledger: Ledger) -> None:
    """Adds what one more description says: annotations, masks, metadata, splits, id, context and time.

    Args:
        place: of the description.
    """
    entry.items += said.items
    entry.masks += said.masks
    entry.add_split(said.split, said.split_by)
    for split, by in said.other_splits.items():
        entry.add_split(split, by)
    for name, value in said.meta.items():
        add_meta(entry, name, value, place, ledger)
    for name in _IDENTITY:
        known, value = getattr(entry, name), getattr(said, name)
        if known in {"", None}:
            setattr(entry, name, value)
        elif value not in {"", None, known}:
            ledger.lose("attributes", place, DIFFERENT, f"`{name}`")


def add_meta(entry: Entry, name: str, value: Any, place: str, ledger: Ledger) -> None:
    """Adds one name of the metadata; captions of several descriptions come together."""
    known = entry.meta.setdefault(name, value)
    if known == value:
        return
    if name == "captions" and isinstance(known, list) and isinstance(value, list):
        entry.meta[name] = [*known, *(each for each in value if each not in known)]
    else:
        ledger.lose("attributes", place, DIFFERENT, name[:60])
