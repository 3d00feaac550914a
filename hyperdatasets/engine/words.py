"""Patterns of a query against words: compiled once, run on dictionaries of values, linear in their length."""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

from hyperdatasets.core.query.tree import Fuzzy, Regex, Wildcard

Predicate = Callable[[str], bool]
Pattern = Wildcard | Regex | Fuzzy


def predicate(test: Pattern, *, exact: bool) -> Predicate:
    """Whether a word fits: a whole value (exact), or one case-folded word of it."""
    match test:
        case Wildcard(pattern):
            return _matcher(_wildcard(pattern if exact else pattern.casefold()), case_sensitive=True)
        case Regex(pattern):
            return _matcher(pattern, case_sensitive=exact)
        case Fuzzy(text, edits):
            wanted = text if exact else text.casefold()
            return lambda word: within(wanted, word, edits)


def within(a: str, b: str, edits: int) -> bool:
    """Whether so many edits lead from one word to the other; a swap of two neighbours is one.

    Optimal string alignment, row by row; gives up as soon as every path is too long.
    """
    if abs(len(a) - len(b)) > edits:
        return False
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, char in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (char != other))
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == other:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        if min(row) > edits:
            return False
        before, above = above, row
    return above[-1] <= edits


def _matcher(pattern: str, *, case_sensitive: bool) -> Predicate:
    options = re2.Options()
    options.case_sensitive, options.dot_nl, options.log_errors = case_sensitive, True, False
    compiled = re2.compile(pattern, options)
    return lambda word: compiled.fullmatch(word) is not None


def _wildcard(pattern: str) -> str:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join({"*": ".*", "?": "."}.get(part, re2.escape(part.removeprefix("\\"))) for part in parts)
