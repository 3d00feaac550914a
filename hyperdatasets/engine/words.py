"""Patterns of a query against words: compiled once, run on dictionaries of values, linear in their length."""

from __future__ import annotations

from collections.abc import Callable

from hyperdatasets.core.query import patterns
from hyperdatasets.core.query.tree import Fuzzy, Regex, Wildcard

Predicate = Callable[[str], bool]
Pattern = Wildcard | Regex | Fuzzy


def predicate(test: Pattern, *, exact: bool) -> Predicate:
    """Whether a word fits: a whole value (exact), or one case-folded word of it."""
    match test:
        case Wildcard(pattern):
            return patterns.wildcard(pattern if exact else pattern.casefold())
        case Regex(pattern):
            return patterns.regex(pattern, case_sensitive=exact)
        case Fuzzy(text, edits):
            wanted = text if exact else text.casefold()
            return lambda word: within(wanted, word, edits)


def within(a: str, b: str, edits: int) -> bool:
    """Whether so many edits lead from one word to the other; a swap of two neighbours is one.

    Optimal string alignment, row by row, in a band as wide as the edits: linear in the length of the words.
    """
    if abs(len(a) - len(b)) > edits:
        return False
    far = edits + 1
    before: dict[int, int] = {}
    above = {j: j for j in range(min(edits, len(b)) + 1)}
    for i, char in enumerate(a, start=1):
        row: dict[int, int] = {}
        for j in range(max(0, i - edits), min(len(b), i + edits) + 1):
            best = min(above.get(j, far), row.get(j - 1, far)) + 1
            if j:
                best = min(best, above.get(j - 1, far) + (char != b[j - 1]))
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == b[j - 1]:
                best = min(best, before.get(j - 2, far) + 1)
            row[j] = best
        if min(row.values()) > edits:
            return False
        before, above = above, row
    return above.get(len(b), far) <= edits
