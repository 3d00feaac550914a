"""The frames of a union in base order, by (dataset, revision): found by rank and select in bitmaps, never listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.engine.bitmaps import to_array

Numbers = NDArray[np.int64]
_FEW = 4_096  # so many are looked up one by one, more by listing the bitmap


@dataclass(frozen=True)
class FrameSet:
    """Dataset number -> revisions; a frame's place is its number in base order."""

    revisions: Mapping[int, BitMap]

    @cached_property
    def starts(self) -> dict[int, int]:
        """The place of each dataset's first frame."""
        found, total = {}, 0
        for number in self._datasets:
            found[number] = total
            total += len(self.revisions[number])
        return found

    @cached_property
    def size(self) -> int:
        return sum(map(len, self.revisions.values()))

    def __len__(self) -> int:
        return self.size

    def frames(self, places: Numbers) -> list[tuple[int, int]]:
        """(dataset number, revision) at each place."""
        numbers, revisions = self.columns(places)
        return list(zip(numbers.tolist(), revisions.tolist(), strict=True))

    def columns(self, places: Numbers) -> tuple[Numbers, Numbers]:
        """Dataset numbers and revisions at these places."""
        if not len(places):
            return places, places
        starts = np.array([self.starts[number] for number in self._datasets], np.int64)
        which = np.searchsorted(starts, places, side="right") - 1
        revisions = np.empty(len(places), np.int64)
        for at in np.unique(which).tolist():
            mine = np.flatnonzero(which == at)
            revisions[mine] = select(self.revisions[self._datasets[at]], places[mine] - starts[at])
        return np.array(self._datasets, np.int64)[which], revisions

    def places(self, dataset: int, revisions: Numbers) -> Numbers:
        """The places of some of a dataset's revisions, all of which are in the set."""
        return rank(self.revisions[dataset], revisions) + self.starts[dataset]

    @cached_property
    def _datasets(self) -> list[int]:
        return sorted(number for number, revisions in self.revisions.items() if revisions)


@dataclass(frozen=True)
class RulePlaces:
    """The places, in a union, of the frames that one rule selects: ascending, computed when they are asked for."""

    union: FrameSet
    rule: FrameSet

    def __len__(self) -> int:
        return self.rule.size

    def __getitem__(self, numbers: Numbers, /) -> Numbers:
        datasets, revisions = self.rule.columns(numbers)
        result = np.empty(len(numbers), np.int64)
        for dataset in np.unique(datasets).tolist():
            mine = np.flatnonzero(datasets == dataset)
            result[mine] = self.union.places(dataset, revisions[mine])
        return result

    def all(self) -> Numbers:
        return self[np.arange(len(self), dtype=np.int64)]


def select(bitmap: BitMap, numbers: Numbers) -> Numbers:
    """The elements with these numbers, counted from the smallest."""
    if len(numbers) <= _FEW:
        return np.array([bitmap[number] for number in numbers.tolist()], np.int64)
    return to_array(bitmap)[numbers].astype(np.int64)


def rank(bitmap: BitMap, elements: Numbers) -> Numbers:
    """The number of each of these elements of the set, counted from the smallest; inverse of `select`."""
    if len(elements) <= _FEW:
        return np.array([bitmap.rank(element) - 1 for element in elements.tolist()], np.int64)
    return np.searchsorted(to_array(bitmap), elements.astype(np.uint32)).astype(np.int64)
