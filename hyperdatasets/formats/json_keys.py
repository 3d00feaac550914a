"""Keys that an object of JSON text has twice: parsers keep the last value, and say nothing of the others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from hyperdatasets.formats.ledger import Ledger

TWICE = "keys that an object has twice; the last value was taken"
_BLANKS = b" \t\r\n"
_PIECE = 1 << 20  # bytes


class Twice(NamedTuple):
    """A value that is lost, since a later one has its key and differs."""

    key: str
    value: Any


def lost_values(content: bytes, value: Any, keys: int = -1) -> list[Twice]:
    """The values of JSON text that its parsed value does not have.

    The text is looked through key by key only if it has another number of keys than the value: that is slow.

    Args:
        keys: how many the value has in all its objects, where this is known.
    """
    given = _keys_in(content)
    if given == keys or given == _keys_of(value):
        return []
    found: list[Twice] = []

    def joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, each in pairs:
            if key in made and made[key] != each:
                found.append(Twice(key, made[key]))
            made[key] = each
        return made

    try:
        json.loads(content, object_pairs_hook=joined)
    except (ValueError, RecursionError):  # said where it is parsed
        return []
    return found


def tell(found: Iterable[Twice], place: str, ledger: Ledger) -> None:
    for key, value in found:
        ledger.lose("attributes", place, TWICE, f"`{key[:60]}`: {value!r:.60}")


def _keys_in(content: bytes) -> int:
    """How often a quotation mark stands before a colon: after each key, and rarely in texts."""
    count, last = 0, b""
    for start in range(0, len(content), _PIECE):
        piece = last + content[start : start + _PIECE].translate(None, _BLANKS)
        count += piece.count(b'":')
        last = b'"' if piece.endswith(b'"') else b""
    return count


def _keys_of(value: Any) -> int:
    try:
        return _keys_in(orjson.dumps(value))
    except TypeError:  # numbers past 64 bits
        return -1
