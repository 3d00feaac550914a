"""The values of one path in one segment: texts with postings, numbers in arrays, booleans as two sets.

A path may hold values of several types, and several values in one element. Elements are numbered from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.engine.bitmaps import Ordinals, to_array, to_bitmap, to_set, union
from hyperdatasets.engine.dictionary import Dictionary
from hyperdatasets.engine.numbers import Numbers, merged
from hyperdatasets.engine.postings import Bitmaps, Codes, Postings

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Column:
    """`size` is how many elements the table has, with a value here or without."""

    size: int
    texts: Dictionary
    postings: Postings
    ints: Numbers
    floats: Numbers
    trues: BitMap
    falses: BitMap

    @property
    def numbers(self) -> tuple[Numbers, Numbers]:
        return self.ints, self.floats

    @cached_property
    def present(self) -> BitMap:
        """Elements that hold any value."""
        return self.postings.present | self.ints.present | self.floats.present | self.trues | self.falses

    @property
    def texts_alone(self) -> bool:
        """Whether it holds no values of other types."""
        return not (len(self.ints) or len(self.floats) or self.trues or self.falses)

    def reordered(self, order: NDArray[np.int64], fresh: Ordinals) -> Column:
        """The same with the element that was `order[i]` as element i; `fresh` is the inverse of that."""
        return Column(
            self.size, self.texts, self.postings.reordered(fresh), self.ints.reordered(order, fresh),
            self.floats.reordered(order, fresh), to_set(fresh[to_array(self.trues)], self.size),
            to_set(fresh[to_array(self.falses)], self.size),
        )  # fmt: skip

    def arrays(self) -> Arrays:
        """What a file keeps; inverse of `from_arrays`."""
        found: Arrays = {
            **self.texts.arrays(),
            "starts": self.postings.starts, "rows": self.postings.rows,
            "dense_codes": self.postings.dense.codes, "dense_ends": self.postings.dense.ends,
            "dense_data": self.postings.dense.data, "ints": self.ints.values, "floats": self.floats.values,
            "trues": _bytes(self.trues), "falses": _bytes(self.falses),
            "float_scale": np.array([self.floats.scale], np.int64)[: bool(self.floats.scale)],
        }  # fmt: skip
        for name, numbers in (("int_rows", self.ints), ("float_rows", self.floats)):
            if numbers.elements is not None:
                found[name] = numbers.elements
        return {name: array for name, array in found.items() if len(array)}

    @classmethod
    def from_arrays(cls, size: int, arrays: Mapping[str, NDArray[Any]]) -> Column:
        def get(name: str, kind: type) -> NDArray[Any]:
            found = arrays.get(name)
            return np.array([], kind) if found is None else found

        def numbers(values: str, rows: str, kind: type) -> Numbers:
            elements = arrays.get(rows)
            held = get(values, kind)
            scale = arrays.get("float_scale") if values == "floats" else None
            return Numbers(
                size, held, get(rows, np.uint32) if elements is not None or not len(held) else None,
                0 if scale is None else int(scale[0]),
            )  # fmt: skip

        dense = Bitmaps(get("dense_codes", np.int64), get("dense_ends", np.int64), get("dense_data", np.uint8))
        return cls(
            size, Dictionary.from_arrays(arrays),
            Postings(arrays.get("starts", np.zeros(1, np.uint32)), get("rows", np.uint32), dense),
            numbers("ints", "int_rows", np.int64), numbers("floats", "float_rows", np.float64),
            _bitmap(arrays.get("trues")), _bitmap(arrays.get("falses")),
        )  # fmt: skip


@dataclass(slots=True)
class ColumnBuilder:
    """Values of one path as they come, and the element of each."""

    elements: list[Ordinals] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, elements: Ordinals, values: Sequence[Any]) -> None:
        self.elements.append(elements)
        self.values += values

    def build(self, size: int) -> Column:
        elements, values = np.concatenate(self.elements), self.values
        if bool((elements[1:] < elements[:-1]).any()):
            order = np.argsort(elements, kind="stable")
            elements, values = elements[order], [values[place] for place in order.tolist()]
        kinds = set(map(type, values))
        if len(kinds) == 1:
            return _of_one_kind(size, elements, values, kinds.pop())
        parts = []
        for kind in (str, int, float, bool):
            places = [place for place, value in enumerate(values) if type(value) is kind]
            parts.append((elements[places], [values[place] for place in places]))
        return _column(size, *parts)


def _of_one_kind(size: int, elements: Ordinals, values: list[Any], kind: type) -> Column:
    nothing: tuple[Ordinals, list[Any]] = (elements[:0], [])
    parts = [(elements, values) if kind is each else nothing for each in (str, int, float, bool)]
    return _column(size, *parts)


def _column(
    size: int,
    texts: tuple[Ordinals, list[str]],
    ints: tuple[Ordinals, list[int]],
    floats: tuple[Ordinals, list[float]],
    booleans: tuple[Ordinals, list[bool]],
) -> Column:
    dictionary, postings = encoded(*texts)
    truth = np.array(booleans[1], bool)
    return Column(
        size, dictionary, postings,
        Numbers.of(size, ints[0], np.array(ints[1], np.int64)),
        Numbers.of(size, floats[0], np.array(floats[1], np.float64)),
        to_bitmap(booleans[0][truth]), to_bitmap(booleans[0][~truth]),
    )  # fmt: skip


def of_numbers(size: int, elements: Ordinals | None, values: NDArray[np.float64]) -> Column:
    """A column of doubles alone."""
    dictionary, postings = encoded(np.array([], np.uint32), [])
    nothing = Numbers.of(size, np.array([], np.uint32), np.array([], np.int64))
    return Column(size, dictionary, postings, nothing, Numbers.of(size, elements, values), BitMap(), BitMap())


def encoded(elements: Ordinals, texts: Sequence[str]) -> tuple[Dictionary, Postings]:
    """The distinct texts and who holds them; elements ascending."""
    ordered = sorted(set(texts))
    code_of = {text: code for code, text in enumerate(ordered)}
    codes = np.fromiter(map(code_of.__getitem__, texts), np.int64, len(texts))
    return Dictionary.of(ordered), _postings(codes, elements, len(ordered))


def merge_columns(parts: list[tuple[int, Column]], size: int) -> Column:
    """One column of several, each with the number that its elements begin at; `size` elements in all."""
    dictionary, code_maps = Dictionary.merged([column.texts for _, column in parts])
    codes, elements = [np.array([], np.int64)], [np.array([], np.uint32)]
    for (base, column), code_map in zip(parts, code_maps, strict=True):
        own, rows = column.postings.pairs()
        codes.append(code_map[own])
        elements.append(rows + np.uint32(base))
    return Column(
        size, dictionary, _postings(np.concatenate(codes), np.concatenate(elements), len(dictionary)),
        merged([(base, column.ints) for base, column in parts], size, np.int64),
        merged([(base, column.floats) for base, column in parts], size, np.float64),
        union(column.trues.shift(base) for base, column in parts),
        union(column.falses.shift(base) for base, column in parts),
    )  # fmt: skip


def _postings(codes: Codes, elements: Ordinals, distinct: int) -> Postings:
    """From pairs by ascending element, of which one may stand several times."""
    narrow = codes.astype(np.uint16) if distinct <= 1 << 16 else codes  # NumPy sorts these by counting
    order = np.argsort(narrow, kind="stable")
    codes, elements = codes[order], elements[order]
    fresh = np.ones(len(codes), bool)
    fresh[1:] = (codes[1:] != codes[:-1]) | (elements[1:] != elements[:-1])
    return Postings.of(codes[fresh], elements[fresh], distinct)


def _bytes(bitmap: BitMap) -> NDArray[np.uint8]:
    return np.frombuffer(bitmap.serialize() if bitmap else b"", np.uint8)


def _bitmap(data: NDArray[np.uint8] | None) -> BitMap:
    return BitMap() if data is None else BitMap.deserialize(data.tobytes())
