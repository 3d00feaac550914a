"""The values of one path in one segment: texts with postings, numbers in arrays, booleans as two sets.

A path may hold values of several types, and several values in one element. Elements are numbered from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import Ordinals, to_array, to_bitmap, union
from hyperdatasets.engine.dictionary import Dictionary

Arrays = dict[str, NDArray[Any]]
DENSE = 256  # a text with so many elements keeps its posting as a Roaring bitmap


class Dense:
    """Postings as serialized Roaring bitmaps, each read when it is first asked for."""

    def __init__(self, codes: NDArray[np.int64], ends: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        self.codes, self.ends, self.data = codes, ends, data
        self._places = {code: place for place, code in enumerate(codes.tolist())}
        self._read: dict[int, BitMap] = {}

    @classmethod
    def of(cls, bitmaps: Mapping[int, BitMap]) -> Dense:
        codes = sorted(bitmaps)
        serialized = [bitmaps[code].serialize() for code in codes]
        ends = np.cumsum([0, *map(len, serialized)], dtype=np.int64)
        return cls(np.array(codes, np.int64), ends, _bytes(b"".join(serialized)))

    def __contains__(self, code: int) -> bool:
        return code in self._places

    def __getitem__(self, code: int) -> BitMap:
        found = self._read.get(code)
        if found is None:
            place = self._places[code]
            found = BitMap.deserialize(self.data[self.ends[place] : self.ends[place + 1]].tobytes())
            self._read[code] = found
        return found

    def all(self) -> list[BitMap]:
        return [self[code] for code in self._places]


@dataclass(frozen=True)
class Column:
    """Postings of code `i` lie in `rows[starts[i]:starts[i + 1]]`, or, if there are many, among the dense ones."""

    texts: Dictionary
    starts: NDArray[np.int64]
    rows: Ordinals
    dense: Dense
    int_rows: Ordinals
    ints: NDArray[np.int64]
    float_rows: Ordinals
    floats: NDArray[np.float64]
    trues: BitMap
    falses: BitMap

    def posting(self, code: int) -> BitMap:
        """Elements that hold this text."""
        return self.dense[code] if code in self.dense else to_bitmap(self._sparse(code))

    def count(self, code: int) -> int:
        return len(self.dense[code]) if code in self.dense else len(self._sparse(code))

    def postings(self, codes: Iterable[int]) -> BitMap:
        """Elements that hold any of these texts."""
        listed = list(codes)
        sparse = [self._sparse(code) for code in listed if code not in self.dense]
        result = to_bitmap(np.sort(np.concatenate(sparse))) if sparse else BitMap()
        return result | union(self.dense[code] for code in listed if code in self.dense)

    @cached_property
    def texts_present(self) -> BitMap:
        return to_bitmap(np.sort(self.rows)) | union(self.dense.all())

    @cached_property
    def present(self) -> BitMap:
        """Elements that hold any value."""
        numbers = to_bitmap(self.int_rows) | to_bitmap(self.float_rows)
        return self.texts_present | numbers | self.trues | self.falses

    def elements(self, code: int) -> Ordinals:
        """Elements that hold this text, ascending."""
        return to_array(self.dense[code]) if code in self.dense else self._sparse(code)

    def _sparse(self, code: int) -> Ordinals:
        return self.rows[self.starts[code] : self.starts[code + 1]]

    def arrays(self) -> Arrays:
        """What a file keeps; inverse of `from_arrays`."""
        return {
            "text_data": self.texts.data, "text_starts": self.texts.starts,
            "starts": self.starts, "rows": self.rows,
            "dense_codes": self.dense.codes, "dense_ends": self.dense.ends, "dense_data": self.dense.data,
            "int_rows": self.int_rows, "ints": self.ints, "float_rows": self.float_rows, "floats": self.floats,
            "trues": _bytes(self.trues.serialize()), "falses": _bytes(self.falses.serialize()),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Column:
        get = arrays.__getitem__
        return cls(
            Dictionary(get("text_data"), get("text_starts")),
            get("starts"), get("rows"),
            Dense(get("dense_codes"), get("dense_ends"), get("dense_data")),
            get("int_rows"), get("ints"), get("float_rows"), get("floats"),
            BitMap.deserialize(get("trues").tobytes()), BitMap.deserialize(get("falses").tobytes()),
        )  # fmt: skip


@dataclass(slots=True)
class ColumnBuilder:
    """Values of one path as they come, elements ascending."""

    texts: dict[str, list[int]] = field(default_factory=dict)
    int_rows: list[int] = field(default_factory=list)
    ints: list[int] = field(default_factory=list)
    float_rows: list[int] = field(default_factory=list)
    floats: list[float] = field(default_factory=list)
    trues: list[int] = field(default_factory=list)
    falses: list[int] = field(default_factory=list)

    def add(self, element: int, value: object) -> None:
        kind = type(value)
        if kind is str:
            rows = self.texts.setdefault(value, [])  # type: ignore[arg-type]
            if not rows or rows[-1] != element:
                rows.append(element)
        elif kind is float:
            self.float_rows.append(element)
            self.floats.append(value)  # type: ignore[arg-type]
        elif kind is int:
            self.int_rows.append(element)
            self.ints.append(value)  # type: ignore[arg-type]
        else:
            (self.trues if value else self.falses).append(element)

    def build(self) -> Column:
        ordered = sorted(self.texts)
        postings = [np.array(self.texts[text], np.uint32) for text in ordered]
        return make_column(
            ordered, postings,
            (np.array(self.int_rows, np.uint32), np.array(self.ints, np.int64)),
            (np.array(self.float_rows, np.uint32), np.array(self.floats, np.float64)),
            trues=BitMap(self.trues), falses=BitMap(self.falses),
        )  # fmt: skip


def make_column(
    texts: list[str],
    postings: list[Ordinals],
    ints: tuple[Ordinals, NDArray[np.int64]],
    floats: tuple[Ordinals, NDArray[np.float64]],
    *,
    trues: BitMap,
    falses: BitMap,
) -> Column:
    """A column of sorted distinct texts with their elements (ascending), and the values of other types."""
    dense = {code: to_bitmap(posting) for code, posting in enumerate(postings) if len(posting) >= DENSE}
    sparse = [np.array([], np.uint32) if code in dense else posting for code, posting in enumerate(postings)]
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(posting) for posting in sparse], out=starts[1:])
    rows = np.concatenate(sparse) if sparse else np.array([], np.uint32)
    return Column(Dictionary.of(texts), starts, rows, Dense.of(dense), *ints, *floats, trues, falses)


def merge_columns(parts: list[tuple[int, Column]]) -> Column:
    """One column of several, each with the number that its elements begin at."""
    postings: dict[str, list[Ordinals]] = {}
    for base, column in parts:
        for code, text in enumerate(column.texts):
            postings.setdefault(text, []).append(column.elements(code) + np.uint32(base))
    texts = sorted(postings)
    return make_column(
        texts,
        [np.concatenate(postings[text]) for text in texts],
        (
            np.concatenate([column.int_rows + np.uint32(base) for base, column in parts]),
            np.concatenate([column.ints for _, column in parts]),
        ),
        (
            np.concatenate([column.float_rows + np.uint32(base) for base, column in parts]),
            np.concatenate([column.floats for _, column in parts]),
        ),
        trues=union(column.trues.shift(base) for base, column in parts),
        falses=union(column.falses.shift(base) for base, column in parts),
    )


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
