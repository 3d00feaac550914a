"""How many elements each frame has: as an array, or written in binary, one set of frames per digit.

In binary elements are counted, and compared with a bound, without looking at one: those of some frames are the sum over
the digits of 2^digit times how many of the frames have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.engine.bitmaps import from_mask, to_array
from hyperdatasets.engine.postings import Bitmaps

_DIGITS = 64  # and fewer than that has a number
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """In binary.

    Attributes:
        holding: frames that have any element.
        more: for each digit, lowest first, the frames of whose number, less one, it is a part.
    """

    holding: BitMap
    more: Sequence[BitMap]

    @classmethod
    def of(cls, counts: NDArray[np.integer]) -> Tally:
        """From the number of each frame; shape (frames,)."""
        counts = narrow(counts)
        more = np.maximum(counts, 1) - counts.dtype.type(1)
        length = int(more.max(initial=0)).bit_length()
        return cls(from_mask(counts > 0), [from_mask((more >> at & 1).view(bool)) for at in range(length)])

    def among(self, frames: BitMap) -> int:
        """How many elements these frames have."""
        more = sum(each.intersection_cardinality(frames) << at for at, each in enumerate(self.more))
        return self.holding.intersection_cardinality(frames) + more

    def at_least(self, least: int) -> BitMap:
        """Frames that have so many, of 1 or more: digit by digit from the highest (O'Neil and Quass 1997)."""
        rest = least - 1
        if rest.bit_length() > len(self.more):
            return BitMap()
        above, same = BitMap(), self.holding
        for at in reversed(range(len(self.more))):
            if rest >> at & 1:
                same = same & self.more[at]
            else:
                above |= same & self.more[at]
                same = same - self.more[at]
        return above | same


@dataclass(frozen=True, eq=False)
class TallyArray:
    """The number of each frame; shape (frames,)."""

    counts: NDArray[np.integer]

    def among(self, frames: BitMap) -> int:
        """How many elements these frames have."""
        return int(self.counts[to_array(frames)].sum())

    def at_least(self, least: int) -> BitMap:
        """Frames that have so many."""
        return from_mask(self.counts >= least)


def narrow(counts: NDArray[np.integer]) -> NDArray[np.integer]:
    """The same in the narrowest type."""
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


class Tallies:
    """Those of the frequent texts of a column, in binary, by code."""

    def __init__(self, digits: Bitmaps) -> None:
        self._digits = digits
        self._read: dict[int, Tally] = {}

    @classmethod
    def of(cls, tallies: Mapping[int, Tally]) -> Tallies:
        return cls(
            Bitmaps.of(
                {
                    code * _DIGITS + at: each
                    for code, tally in tallies.items()
                    for at, each in enumerate((tally.holding, *tally.more))
                }
            )
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps; inverse of `from_arrays`."""
        return self._digits.arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Tallies:
        return cls(Bitmaps.from_arrays(arrays))

    def get(self, code: int) -> Tally | None:
        """None for a text that is not frequent."""
        if code * _DIGITS not in self._digits:
            return None
        found = self._read.get(code)
        if found is None:
            holding, *more = (self._digits[key] for key in self._digits.between(code * _DIGITS, (code + 1) * _DIGITS))
            found = self._read[code] = Tally(holding, more)
        return found

    def among(self, frames: BitMap) -> tuple[Counts, Counts]:
        """For each text, by code, how many elements of these frames hold it, and how many of the frames; shape (n,)."""
        digits, weights, starts = self._side_by_side
        held = np.fromiter(map(frames.intersection_cardinality, digits), np.int64, len(digits))
        return np.add.reduceat(held * weights, starts), held[starts]

    @cached_property
    def _side_by_side(self) -> tuple[list[BitMap], Counts, Counts]:
        """All sets, how many elements each stands for, and where those of each text begin."""
        places = self._digits.codes % _DIGITS
        return self._digits.all(), 1 << np.maximum(places - 1, 0), np.flatnonzero(places == 0)
