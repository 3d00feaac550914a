"""One condition on one column: which elements satisfy it. String work is done on the dictionary, never on rows."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.query.dates import moments
from hyperdatasets.core.query.literals import boolean, number
from hyperdatasets.core.query.text import tokens
from hyperdatasets.core.query.tree import Bound, Exists, Field, Range, Term, Test
from hyperdatasets.engine.bitmaps import Mask
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.deadline import checked
from hyperdatasets.engine.dictionary import LARGE, Codes, Dictionary
from hyperdatasets.engine.words import Pattern, predicate

_INT64 = (-(1 << 63), (1 << 63) - 1)


def satisfying(column: Column, field: Field, test: Test, within: BitMap | None = None) -> BitMap:
    """Elements with a value that satisfies the test; of those in `within` at least, where that is cheaper."""
    match test:
        case Exists():
            return column.present
        case Range(low, high) if low is None and high is None:
            return column.present
        case Range():
            texts = _texts_in(column.texts, test, minutes=field.minutes)
            return _numbers_in(column, test, within) | column.postings.any_of(texts)
        case Term(text):
            return _equal(column, field, text, within)
        case _:
            return column.postings.any_of(_fitting(column.texts, test, exact=field.keyword))


def compared(column: Column, field: Field, test: Test) -> Mask | None:
    """Which elements have a value in the range, up to the last; None where it is not found by comparing all."""
    if not isinstance(test, Range) or (test.low is None and test.high is None):
        return None
    if column.texts_alone:
        return column.postings.compared(_texts_in(column.texts, test, minutes=field.minutes))
    if len(column.texts) or (len(column.ints) and len(column.floats)):
        return None
    numbers = column.ints if len(column.ints) else column.floats
    ends = _ends(test)
    return None if ends is None else numbers.compared(*ends[numbers is column.floats])


def satisfying_texts(column: Column, field: Field, test: Test) -> BitMap:
    """The same for the texts of the column alone, analysed: a part of "any text of the frame"."""
    match test:
        case Exists():
            return column.postings.present
        case Range(low, high) if low is None and high is None:
            return column.postings.present
        case Range():
            return column.postings.any_of(_texts_in(column.texts, test, minutes=field.minutes))
        case Term(text):
            return column.postings.any_of(_saying(column.texts, text, minutes=field.minutes))
        case _:
            return column.postings.any_of(_fitting(column.texts, test, exact=False))


def _equal(column: Column, field: Field, text: str, within: BitMap | None) -> BitMap:
    found = column.postings.any_of(equal_texts(column.texts, field, text))
    same = Bound(text, inclusive=True)
    numbers = _numbers_in(column, Range(same, same), within)
    found = found | numbers if numbers else found
    truth = boolean(text)
    return found if truth is None else found | (column.trues if truth else column.falses)


def satisfying_decoded(column: Column, field: Field, test: Test) -> BitMap:
    """Elements with a text that satisfies the test once its %-escapes are resolved."""
    texts, codes = column.texts.decoded
    if not len(texts):
        return BitMap()
    match test:
        case Exists():
            return BitMap()
        case Range():
            found = _texts_in(texts, test, minutes=field.minutes).tolist()
        case Term(text):
            found = equal_texts(texts, field, text)
        case _:
            found = _fitting(texts, test, exact=field.keyword)
    return column.postings.any_of(sorted({code for each in found for code in codes[each]}))


def equal_texts(texts: Dictionary, field: Field, text: str) -> list[int]:
    """Codes of the texts that a term means."""
    if not field.keyword:
        return _saying(texts, text, minutes=field.minutes)
    code = texts.code(text)
    return [] if code is None else [code]


def _saying(texts: Dictionary, text: str, *, minutes: bool) -> list[int]:
    """Codes of texts that hold the words of the term one after the other, or lie on the day that it names."""
    wanted = tokens(text)
    codes = set(texts.with_phrase(wanted)) if wanted else set()
    span = moments(text, minutes=minutes)
    if span is not None:
        dated, times = texts.dates(minutes=minutes)
        codes.update(dated[(times >= span[0]) & (times <= span[1])].tolist())
    return sorted(codes)


def _fitting(texts: Dictionary, test: Pattern, *, exact: bool) -> list[int]:
    fits = predicate(test, exact=exact)
    if exact:
        return [code for code, text in enumerate(checked(texts)) if fits(text)]
    if len(texts) > LARGE:
        return [code for code, text in enumerate(checked(texts)) if any(map(fits, tokens(text)))]
    return sorted({code for word, codes in checked(texts.words.items()) if fits(word) for code in codes})


def _texts_in(texts: Dictionary, test: Range, *, minutes: bool) -> Codes:
    """Texts that are dates compare as dates if all ends are, others by code point."""
    if not len(texts):
        return np.arange(0)
    first = None if test.low is None else moments(test.low.text, minutes=minutes)
    last = None if test.high is None else moments(test.high.text, minutes=minutes)
    as_dates = (test.low is None) == (first is None) and (test.high is None) == (last is None)
    dated, times = texts.dates(minutes=minutes) if as_dates else (np.arange(0), np.arange(0))
    chosen = np.ones(len(dated), bool)
    if test.low is not None and first is not None:
        chosen &= times >= first[0] if test.low.inclusive else times > first[1]
    if test.high is not None and last is not None:
        chosen &= times <= last[1] if test.high.inclusive else times < last[0]
    if len(dated) == len(texts):
        return dated[chosen]
    low = 0 if test.low is None else texts.position(test.low.text, after=not test.low.inclusive)
    high = len(texts) if test.high is None else texts.position(test.high.text, after=test.high.inclusive)
    others = np.arange(low, max(low, high))
    return np.union1d(np.setdiff1d(others, dated), dated[chosen]) if len(dated) else others


def _numbers_in(column: Column, test: Range, within: BitMap | None) -> BitMap:
    if not len(column.ints) and not len(column.floats):
        return BitMap()
    ends = _ends(test)
    if ends is None:
        return BitMap()
    ints, floats = ends
    return column.ints.between(*ints, within) | column.floats.between(*floats, within)


@lru_cache
def _ends(test: Range) -> tuple[tuple[int, int], tuple[float, float]] | None:
    """Least and greatest whole number and double of the range; each compares exactly, as what it is.

    None if an end is no number.
    """
    bounds = (test.low, test.high)
    ends = [None if bound is None else number(bound.text) for bound in bounds]
    if any(end is None and bound is not None for end, bound in zip(ends, bounds, strict=True)):
        return None
    low, high = ends
    strict_low, strict_high = (bound is not None and not bound.inclusive for bound in bounds)
    least = _INT64[0] if low is None else _least_int(low, strictly=strict_low)
    most = _INT64[1] if high is None else -_least_int(-high, strictly=strict_high)
    least_double = -math.inf if low is None else _least_double(low, strictly=strict_low)
    most_double = math.inf if high is None else -_least_double(-high, strictly=strict_high)
    return (max(least, _INT64[0]), min(most, _INT64[1])), (least_double, most_double)


def _least_int(end: float, *, strictly: bool) -> int:
    """The least whole number at or above (strictly: above) another number."""
    if isinstance(end, int):
        return end + strictly
    if not math.isfinite(end):
        return 1 << 64 if end > 0 else -(1 << 64)  # beyond all that a column holds, also when negated
    return math.floor(end) + 1 if strictly else math.ceil(end)


def _least_double(end: float, *, strictly: bool) -> float:
    """The least double at or above (strictly: above) another number."""
    try:
        double = float(end)
    except OverflowError:  # a whole number beyond all doubles
        return math.inf if end > 0 else -math.inf
    return math.nextafter(double, math.inf) if double < end or (strictly and double == end) else double
