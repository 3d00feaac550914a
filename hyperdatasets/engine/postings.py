"""For each text of a column the elements that hold it: Roaring bitmaps where there are many, lists where few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.engine.bitmaps import Mask, Ordinals, from_mask, to_array, to_bitmap, to_mask, to_set, union

DENSE = 256  # a text with so many elements keeps a Roaring bitmap
_MANY = 32  # bitmaps that take longer to unite than the codes of all elements take to compare
_NONE = np.iinfo(np.uint16).max  # the code of an element without a text
Codes = NDArray[np.int64]


class Bitmaps:
    """Serialized Roaring bitmaps by code, each read when it is first asked for."""

    def __init__(self, codes: Codes, ends: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        self.codes, self.ends, self.data = codes, ends, data
        self._places = {code: place for place, code in enumerate(codes.tolist())}
        self._read: dict[int, BitMap] = {}

    @classmethod
    def of(cls, bitmaps: Mapping[int, BitMap]) -> Bitmaps:
        codes = sorted(bitmaps)
        for code in codes:
            bitmaps[code].run_optimize()
        serialized = [bitmaps[code].serialize() for code in codes]
        ends = np.cumsum([0, *map(len, serialized)], dtype=np.int64)
        return cls(np.array(codes, np.int64), ends, np.frombuffer(b"".join(serialized), np.uint8))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps; inverse of `from_arrays`."""
        return {"codes": self.codes, "ends": self.ends, "data": self.data}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Bitmaps:
        return cls(arrays["codes"], arrays["ends"], arrays["data"])

    def __contains__(self, code: int) -> bool:
        return code in self._places

    def __getitem__(self, code: int) -> BitMap:
        found = self._read.get(code)
        if found is None:
            found = self._read[code] = self.read(code)
        return found

    def read(self, code: int) -> BitMap:
        """The same, and not kept for the next time."""
        place = self._places[code]
        return BitMap.deserialize(self.data[self.ends[place] : self.ends[place + 1]].tobytes())

    def all(self) -> list[BitMap]:
        return [self[code] for code in self._places]

    def between(self, low: int, high: int) -> list[int]:
        """Codes from `low` to before `high` that have a bitmap."""
        start, end = np.searchsorted(self.codes, [low, high])
        return self.codes[start:end].tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Postings:
    """Elements of code `i` lie in `rows[starts[i]:starts[i + 1]]`, ascending, or among the bitmaps."""

    starts: NDArray[np.uint32]
    rows: Ordinals
    dense: Bitmaps

    @classmethod
    def of(cls, codes: Codes, elements: Ordinals, distinct: int) -> Postings:
        """From pairs of code and element, sorted by code, then element, each once."""
        bounds = np.searchsorted(codes, np.arange(distinct + 1))
        counts = np.diff(bounds)
        many = np.flatnonzero(counts >= DENSE)
        if not len(many):
            return cls(bounds.astype(np.uint32), elements, Bitmaps.of({}))
        dense = {int(code): to_bitmap(elements[bounds[code] : bounds[code + 1]]) for code in many}
        few = np.ones(len(codes), bool)
        for code in many.tolist():
            few[bounds[code] : bounds[code + 1]] = False
        counts[many] = 0
        starts = np.zeros(distinct + 1, np.uint32)
        np.cumsum(counts, out=starts[1:])
        return cls(starts, elements[few], Bitmaps.of(dense))

    def __getitem__(self, code: int) -> BitMap:
        """Elements of one text."""
        return self.dense[code] if code in self.dense else to_bitmap(self._few(code))

    def elements(self, code: int) -> Ordinals:
        """The same as an array, ascending."""
        return to_array(self.dense[code]) if code in self.dense else self._few(code)

    def any_of(self, codes: Sequence[int] | Codes) -> BitMap:
        """Elements of any of these texts; codes ascending."""
        if not len(codes):
            return BitMap()
        first, last = int(codes[0]), int(codes[-1])
        if last - first + 1 == len(codes):
            return self[first] if first == last else self.between(first, last + 1)
        few = [self._few(code) for code in codes if code not in self.dense]
        found = to_bitmap(np.sort(np.concatenate(few))) if few else BitMap()
        return found | union(self.dense[code] for code in codes if code in self.dense)

    def between(self, low: int, high: int) -> BitMap:
        """Elements of the texts from one code to before another."""
        if low >= high:
            return BitMap()
        mask = self._compared(low, high)
        if mask is not None:
            return from_mask(mask)
        few = self.rows[self.starts[low] : self.starts[high]]
        return to_set(few, int(few.max(initial=0)) + 1) | union(
            self.dense[code] for code in self.dense.between(low, high)
        )

    def compared(self, codes: Codes) -> Mask | None:
        """Which elements, up to the last with a text, hold one of these, if they are many in a row; else None."""
        if not len(codes) or codes[-1] - codes[0] + 1 != len(codes):
            return None
        return self._compared(int(codes[0]), int(codes[-1]) + 1)

    def _compared(self, low: int, high: int) -> Mask | None:
        if len(self.dense.between(low, high)) <= _MANY or self._single is None:
            return None
        found: Mask = (self._single - np.uint16(low)) < high - low  # what lies below low wraps around
        return found

    @cached_property
    def _single(self) -> NDArray[np.uint16] | None:
        """The code of each element up to the last that has a text; None if one has several, or the codes are many."""
        if len(self.starts) - 1 >= _NONE:
            return None
        arrays = [(code, to_array(self.dense.read(code))) for code in self.dense.codes.tolist()]
        size = 1 + max([int(self.rows.max(initial=0)), *(int(each[-1]) for _, each in arrays)])
        codes = np.full(size, _NONE, np.uint16)
        codes[self.rows] = self._few_codes()
        for code, each in arrays:
            codes[each] = code
        held = len(self.rows) + sum(len(each) for _, each in arrays)
        return codes if np.count_nonzero(codes != _NONE) == held else None

    @cached_property
    def present(self) -> BitMap:
        """Elements that hold any text."""
        return to_bitmap(np.sort(self.rows)) | union(self.dense.all())

    def pairs(self) -> tuple[Codes, Ordinals]:
        """Code and element of all, sorted by code, then element."""
        few = self._few_codes()
        codes = [few, *(np.full(len(each), code) for code, each in self._bitmaps())]
        rows = [self.rows, *(to_array(each) for _, each in self._bitmaps())]
        everything, elements = np.concatenate(codes), np.concatenate(rows)
        order = np.argsort(everything, kind="stable")
        return everything[order], elements[order]

    def reordered(self, fresh: Ordinals) -> Postings:
        """The same with each element at a place of its own, `fresh[element]`."""
        dense = {
            code: each if len(each) == len(fresh) else to_set(fresh[to_array(each)], len(fresh))
            for code, each in self._bitmaps()
        }
        rows = fresh[self.rows]
        return Postings(self.starts, rows[np.lexsort((rows, self._few_codes()))], Bitmaps.of(dense))

    def sums(self, size: int) -> NDArray[np.uint64]:
        """For each of `size` elements a number that is equal for equal sets of texts; shape (size,)."""
        of_codes = np.random.default_rng(0).integers(1, 1 << 62, len(self.starts) - 1, dtype=np.uint64)
        found = np.zeros(size, np.uint64)
        for code, each in self._bitmaps():
            found[to_array(each)] += of_codes[code]
        np.add.at(found, self.rows, of_codes[self._few_codes()])
        return found

    def first_codes(self, size: int) -> NDArray[np.int64]:
        """For each of `size` elements its least text's code, -1 for none; shape (size,)."""
        found = np.full(size, -1, np.int64)
        for code, each in reversed(self._bitmaps()):
            found[to_array(each)] = code
        codes = self._few_codes()[::-1]
        rows = self.rows[::-1]
        held = found[rows]
        fresh = np.where((held < 0) | (codes < held), codes, held)
        found[rows] = fresh  # of several texts of one element the least is written last
        return found

    def counts(self, elements: BitMap) -> NDArray[np.int64]:
        """For each text, how many of these elements hold it; shape (distinct,)."""
        counts = np.zeros(len(self.starts) - 1, np.int64)
        for code, each in self._bitmaps():
            counts[code] = each.intersection_cardinality(elements)
        if len(self.rows):
            mask = to_mask(elements, int(self.rows.max()) + 1)
            sums = np.concatenate([[0], np.cumsum(mask[self.rows], dtype=np.int64)])
            counts += sums[self.starts[1:].astype(np.int64)] - sums[self.starts[:-1].astype(np.int64)]
        return counts

    def _bitmaps(self) -> list[tuple[int, BitMap]]:
        return [(code, self.dense[code]) for code in self.dense.codes.tolist()]

    def _few_codes(self) -> Codes:
        """The code of each of `rows`."""
        starts = self.starts.astype(np.int64)
        return np.repeat(np.arange(len(starts) - 1), starts[1:] - starts[:-1])

    def _few(self, code: int) -> Ordinals:
        return self.rows[self.starts[code] : self.starts[code + 1]]
