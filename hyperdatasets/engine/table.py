"""The elements of one kind in one segment (frames, ROIs, sources, rows of private columns) and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.query.tree import Exists, Field, Leaf
from hyperdatasets.engine.bitmaps import Ordinals, from_mask, to_array, to_mask, to_set, union
from hyperdatasets.engine.column import Column, ColumnBuilder, merge_columns
from hyperdatasets.engine.evaluate import satisfying, satisfying_texts
from hyperdatasets.engine.postings import Bitmaps


@dataclass(frozen=True, eq=False)
class Table:
    """`owners` is the frame of each element; shape (size,). Frames own themselves.

    Attributes:
        frames: number of frames of the segment.
        places: the number of each element among those of its frame, shape (size,), for elements that lie in an order
            of their own; None: they lie frame by frame, so that `owners` ascend.
        holders: for columns of elements that are not frames, the frames that hold each frequent text, so that the
            most usual condition (a label) needs no look at elements.
    """

    size: int
    columns: Mapping[str, Column]
    owners: Ordinals
    frames: int
    holders: Mapping[str, Bitmaps] = field(default_factory=dict)
    places: NDArray[np.unsignedinteger] | None = None

    def leaf(self, leaf: Leaf, within: BitMap | None = None) -> BitMap:
        """Elements that satisfy a condition on a named field, of those in `within`."""
        path, test = leaf.field.path, leaf.test
        if isinstance(test, Exists):
            return union(self.columns[name].present for name in self.columns if is_below(name, path))
        column = self.columns.get(path)
        return BitMap() if column is None else satisfying(column, test, keyword=leaf.field.keyword, within=within)

    def any_text(self, leaf: Leaf, *, leave_out: Iterable[str] = ()) -> BitMap:
        """Elements with some text, in any column but these, that satisfies the condition."""
        left_out = set(leave_out)
        columns = (self.columns[name] for name in self.columns if name not in left_out)
        return union(satisfying_texts(column, leaf.test) for column in columns)

    def frames_of(self, elements: BitMap) -> BitMap:
        """The frames that these elements belong to."""
        return elements if self.alone else to_set(self.owners.take(to_array(elements)), self.frames)

    def holding(self, name: str, code: int) -> BitMap:
        """The frames that hold a text of a column."""
        ready = self.holders.get(name)
        if ready is not None and code in ready:
            return ready[code]
        return self.frames_of(self.columns[name].postings[code])

    @cached_property
    def frames_with_any(self) -> BitMap:
        """Frames that have an element at all."""
        return from_mask(self.per_frame > 0)

    @cached_property
    def alone(self) -> bool:
        """Whether each frame has one element, of its own number."""
        return self.size == self.frames and bool((self.owners == np.arange(self.size)).all())

    @cached_property
    def per_frame(self) -> NDArray[np.uint32]:
        """How many elements each frame has; shape (frames,)."""
        return np.bincount(self.owners, minlength=self.frames).astype(np.uint32)

    def counts(self, elements: BitMap) -> NDArray[np.int64]:
        """How many of these elements each frame has; shape (frames,)."""
        return np.bincount(self.owners.take(to_array(elements)), minlength=self.frames)

    def of_frames(self, frames: BitMap) -> BitMap:
        """The elements that belong to these frames."""
        if self.alone:
            return frames
        if len(frames) == self.frames:
            return BitMap(range(self.size))
        return from_mask(to_mask(frames, self.frames).take(self.owners))

    def places_of(self, elements: Ordinals) -> NDArray[np.unsignedinteger]:
        """The number of each of these elements among those of its frame."""
        if self.places is None:
            firsts = np.searchsorted(self.owners, self.owners[elements])
            return elements - firsts.astype(np.uint32)
        return self.places[elements]

    def frame_by_frame(self, elements: Ordinals) -> NDArray[np.int64]:
        """How to take these elements, ascending (one may stand several times), to have them frame by frame."""
        if self.places is None:
            return np.arange(len(elements))
        firsts = np.cumsum(self.per_frame, dtype=np.int64) - self.per_frame
        places = firsts[self.owners[elements]] + self.places_of(elements)
        if bool((elements[1:] == elements[:-1]).any()):
            return np.argsort(places, kind="stable")
        slots = np.full(self.size, -1)
        slots[places] = np.arange(len(elements))
        return slots[slots >= 0]


def is_below(path: str, field_path: str) -> bool:
    """Whether a path is the field's or lies below it."""
    return path == field_path or path.startswith(f"{field_path}.")


