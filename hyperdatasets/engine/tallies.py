"""How many elements of each frame hold a frequent text, written in binary: one set of frames per digit.

Then the elements that hold a text, among those of some frames, are counted without looking at elements: the sum over
the digits of 2^digit times how many of the frames have it. So are all elements of some frames.
"""

from __future__ import annotations

from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import from_mask, to_array, union
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.table import Table

MOST = 256  # texts of a column; of more it would take much memory

Counts = NDArray[np.int64]


class Tallies:
    """Of a column all of whose texts are frequent; made when first asked for, and kept as long as its table is.

    It does not hold the table: what is kept beside a table must not keep it.
    """

    def __init__(self, table: Table, column: Column) -> None:
        self._owners, self._frames, self._column = table.owners, table.frames, column

    def among(self, frames: BitMap) -> tuple[Counts, Counts]:
        """For each text, how many elements of these frames hold it, and how many of the frames; shape (distinct,)."""
        elements, holding = (np.zeros(len(self._column.texts), np.int64) for _ in range(2))
        for code, (digits, any_digit) in enumerate(self._digits):
            elements[code] = _sum_of(digits, frames)
            holding[code] = elements[code] and any_digit.intersection_cardinality(frames)
        return elements, holding

    @cached_property
    def _digits(self) -> list[tuple[list[BitMap], BitMap]]:
        return [self._of(code) for code in range(len(self._column.texts))]

    def _of(self, code: int) -> tuple[list[BitMap], BitMap]:
        owners = self._owners[to_array(self._column.postings[code])]
        digits = _in_binary(np.bincount(owners, minlength=self._frames))
        return digits, digits[0] if len(digits) == 1 else union(digits)


def element_count(table: Table, frames: BitMap) -> int:
    """How many elements these frames have."""
    digits = _OF_TABLES.get(table)
    if digits is None:
        digits = _OF_TABLES[table] = _in_binary(table.per_frame)
    return _sum_of(digits, frames)


def _in_binary(counts: NDArray[np.integer]) -> list[BitMap]:
    return [from_mask((counts >> at & 1).astype(bool)) for at in range(int(counts.max(initial=0)).bit_length())]


def _sum_of(digits: list[BitMap], frames: BitMap) -> int:
    return sum(each.intersection_cardinality(frames) << at for at, each in enumerate(digits))


_OF_TABLES: WeakKeyDictionary[Table, list[BitMap]] = WeakKeyDictionary()
_MADE: WeakKeyDictionary[Table, dict[str, Tallies]] = WeakKeyDictionary()


def tallies(table: Table, name: str) -> Tallies | None:
    """Those of a column of ROIs or sources, if it has few texts and all of them are frequent."""
    column = table.columns.get(name)
    if column is None or not 0 < len(column.texts) <= MOST or len(column.postings.dense.codes) < len(column.texts):
        return None
    return _MADE.setdefault(table, {}).setdefault(name, Tallies(table, column))
