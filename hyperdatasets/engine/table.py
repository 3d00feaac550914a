"""The elements of one kind in one segment (frames, ROIs, sources, rows of private columns) and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.query.tree import Exists, Field, Leaf, Node, Term
from hyperdatasets.engine.bitmaps import (
    Mask,
    Ordinals,
    everything,
    from_mask,
    stretches,
    to_array,
    to_mask,
    to_set,
    union,
)
from hyperdatasets.engine.column import Column, ColumnBuilder, merge_columns
from hyperdatasets.engine.evaluate import compared, equal_texts, satisfying, satisfying_decoded, satisfying_texts
from hyperdatasets.engine.numbers import few
from hyperdatasets.engine.tallies import Tallies, Tally

_READY = ("label", "origin", "shape", "content_type")  # columns that whole frames are asked for by
MOST = 256  # texts of a column that are tallied when they are first asked for; more would take much memory


@dataclass(frozen=True, eq=False)
class Table:
    """`owners` is the frame of each element; shape (size,). Frames own themselves.

    Attributes:
        frames: number of frames of the segment.
        places: the number of each element among those of its frame, shape (size,), for elements that lie in an order
            of their own; None: they lie frame by frame, so that `owners` ascend.
        ready: for columns of elements that are not frames, how many elements of each frame hold each frequent text,
            so that the most usual conditions (a label, so many of it) need no look at elements.
    """

    size: int
    columns: Mapping[str, Column]
    owners: Ordinals
    frames: int
    ready: Mapping[str, Tallies] = field(default_factory=dict)
    places: NDArray[np.unsignedinteger] | None = None
    _made: dict[str, Tallies] = field(default_factory=dict, init=False)

    def leaf(self, leaf: Leaf, within: BitMap | None = None) -> BitMap:
        """Elements that satisfy a condition on a named field, of those in `within`."""
        path, test = leaf.field.path, leaf.test
        if isinstance(test, Exists):
            return union(self.columns[name].present for name in self.columns if is_below(name, path))
        column = self.columns.get(path)
        if column is None:
            return BitMap()
        found = satisfying(column, leaf.field, test, within)
        return found | satisfying_decoded(column, leaf.field, test) if leaf.field.decoded else found

    def in_all(self, leaves: Sequence[Leaf], within: BitMap | None) -> BitMap:
        """Elements of those in `within` that lie in all ranges; of several comparisons one set is made."""
        several = len(leaves) > 1 and (within is None or not few(within, self.size))
        masks: list[Mask] = []
        for leaf in leaves:
            column = self.columns.get(leaf.field.path)
            alone = column is not None and not leaf.field.decoded
            mask = compared(column, leaf.field, leaf.test) if several and alone else None  # type: ignore[arg-type]  # it is there
            if mask is None:
                found = self.leaf(leaf, within)
                within = found if within is None else within & found
            else:
                masks.append(mask)
        if masks:
            size = min(map(len, masks))
            found = from_mask(reduce(np.logical_and, (mask[:size] for mask in masks)))
            within = found if within is None else within & found
        return everything(self.size) if within is None else within

    def any_text(self, leaf: Leaf, *, leave_out: Iterable[str] = ()) -> BitMap:
        """Elements with some text, in any column but these, that satisfies the condition."""
        left_out = set(leave_out)
        columns = (column for name, column in self.columns.items() if name not in left_out)
        found = [satisfying_texts(column, leaf.field, leaf.test) for column in columns]
        if leaf.field.decoded and "uri" in self.columns:
            found.append(satisfying_decoded(self.columns["uri"], leaf.field, leaf.test))
        return union(found)

    def frames_of(self, elements: BitMap) -> BitMap:
        """The frames that these elements belong to."""
        return elements if self.alone else to_set(self._owners_of(elements), self.frames)

    def holding(self, name: str, codes: Sequence[int]) -> BitMap:
        """The frames that hold any of these texts of a column."""
        held = {code: tally.holding for code in codes if (tally := self.tally_at_hand(name, code))}
        rest = [code for code in codes if code not in held]
        if not rest:
            return union(held.values())
        return union([*held.values(), self.frames_of(self.columns[name].postings.any_of(rest))])

    def ready_texts(self, node: Node) -> tuple[str, list[int]] | None:
        """A column that stands ready and codes of its texts, if to hold one of them is all that the node says."""
        if not isinstance(node, Leaf) or not isinstance(node.test, Term):
            return None
        name = node.field.path
        column = self.columns.get(name)
        if column is None or name not in self.ready or not column.texts_alone:
            return None
        return name, equal_texts(column.texts, node.field, node.test.text)

    def tally_at_hand(self, name: str, code: int) -> Tally | None:
        """Of one text of a column, if it stands ready."""
        ready = self.ready.get(name)
        return None if ready is None else ready.get(code)

    def tallies(self, name: str) -> Tallies | None:
        """Of all texts of a column; None unless they are few, and all of them frequent.

        What does not stand ready is made when it is first asked for, and kept as long as the table is.
        """
        column = self.columns.get(name)
        if column is None or not 0 < len(column.texts) <= MOST or len(column.postings.dense.codes) < len(column.texts):
            return None
        if name in self.ready:
            return self.ready[name]
        if name not in self._made:
            self._made[name] = self.tallied(column)
        return self._made[name]

    def tallied(self, column: Column) -> Tallies:
        """Of the frequent texts of a column."""
        dense = column.postings.dense
        return Tallies.of({code: self.tally(dense[code]) for code in dense.codes.tolist()})

    def tally(self, elements: BitMap) -> Tally:
        """How many of these elements each frame has."""
        return Tally(elements, ()) if self.alone else Tally.of(self.counts(elements))

    @cached_property
    def of_all(self) -> Tally:
        """How many elements each frame has."""
        return Tally.of(self.per_frame)

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
        return np.bincount(self._owners_of(elements), minlength=self.frames)

    def _owners_of(self, elements: BitMap) -> Ordinals:
        """The frame of each of these elements."""
        found = stretches(elements)
        if found is None:
            return self.owners.take(to_array(elements))
        parts = [self.owners[start:stop] for start, stop in found]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

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
    if table.alone:
        return table
    columns = {name: table.columns[name] for name in sorted(table.columns.keys() & set(_READY))}
    return replace(table, ready={name: table.tallied(each) for name, each in columns.items()})


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
