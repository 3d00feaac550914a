"""Escapes: texts of any origin, such as names of files, as text that can be encoded, and shown on a terminal."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_STEERING_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def encodable(text: str) -> str:
    """Return the text with `\\ud800` for half of a surrogate pair, which no encoding has; all else is the same."""
    return text if text.isascii() or text.isprintable() else _SURROGATES.sub(_escaped, text)


def on_one_line(text: str) -> str:
    """Return the text with escapes for whatever a terminal takes as a command, also for line ends and tabs."""
    return text if text.isprintable() else _STEERING.sub(_escaped, text)


def on_lines(text: str) -> str:
    """Return the same, but keep line ends and tabs: sentences of our own have them."""
    return text if text.isprintable() else _STEERING_BUT_LINES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
