"""What a word of a query means beside a number or a boolean; dates stand in `dates`."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(?:(\d+)|\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_MAX_DIGITS = 400  # longer ones are no number that any frame holds


def number(text: str) -> int | float | None:
    """The number that a word spells: an exact integer without point and exponent, else a double; None for others."""
    match = _NUMBER.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if match is None:
        return None
    return int(text) if match[1] and match[1] == text.lstrip("+-") else float(text)


def boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text)