def is_any_text(field_of_leaf: Field) -> bool:
    return not field_of_leaf.path


def made(table: Table) -> Table:
    """The table with what can be derived from its columns."""
    return table if table.alone else replace(table, holders=_holders(table))


Object = TypeVar("Object", bound=Mapping[str, Any])


def of_like_keys(
    elements: Ordinals, objects: Sequence[Object]
) -> Iterator[tuple[tuple[str, ...], Ordinals, Sequence[Object]]]:
    """The objects, and their elements, grouped by their keys: what is alike, as most are, is quick to take apart."""
    first = tuple(objects[0]) if objects else ()
    if all(map(first.__eq__, map(tuple, objects))):
        yield first, elements, objects
        return
    places: dict[tuple[str, ...], list[int]] = {}
    for place, keys in enumerate(map(tuple, objects)):
        places.setdefault(keys, []).append(place)
    for keys, own in places.items():
        yield keys, elements[own], [objects[place] for place in own]


_PLAIN = frozenset({str, int, float, bool})


@dataclass(slots=True)
class TableBuilder:
    """Elements and their values, column by column; `owners` is the frame of each element, ascending."""

    owners: Ordinals
    columns: dict[str, ColumnBuilder] = field(default_factory=dict)

    def add(self, path: str, elements: Ordinals, values: Sequence[Any]) -> None:
        """Adds to each element its value; lists flatten, lists of objects too; null, [] and {} are no values."""
        kinds = set(map(type, values))
        if kinds <= _PLAIN:
            if values:
                self.columns.setdefault(path, ColumnBuilder()).add(elements, values)
        elif kinds == {dict}:
            self._add_objects(path, elements, values)
        elif kinds == {list}:
            lengths = np.fromiter(map(len, values), np.int64, len(values))
            self.add(path, np.repeat(elements, lengths), list(chain.from_iterable(values)))
        else:
            for kind in kinds - {NoneType}:
                places = [place for place, value in enumerate(values) if type(value) is kind]
                self.add(path, elements[places], [values[place] for place in places])

    def _add_objects(self, path: str, elements: Ordinals, objects: Sequence[Mapping[str, Any]]) -> None:
        for keys, own, alike in of_like_keys(elements, objects):
            for key in keys:
                self.add(f"{path}.{key}" if path else key, own, list(map(itemgetter(key), alike)))

    def build(self, frames: int, more: Mapping[str, Column] | None = None) -> Table:
        size = len(self.owners)
        columns = {path: column.build(size) for path, column in self.columns.items()}
        return Table(size, columns | dict(more or {}), self.owners, frames)


def merge_tables(tables: Sequence[Table]) -> Table:
    """One table of several, in their order; those of elements in an order of their own are in none afterwards."""
    bases = np.cumsum([0, *(table.size for table in tables)]).tolist()
    firsts = np.cumsum([0, *(table.frames for table in tables)]).tolist()
    paths = sorted({path for table in tables for path in table.columns})
    columns = {
        path: merge_columns(
            [(base, table.columns[path]) for base, table in zip(bases, tables, strict=False) if path in table.columns],
            bases[-1],
        )
        for path in paths
    }
    owners = [table.owners + np.uint32(first) for first, table in zip(firsts, tables, strict=False)]
    places = None
    if any(table.places is not None for table in tables):
        places = np.concatenate([table.places_of(np.arange(table.size, dtype=np.uint32)) for table in tables])
    return Table(bases[-1], columns, np.concatenate(owners), firsts[-1], places=places)


_READY = ("label", "origin", "shape", "content_type")  # columns that whole frames are asked for by


def _holders(table: Table) -> dict[str, Bitmaps]:
    found = {}
    for name in sorted(table.columns.keys() & set(_READY)):
        dense = table.columns[name].postings.dense
        if len(dense.codes):
            found[name] = Bitmaps.of({code: table.frames_of(dense[code]) for code in dense.codes.tolist()})
    return found
