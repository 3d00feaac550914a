"""Numbers of a column, each with the element that holds it, in the narrowest type that keeps them exactly.

Doubles that are decimals of few digits (pixels, confidences) are kept as whole numbers with a scale.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.engine.bitmaps import Mask, Ordinals, everything, from_mask, to_array, to_bitmap, to_mask

_INTS = (np.int8, np.int16, np.int32, np.int64)
_SCALES = (1, 10, 100, 1_000, 10_000)
_MOST = 1 << 31  # of scaled numbers
_LONG = 1_024  # values of an ascent, on average, that make bisection quicker than comparing all
_FEW = 32  # one element of so many is looked up by itself; of more, all are compared


def few(within: BitMap, size: int) -> bool:
    """Whether so few elements of a table are quicker looked at one by one."""
    return len(within) * _FEW < size


@dataclass(frozen=True, eq=False)
class Numbers:
    """`elements` are ascending, and None if each of the `size` elements of the table holds exactly one number.

    With a `scale` the numbers are doubles, and `values` are whole: a number is its value divided by the scale.
    """

    size: int
    values: NDArray[Any]
    elements: Ordinals | None
    scale: int = 0

    @classmethod
    def of(cls, size: int, elements: Ordinals | None, values: NDArray[Any]) -> Numbers:
        """From int64 or float64 values, with their elements, ascending."""
        if elements is not None and len(elements) == size and bool((elements == np.arange(size)).all()):
            elements = None
        return cls(size, *_narrowed(values, elements))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def rows(self) -> Ordinals:
        """The element of each value."""
        return np.arange(self.size, dtype=np.uint32) if self.elements is None else self.elements

    @property
    def wide(self) -> NDArray[Any]:
        """The numbers as int64 or float64."""
        if self.scale:
            return self.values / float(self.scale)
        return self.values.astype(np.int64 if self.values.dtype.kind == "i" else np.float64, copy=False)

    @property
    def present(self) -> BitMap:
        """Elements that hold a number."""
        return everything(self.size) if self.elements is None else to_bitmap(self.elements)

    def between(self, low: float, high: float, within: BitMap | None = None) -> BitMap:
        """Elements that hold a number from `low` to `high`, both included, of those in `within`."""
        if not len(self.values) or low > high:
            return BitMap()
        low, high = self._stored(low, high)
        if self._ascents is not None:
            return self._between(self._ascents, low, high, within)
        if within is not None and self.elements is None and few(within, self.size):
            chosen = to_array(within)
            return to_bitmap(chosen[_inside(self.values.take(chosen), low, high)])
        inside = _inside(self.values, low, high)
        found = from_mask(inside) if self.elements is None else to_bitmap(self.elements[inside])
        return found if within is None else found & within

    def compared(self, low: float, high: float) -> Mask | None:
        """Which elements hold a number from `low` to `high`, where no order of the values tells; shape (size,)."""
        if self.elements is not None or self._ascents is not None or low > high:
            return None
        return _inside(self.values, *self._stored(low, high))

    def _stored(self, low: float, high: float) -> tuple[float, float]:
        """The same ends among `values`."""
        return (_least_scaled(low, self.scale), -_least_scaled(-high, self.scale)) if self.scale else (low, high)

    @cached_property
    def _ascents(self) -> list[int] | None:
        """Where the values begin to ascend anew, and their end; None if that is too often to be of use."""
        falls = np.flatnonzero(self.values[1:] < self.values[:-1]) + 1
        if self.elements is not None or len(falls) * _LONG > len(self.values):
            return None
        return [0, *falls.tolist(), len(self.values)]

    def _between(self, ascents: Sequence[int], low: float, high: float, within: BitMap | None) -> BitMap:
        """By bisection in each ascent that holds some element of `within`."""
        found = BitMap()
        values = self.values.data
        for start, stop in pairwise(ascents):
            if within is None or within.range_cardinality(start, stop):
                first = bisect_left(values, low, start, stop)
                found.add_range(first, bisect_right(values, high, first, stop))
        return found if within is None else found & within

    def among(self, elements: BitMap) -> NDArray[Any]:
        """The values that these elements hold, as int64 or float64, by element."""
        return self.held_by(elements)[1]

    def held_by(self, elements: BitMap) -> tuple[Ordinals, NDArray[Any]]:
        """The same with the element of each value."""
        if not len(self.values):
            return np.zeros(0, np.uint32), self.wide
        if self.elements is None:
            rows = to_array(elements)
            return rows, self._of(self.values.take(rows))
        chosen = to_mask(elements, self.size)[self.elements]
        return self.elements[chosen], self._of(self.values[chosen])

    def reordered(self, order: NDArray[np.int64], fresh: Ordinals) -> Numbers:
        """The same with the element that was `order[i]` as element i; `fresh` is the inverse of that."""
        if self.elements is None:
            return replace(self, values=self.values[order]) if len(self.values) else self
        rows = fresh[self.elements]
        sorting = np.argsort(rows, kind="stable")
        return replace(self, values=self.values[sorting], elements=rows[sorting])

    def _of(self, values: NDArray[Any]) -> NDArray[Any]:
        return Numbers(len(values), values, None, self.scale).wide


def merged(parts: Sequence[tuple[int, Numbers]], size: int, dtype: type) -> Numbers:
    """The numbers of several tables as one; each with the number that its elements begin at."""
    if len(parts) == 0:
        return Numbers.of(size, np.array([], np.uint32), np.array([], dtype))
    values: NDArray[Any] = np.concatenate([numbers.wide for _, numbers in parts]).astype(dtype, copy=False)
    if all(numbers.elements is None for _, numbers in parts) and len(values) == size:
        return Numbers.of(size, None, values)
    rows = np.concatenate([numbers.rows + np.uint32(base) for base, numbers in parts])
    return Numbers.of(size, rows, values)


def _narrowed(values: NDArray[Any], elements: Ordinals | None) -> tuple[NDArray[Any], Ordinals | None, int]:
    """Values in their narrowest type, the elements as they are, and the scale."""
    if not len(values):
        return values, elements, 0
    if values.dtype.kind == "i":
        return _least_ints(values), elements, 0
    values = values + 0.0  # no negative zero: one number has one text, by which a split groups, in every segment
    most = float(np.abs(values).max())
    for scale in _SCALES:
        if most >= _MOST / scale:
            break
        whole = np.rint(values * scale)
        if bool((whole / scale == values).all()):
            return _least_ints(whole.astype(np.int64)), elements, scale
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return (narrow if bool((narrow == values).all()) else values), elements, 0


def _least_ints(values: NDArray[np.int64]) -> NDArray[Any]:
    least, most = int(values.min()), int(values.max())
    fitting = next(kind for kind in _INTS if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max)
    return values.astype(fitting)


def _least_scaled(low: float, scale: int) -> float:
    """The least whole number whose quotient is at or above a double."""
    if not abs(low) < _MOST:
        return low
    near = math.floor(low * scale)
    while near / scale < low:
        near += 1
    while (near - 1) / scale >= low:
        near -= 1
    return near


def _inside(values: NDArray[Any], low: float, high: float) -> Mask:
    """Compares in the type of the values, with bounds that say the same in it."""
    least: float
    most: float
    if values.dtype.kind == "i":
        info = np.iinfo(values.dtype)
        least, most = info.min, info.max
    elif values.dtype == np.float32:
        low, high = float(_least_float32(low)), -float(_least_float32(-high))
        least, most = -math.inf, math.inf
    else:
        least, most = -math.inf, math.inf
    if low > most or high < least:
        return np.zeros(len(values), bool)
    above = None if low <= least else values >= values.dtype.type(low)
    below = None if high >= most else values <= values.dtype.type(high)
    if above is None or below is None:
        return cast("Mask", np.ones(len(values), bool) if above is below else below if above is None else above)
    above &= below
    return cast("Mask", above)


def _least_float32(low: float) -> np.float32:
    """The least float32 at or above a double."""
    with np.errstate(over="ignore"):
        near = np.float32(low)
    return np.nextafter(near, np.float32(np.inf)) if float(near) < low else near
