"""Counts in words: `1 file`, `2 files`."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """The number with its noun; `many`: the plural, where it does not end with `s` alone."""
    return f"{count} {one if count == 1 else many or one + 's'}"
