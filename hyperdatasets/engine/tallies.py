"""How many elements each frame has, written in binary: one set of frames per digit.

So elements are counted, and compared with a bound, without looking at one: those of some frames are the sum over the
digits of 2^digit times how many of the frames have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.engine.bitmaps import from_mask, union
from hyperdatasets.engine.postings import Bitmaps

_DIGITS = 64  # of a number, at most
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """For each digit, lowest first, the frames whose number has it."""

    digits: Sequence[BitMap]

    @classmethod
    def of(cls, counts: NDArray[np.integer]) -> Tally:
        """From the number of each frame; shape (frames,)."""
        length = int(counts.max(initial=0)).bit_length()
        return cls([from_mask((counts >> at & 1).astype(bool)) for at in range(length)])

    @cached_property
    def holding(self) -> BitMap:
        """Frames that have any element."""
        return self.digits[0] if len(self.digits) == 1 else union(self.digits)

    def among(self, frames: BitMap) -> int:
        """How many elements these frames have."""
        return sum(each.intersection_cardinality(frames) << at for at, each in enumerate(self.digits))

    def at_least(self, least: int) -> BitMap:
        """Frames that have so many, of 1 or more: digit by digit from the highest (O'Neil and Quass 1997)."""
        if least.bit_length() > len(self.digits):
            return BitMap()
        more, same = BitMap(), self.holding
        for at in reversed(range(len(self.digits))):
            if least >> at & 1:
                same = same & self.digits[at]
            else:
                more |= same & self.digits[at]
                same = same - self.digits[at]
        return more | same


class Tallies:
    """Those of the frequent texts of a column, by code."""

    def __init__(self, digits: Bitmaps) -> None:
        self._digits = digits
        self._read: dict[int, Tally] = {}

    @classmethod
    def of(cls, tallies: Mapping[int, Tally]) -> Tallies:
        return cls(
            Bitmaps.of(
                {code * _DIGITS + at: each for code, tally in tallies.items() for at, each in enumerate(tally.digits)}
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
            places = self._digits.between(code * _DIGITS, (code + 1) * _DIGITS)
            found = self._read[code] = Tally([self._digits[place] for place in places])
        return found

    def among(self, frames: BitMap) -> tuple[Counts, Counts]:
        """For each text, by code, how many elements of these frames hold it, and how many of the frames; shape (n,)."""
        digits, weights, starts, holding = self._side_by_side
        held = np.fromiter(map(frames.intersection_cardinality, digits), np.int64, len(digits))
        frame_counts = np.fromiter(map(frames.intersection_cardinality, holding), np.int64, len(holding))
        return np.add.reduceat(held * weights, starts), frame_counts

    @cached_property
    def _side_by_side(self) -> tuple[list[BitMap], Counts, Counts, list[BitMap]]:
        """All digits, what each counts, where those of each text begin; and the frames that hold each text."""
        codes, places = np.divmod(self._digits.codes, _DIGITS)
        tallies = [tally for code in np.unique(codes).tolist() if (tally := self.get(code))]
        return self._digits.all(), 1 << places, np.flatnonzero(places == 0), [each.holding for each in tallies]
