"""How often each value of a field occurs among some elements, and in how many frames: arrays, segment by segment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.errors import LimitExceeded
from hyperdatasets.core.query.literals import number
from hyperdatasets.engine import spelled
from hyperdatasets.engine.bitmaps import Ordinals, to_array, to_mask
from hyperdatasets.engine.chosen import Chosen, frame_count
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.deadline import check, checked
from hyperdatasets.engine.distinct import Counts, Distinct, distinct_of, one_each, summed
from hyperdatasets.engine.numbers import Numbers
from hyperdatasets.engine.table import Table

LISTED = 100_000  # distinct texts that are compared by themselves; more by a hash of 64 bits
MOST_NUMBERS = 20_000_000  # distinct numbers that are kept


@dataclass(frozen=True, slots=True)
class Count:
    """A value as text, how many elements hold it, and how many frames."""

    text: str
    elements: int
    frames: int


@dataclass(frozen=True, slots=True)
class Texts:
    """What of one segment is held of a column: codes with their elements and frames."""

    column: Column
    codes: Counts
    elements: Counts
    frames: Counts


class Counted:
    """The values of one field; texts, whole numbers, other numbers and booleans apart."""

    def __init__(self) -> None:
        self.texts: list[Texts] = []
        self._ints, self._floats = Distinct.none(np.int64), Distinct.none(np.float64)
        self._beside_others = Distinct.none(np.float64)  # numbers of segments where the field has several types
        self._spelled: dict[str, Count] = {}  # values that are counted one by one: booleans, and all of such segments
        self.kinds: set[str] = set()

    def add(self, found: Chosen) -> None:
        column = found.column
        if column is None:
            return
        kinds = _kinds(column)
        if kinds == {"integer", "number"} and _exact(column.ints):
            self._add_doubles(column, found)
            return
        if len(kinds) > 1 or "boolean" in kinds:
            self._add_one_by_one(column, found)
            return
        if "string" in kinds:
            ready = found.table.tallies(found.name) if found.whole else None
            counts = held(found.table, column, found.elements) if ready is None else ready.among(found.frames)
            self._add_texts(column, *counts)
        for kind, numbers in zip(("integer", "number"), column.numbers, strict=True):
            if kind in kinds:
                self._add_numbers(kind, distinct_of(numbers, found.table, found.elements))

    def add_numbers(self, values: NDArray[Any], rows: Ordinals | None, owners: Ordinals | None) -> None:
        """Numbers in the order of their elements and frames; without these one a frame."""
        self._add_numbers("integer" if values.dtype.kind == "i" else "number", Distinct.of(values, rows, owners))

    def _add_numbers(self, kind: str, fresh: Distinct) -> None:
        if not len(fresh):
            return
        self.kinds.add(kind)
        if kind == "integer":
            self._ints = Distinct.merged([self._ints, fresh])
        else:
            self._floats = Distinct.merged([self._floats, fresh])
        if len(self._ints) + len(self._floats) > MOST_NUMBERS:
            raise LimitExceeded(f"there are more than {MOST_NUMBERS:,} different numbers; ask for fewer frames")

    def _add_doubles(self, column: Column, found: Chosen) -> None:
        """Whole numbers and others, which an element may hold both of."""
        held_by = [each.held_by(found.elements) for each in column.numbers]
        self.kinds |= {kind for kind, (rows, _) in zip(("integer", "number"), held_by, strict=True) if len(rows)}
        rows = np.concatenate([rows for rows, _ in held_by])
        values = np.concatenate([values.astype(np.float64) for _, values in held_by])
        order = np.argsort(rows, kind="stable")
        order = order[found.table.frame_by_frame(rows[order])]
        rows = rows[order]
        self._floats = Distinct.merged([self._floats, Distinct.of(values[order], rows, found.table.owners[rows])])

    def _add_one_by_one(self, column: Column, found: Chosen) -> None:
        """An element may hold a value as a text and as a number: it counts once."""
        for text, here in spelled.values(column, found.elements):
            before = self._spelled.get(text, Count(text, 0, 0))
            frames = before.frames + frame_count(found.table, to_array(here))
            self._spelled[text] = Count(text, before.elements + len(here), frames)
        present = {
            "string": column.postings.present, "boolean": column.trues | column.falses,
            "integer": column.ints.present, "number": column.floats.present,
        }  # fmt: skip
        self.kinds |= {kind for kind, each in present.items() if each.intersect(found.elements)}
        for numbers in column.numbers:
            wide = distinct_of(numbers, found.table, found.elements)
            wide = replace(wide, values=wide.values.astype(np.float64))
            self._beside_others = Distinct.merged([self._beside_others, wide])

    @cached_property
    def numbers(self) -> Distinct:
        """All numbers as doubles."""
        ints = Distinct(self._ints.values.astype(np.float64), self._ints.elements, self._ints.frames)
        return Distinct.merged([ints, self._floats, self._beside_others])

    @property
    def total(self) -> int:
        """How many values there are, of whatever type."""
        texts = sum(int(part.elements.sum()) for part in self.texts)
        others = sum(each.elements for each in self._spelled.values())
        return texts + others + int(self._ints.elements.sum()) + int(self._floats.elements.sum())

    @cached_property
    def distinct(self) -> int:
        """How many different values; a text and a number that are spelled alike are one."""
        return len(self._candidates(self._apart, "elements")) if self._mixed else self._apart

    def top(self, limit: int, *, by: Literal["elements", "frames"] = "elements") -> list[Count]:
        """The most frequent values, then by value; a text and a number that are spelled alike are one."""
        found = self._candidates(limit, by)
        return sorted(found.values(), key=lambda each: (-getattr(each, by), self._order(each.text)))[:limit]

    def window(self, start: int, stop: int, *, by_value: bool) -> list[Count]:
        """Values `start` to before `stop`: in their order, or those in most frames first."""
        alone = [each for each in (self._ints, self._floats) if len(each)]
        if len(alone) == 1 and not self._mixed:
            return _window(alone[0], start, stop, by_value=by_value)
        if self._mixed or not self.texts or self._apart <= LISTED:
            found = self._candidates(self._apart, "frames").values()
            return sorted(found, key=lambda each: (not by_value and -each.frames, self._order(each.text)))[start:stop]
        elements, frames, _ = self._totals
        first = 0
        listed: list[Count] = []
        for places in [np.arange(len(frames))] if by_value else _classes(frames):
            check()
            if first < stop and first + len(places) > start:
                for text, place in islice(self._in_order(places), max(0, start - first), stop - first):
                    listed.append(Count(text, int(elements[place]), int(frames[place])))
            first += len(places)
        return listed

    def _order(self, text: str) -> tuple[int, float, str]:
        """Numbers in their order, then texts by code points."""
        value = number(text) if self.kinds & {"integer", "number"} else None
        return (1, 0, text) if value is None or spelled.number_text(value) != text else (0, value, "")

    def _in_order(self, places: Counts) -> Iterator[tuple[str, int]]:
        """The texts of these places among the totals, each once, ascending, with its place."""
        wanted = np.zeros(len(self._totals[0]), bool)
        wanted[places] = True
        streams = []
        for part, mine in zip(self.texts, self._totals[2], strict=True):
            texts, kept = list(part.column.texts), wanted[mine]
            named = map(texts.__getitem__, part.codes[kept].tolist())
            streams.append(zip(named, mine[kept].tolist(), strict=True))
        alike = groupby(checked(merge(*streams)), key=itemgetter(0))
        return (next(same) for _, same in alike)

    def _candidates(self, limit: int, by: str) -> dict[str, Count]:
        """All that may be among the first."""
        limit = self._apart if self._mixed else limit
        listed = [*self._top_texts(limit, by), *self._top_numbers(limit, by), *self._spelled.values()]
        found: dict[str, Count] = {}
        for each in listed:
            before = found.get(each.text, Count(each.text, 0, 0))
            found[each.text] = Count(each.text, before.elements + each.elements, before.frames + each.frames)
        return found

    @property
    def _mixed(self) -> bool:
        """Whether values that are counted apart may be spelled alike."""
        return sum(map(bool, (self.texts, len(self._ints) or len(self._floats), self._spelled))) > 1

    @property
    def _apart(self) -> int:
        return len(self._totals[0]) + sum(map(len, self._numbers)) + len(self._spelled)

    def _add_texts(self, column: Column, elements: Counts, frames: Counts) -> None:
        codes = np.flatnonzero(elements)
        if len(codes):
            self.kinds.add("string")
            self.texts.append(Texts(column, codes, elements[codes], frames[codes]))

    @cached_property
    def _numbers(self) -> tuple[Distinct, Distinct]:
        """Whole numbers, doubles that are whole among them, and the others."""
        values = self._floats.values
        whole = (np.floor(values) == values) & (values >= -(2.0**63)) & (values < 2.0**63)
        as_ints = self._floats.only(whole)
        ints = Distinct(as_ints.values.astype(np.int64), as_ints.elements, as_ints.frames)
        return Distinct.merged([self._ints, ints]), self._floats.only(~whole)

    @cached_property
    def _totals(self) -> tuple[Counts, Counts, list[Counts]]:
        """Elements and frames of all different texts, and for each part where its own stand among them."""
        keys = self._keys()
        if not keys:
            return np.array([], np.int64), np.array([], np.int64), []
        distinct, places = np.unique(np.concatenate(keys), return_inverse=True)
        elements = summed(places, [part.elements for part in self.texts], len(distinct))
        frames = summed(places, [part.frames for part in self.texts], len(distinct))
        return elements, frames, np.split(places, np.cumsum([len(each) for each in keys])[:-1])

    def _keys(self) -> list[NDArray[Any]]:
        """Equal for equal texts of all parts, and for no others."""
        if sum(len(part.codes) for part in self.texts) > LISTED:
            return [part.column.texts.hashes()[part.codes] for part in self.texts]
        numbers: dict[str, int] = {}
        return [
            np.array([numbers.setdefault(part.column.texts[code], len(numbers)) for code in part.codes.tolist()], int)
            for part in self.texts
        ]

    def _top_texts(self, limit: int, by: str) -> list[Count]:
        """A text among the first of all is among the first of every part that has it, so few are looked at."""
        elements, frames, places = self._totals
        often = elements if by == "elements" else frames
        found: dict[int, Count] = {}
        for part, mine in zip(self.texts, places, strict=True):
            first = np.lexsort((part.codes, -often[mine]))[:limit]
            for code, place in zip(part.codes[first].tolist(), mine[first].tolist(), strict=True):
                if place not in found:
                    found[place] = Count(part.column.texts[code], int(elements[place]), int(frames[place]))
        return list(found.values())

    def _top_numbers(self, limit: int, by: str) -> list[Count]:
        return [
            Count(spelled.number_text(part.values[place].item()), int(part.elements[place]), int(part.frames[place]))
            for part in self._numbers
            for place in np.argsort(-getattr(part, by), kind="stable")[:limit].tolist()
        ]


def held(table: Table, column: Column, elements: BitMap) -> tuple[Counts, Counts]:
    """For each text, how many of these elements hold it, and how many of their frames; shape (distinct,)."""
    postings = column.postings
    counts = postings.counts(elements)
    if one_each(table):
        return counts, counts
    frames = np.zeros(len(counts), np.int64)
    for code in postings.dense.codes.tolist():
        if counts[code]:
            frames[code] = frame_count(table, to_array(postings[code] & elements))
    if len(postings.rows):
        starts = postings.starts.astype(np.int64)
        kept = to_mask(elements, table.size)[postings.rows]
        codes, owners = np.repeat(np.arange(len(counts)), np.diff(starts))[kept], table.owners[postings.rows[kept]]
        pairs = np.unique(codes * table.frames + owners)
        frames += np.bincount(pairs // table.frames, minlength=len(counts))
    return counts, frames


def _window(numbers: Distinct, start: int, stop: int, *, by_value: bool) -> list[Count]:
    """Those of numbers of one kind, of which no two are spelled alike."""
    places = np.arange(len(numbers)) if by_value else np.argsort(-numbers.frames, kind="stable")
    return [
        Count(spelled.number_text(numbers.values[at].item()), int(numbers.elements[at]), int(numbers.frames[at]))
        for at in places[start:stop].tolist()
    ]


def _kinds(column: Column) -> set[str]:
    there = (
        ("string", len(column.texts)), ("boolean", bool(column.trues or column.falses)), ("integer", len(column.ints)),
        ("number", len(column.floats)),
    )  # fmt: skip
    return {kind for kind, held in there if held}


def _exact(ints: Numbers) -> bool:
    """Whether doubles tell these whole numbers apart."""
    return max(-int(ints.values.min()), int(ints.values.max())) <= 1 << 53


def _classes(counts: Counts) -> Iterator[Counts]:
    """Places of the greatest count, then of the next, and so on."""
    order = np.argsort(-counts, kind="stable")
    return iter(np.split(order, np.flatnonzero(np.diff(counts[order])) + 1))
