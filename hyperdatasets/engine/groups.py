"""The values of a field among some frames, one after the other, each with what holds it.

Values are compared as a query's term would: by their text, a number with a whole value as a whole number. They come
in the order of their code points, so that the values of several segments, or of several data sets, are merged
without holding them all.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine import spelled
from hyperdatasets.engine.bitmaps import union
from hyperdatasets.engine.chosen import Chosen, chosen
from hyperdatasets.engine.deadline import checked
from hyperdatasets.engine.index import DatasetIndex


@dataclass(frozen=True)
class Group:
    """A value, and what holds it: per segment the elements; `tag` tells whose frames these are, as they were given."""

    text: str
    held: tuple[tuple[int, Chosen, BitMap], ...]

    @cached_property
    def elements(self) -> int:
        return sum(len(here) for _, _, here in self.held)

    @cached_property
    def frames(self) -> int:
        return sum(len(_frames_of(part, here)) for _, part, here in self.held)

    @property
    def tags(self) -> set[int]:
        return {tag for tag, _, _ in self.held}

    def revisions(self) -> BitMap:
        """Frames that hold it."""
        return union(part.segment.to_revisions(_frames_of(part, here)) for _, part, here in self.held)


def parts(index: DatasetIndex, path: str, revisions: BitMap, *, rois: Node | None = None) -> list[Chosen]:
    """Where something of a field is looked at; see `chosen`."""
    return [each for each in chosen(index, path, revisions, rois) if each.elements]


def total(of: Iterable[Chosen]) -> tuple[int, int]:
    """How many elements are looked at, and how many frames they belong to."""
    elements = frames = 0
    for part in of:
        elements += len(part.elements)
        frames += len(_frames_of(part, part.elements))
    return elements, frames


def groups(*tagged: Iterable[Chosen]) -> Iterator[Group]:
    """Every value once, ascending; the place of an argument is the tag of what it holds."""
    streams = [_entries(tag, part) for tag, of in enumerate(tagged) for part in of]
    for text, entries in groupby(checked(heapq.merge(*streams, key=_text)), key=_text):
        yield Group(text, tuple((tag, part, here) for _, tag, part, here in entries))


def _frames_of(part: Chosen, here: BitMap) -> BitMap:
    return here if part.table is part.segment.frames else part.table.frames_of(here)


def _entries(tag: int, part: Chosen) -> Iterator[tuple[str, int, Chosen, BitMap]]:
    if part.column is None:
        return iter(())
    return ((text, tag, part, here) for text, here in spelled.values(part.column, part.elements))


def _text(entry: tuple[str, int, Chosen, BitMap]) -> str:
    return entry[0]
