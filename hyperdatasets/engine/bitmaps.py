"""Between NumPy arrays and Roaring bitmaps, without a Python loop."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

Ordinals = NDArray[np.uint32]


def to_bitmap(values: NDArray[np.integer]) -> BitMap:
    """The set of these numbers; sorted input is fastest."""
    return BitMap(array("I", values.astype(np.uint32, copy=False).tobytes()))


def to_array(bitmap: BitMap) -> Ordinals:
    """The numbers of a set, ascending; shape (n,)."""
    return np.asarray(bitmap.to_array(), np.uint32)


def union(bitmaps: Iterable[BitMap]) -> BitMap:
    result = BitMap()
    for bitmap in bitmaps:
        result |= bitmap
    return result


def complement(bitmap: BitMap, size: int) -> BitMap:
    """What of 0 to `size` - 1 is not in the set."""
    return BitMap(range(size)) - bitmap
