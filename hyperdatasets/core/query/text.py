"""Analysis of text: which words a string consists of, for the index and for queries alike."""

from __future__ import annotations

import re
import unicodedata

_ASCII_WORDS = re.compile(r"[a-z0-9]+")

# Han, Hiragana and Katakana, where words are not parted by blanks (Unicode 15 scripts, and the prolonged sound mark).
_SINGLE = (
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B), (0x3041, 0x3096), (0x309D, 0x309F),
    (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D), (0x1B000, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip


def tokens(text: str) -> list[str]:
    """The words of a text in their order, case-folded: maximal runs of letters and digits.

    A Han, Hiragana or Katakana character is a word of its own; combining marks belong to their letter.
    """
    if text.isascii():
        return _ASCII_WORDS.findall(text.lower())
    words: list[str] = []
    start = -1  # of the current run; -1 outside of one
    single = False  # whether the run is one character that stands for itself
    for position, char in enumerate(text):
        kind = _kind(char)
        if kind == "mark" and start >= 0:
            continue
        if start >= 0 and (kind != "letter" or single):
            words.append(text[start:position])
            start = -1
        if kind in {"letter", "single"}:
            start = position if start < 0 else start
            single = kind == "single"
    if start >= 0:
        words.append(text[start:])
    return [word.casefold() for word in words]


def _kind(char: str) -> str:
    code = ord(char)
    category = unicodedata.category(char)
    if category[0] == "M":
        return "mark"
    if category[0] != "L" and category not in {"Nd", "Nl"}:
        return "other"
    return "single" if code >= 0x2E80 and any(low <= code <= high for low, high in _SINGLE) else "letter"
