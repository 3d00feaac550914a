"""Different numbers, each with how many elements and frames hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import Ordinals, to_mask
from hyperdatasets.engine.numbers import Numbers
from hyperdatasets.engine.table import Table

_NARROW = 4  # bytes of whole numbers that are sorted together with the frames that hold them
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct numbers, ascending, with how many elements and frames hold each."""

    values: NDArray[Any]
    elements: Counts
    frames: Counts

    @classmethod
    def none(cls, kind: type) -> Distinct:
        return cls(np.array([], kind), np.array([], np.int64), np.array([], np.int64))

    @classmethod
    def of(cls, values: NDArray[Any], rows: Ordinals | None = None, owners: Ordinals | None = None) -> Distinct:
        """Of values in the order of their elements (`rows`) and frames (`owners`); without these one a frame."""
        if rows is None or owners is None or not len(values):
            distinct, counts = np.unique(values, return_counts=True)
            return cls(distinct, counts, counts)
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        change = ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(np.concatenate([[True], change]))
        return cls(ordered[starts], *(_different(each[order], change, starts) for each in (rows, owners)))

    @classmethod
    def merged(cls, parts: Sequence[Distinct]) -> Distinct:
        parts = [part for part in parts if len(part)] or [parts[0]]
        if len(parts) == 1:
            return parts[0]
        values, places = np.unique(np.concatenate([part.values for part in parts]), return_inverse=True)
        elements = summed(places, [part.elements for part in parts], len(values))
        return cls(values, elements, summed(places, [part.frames for part in parts], len(values)))

    def __len__(self) -> int:
        return len(self.values)

    def only(self, which: NDArray[np.bool_]) -> Distinct:
        return Distinct(self.values[which], self.elements[which], self.frames[which])


def distinct_of(numbers: Numbers, table: Table, elements: BitMap) -> Distinct:
    """The numbers of these elements, told apart in their narrow form."""
    rows, values = numbers.rows, numbers.values
    if len(elements) < table.size:
        kept = to_mask(elements, table.size)[rows]
        rows, values = rows[kept], values[kept]
    if numbers.elements is None and one_each(table):
        found = Distinct.of(values)
    elif values.dtype.kind == "i" and values.dtype.itemsize <= _NARROW and bool((rows[1:] > rows[:-1]).all()):
        found = _of_single(values, table.owners[rows])
    else:
        order = table.frame_by_frame(rows)
        found = Distinct.of(values[order], rows[order], table.owners[rows[order]])
    return Distinct(replace(numbers, values=found.values, elements=None).wide, found.elements, found.frames)


def _of_single(values: NDArray[Any], owners: Ordinals) -> Distinct:
    """Of elements with one whole number each: sorted by number and frame at once, both in one number of 64 bits."""
    if not len(values):
        return Distinct.of(values)
    pairs = np.sort(values.astype(np.int64) << 32 | owners)
    ordered = (pairs >> 32).astype(values.dtype)
    change = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(np.concatenate([[True], change]))
    elements = np.diff(np.append(starts, len(pairs)))
    return Distinct(ordered[starts], elements, _different(pairs, change, starts))


def summed(places: NDArray[Any], counts: Sequence[Counts], size: int) -> Counts:
    """Exact, since there are less than 2^53 of anything."""
    return np.bincount(places, np.concatenate(counts), size).astype(np.int64)


def one_each(table: Table) -> bool:
    """Whether every element has a frame of its own."""
    return table.size <= table.frames and bool((table.owners[1:] > table.owners[:-1]).all())


def _different(numbers: NDArray[Any], change: NDArray[np.bool_], starts: Counts) -> Counts:
    """How many different numbers each run has; they ascend within it."""
    fresh = np.concatenate([[True], change | (numbers[1:] != numbers[:-1])])
    found: Counts = np.add.reduceat(fresh.astype(np.int64), starts)
    return found
