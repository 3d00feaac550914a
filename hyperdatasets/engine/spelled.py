"""Each value of a column with the elements that hold it, as it is spelled: 5, 5.0 and "5" are one, as to a query."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import to_bitmap, union
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.deadline import checked


def values(column: Column, elements: BitMap) -> Iterator[tuple[str, BitMap]]:
    """Those that some of these elements hold, ascending by code points, each once."""
    numbers = [pair for each in column.numbers if len(each) for pair in _numbers(each.rows, each.wide)]
    flags = [("false", column.falses), ("true", column.trues)]
    texts = ((text, column.postings[code]) for code, text in enumerate(column.texts))
    merged = heapq.merge(texts, sorted([*numbers, *flags], key=_first), key=_first)
    for text, alike in groupby(checked(merged), key=_first):
        if here := union(held for _, held in alike) & elements:
            yield text, here


def number_text(value: float) -> str:
    """How a number is spelled: as a whole number where it is one."""
    whole = isinstance(value, float) and value.is_integer() and -(2.0**63) <= value < 2.0**63
    return str(int(value)) if whole else repr(value)


def _first(pair: tuple[str, BitMap]) -> str:
    return pair[0]


def _numbers(rows: NDArray[np.uint32], numbers: NDArray[Any]) -> Iterator[tuple[str, BitMap]]:
    distinct, places = np.unique(numbers, return_inverse=True)
    order = np.argsort(places, kind="stable")
    ends = np.searchsorted(places[order], np.arange(len(distinct) + 1))
    for place, value in enumerate(distinct.tolist()):
        yield number_text(value), to_bitmap(np.sort(rows[order[ends[place] : ends[place + 1]]]))
