"""What values a field has among some frames: counts, numbers, the schema of a version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.errors import LimitExceeded
from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.index import DatasetIndex, table_of
from hyperdatasets.engine.postings import Bitmaps
from hyperdatasets.engine.segment import Segment
from hyperdatasets.engine.table import Table

TOP = 10
MOST = 1_000_000  # distinct texts that are counted


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field: kinds of its values, how many frames have one, distinct values, the most frequent of them."""

    name: str
    kinds: tuple[str, ...]
    coverage: int
    distinct: int
    top: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Values:
    """Values of a field among some elements; texts, numbers and booleans apart."""

    counts: Counter[str] = field(default_factory=Counter)  # of texts, and of true and false: elements that have them
    frames: Counter[str] = field(default_factory=Counter)  # the same: frames that have them
    numbers: NDArray[np.float64] = field(default_factory=lambda: np.array([], np.float64))
    missing: int = 0  # elements without a value


def values(index: DatasetIndex, path: str, revisions: BitMap, *, rois: Node | None = None) -> Values:
    """Values of a field among these frames; of a ROI field, among their ROIs (that match a ROI query).

    Raises:
        LimitExceeded: the field has more distinct texts than are counted, as ids have.
    """
    found = Values()
    numbers: list[NDArray[np.float64]] = []
    for segment in index.segments:
        table, name = table_of(segment, path, "frame")
        elements = elements_of(segment, table, revisions, rois)
        column = table.columns.get(name)
        found.missing += len(elements)
        if column is None or not elements:
            continue
        found.missing -= column.present.intersection_cardinality(elements)
        ready = table.holders.get(name) if rois is None else None
        for text, count, frames in _held(column, table, elements, ready):
            found.counts[text] += count
            found.frames[text] += frames
        if len(found.counts) > MOST:
            raise LimitExceeded(f"{path} has more than {MOST} different values; ask for fewer frames or another field")
        numbers += [each.among(elements).astype(np.float64) for each in column.numbers]
    found.numbers = np.concatenate([found.numbers, *numbers])
    return found


def schema(index: DatasetIndex, revisions: BitMap) -> list[FieldSchema]:
    """Every field that some of these frames has."""
    found = (_field(index, name, revisions) for name in sorted(index.names("frame")))
    return [each for each in found if each.coverage]


def elements_of(segment: Segment, table: Table, revisions: BitMap, rois: Node | None = None) -> BitMap:
    """The elements of these frames; of ROIs, those that match a ROI query."""
    elements = table.of_frames(segment.place_set(revisions))
    return elements & segment.rois_matching(rois) if rois is not None and table is segment.rois else elements


def _held(column: Column, table: Table, elements: BitMap, ready: Bitmaps | None) -> Iterator[tuple[str, int, int]]:
    """Each text, and true and false, with how many of the elements, and of their frames, hold it.

    Args:
        ready: the frames that hold a text with any of their elements, where `elements` are all of their frames.
    """
    if len(column.texts):
        counts = column.postings.counts(elements)
        of_all = table.frames_of(elements)
        single = len(of_all) == len(elements)
        for code in np.flatnonzero(counts).tolist():
            if single:
                frames = int(counts[code])
            elif ready is not None and code in ready:
                frames = ready[code].intersection_cardinality(of_all)
            else:
                frames = len(table.frames_of(column.postings[code] & elements))
            yield column.texts[code], int(counts[code]), frames
    for text, held in (("true", column.trues), ("false", column.falses)):
        if here := held & elements:
            yield text, len(here), len(table.frames_of(here))


def _field(index: DatasetIndex, name: str, revisions: BitMap) -> FieldSchema:
    kinds: set[str] = set()
    counts: Counter[str] = Counter()
    numbers: list[NDArray[np.float64]] = []
    coverage, distinct = 0, _Distinct()
    for segment, table, column in index.columns(name):
        elements = elements_of(segment, table, revisions)
        coverage += len(table.frames_of(column.present & elements))
        held = column.postings.counts(elements) if len(column.texts) else np.array([], np.int64)
        distinct.add(column, held)
        if not distinct.many:
            for code in np.flatnonzero(held).tolist():
                counts[column.texts[code]] += int(held[code])
        truths = [(text, n) for text, each in (("true", column.trues), ("false", column.falses))
                  if (n := each.intersection_cardinality(elements))]  # fmt: skip
        counts.update(dict(truths))
        found = [each.among(elements) for each in column.numbers]
        numbers += [each.astype(np.float64) for each in found]
        there = (("string", bool(held.any())), ("boolean", bool(truths)),
                 ("integer", len(found[0]) > 0), ("number", len(found[1]) > 0))  # fmt: skip
        kinds.update(kind for kind, is_there in there if is_there)
        if bool(held.any()) and _dated(column, held):
            kinds.add("date")
    different, often = np.unique(np.concatenate([np.array([], np.float64), *numbers]), return_counts=True)
    most = np.argsort(-often, kind="stable")[:TOP]
    counts.update({_shown(different[place]): int(often[place]) for place in most.tolist()})
    top = tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP])
    booleans = len(counts.keys() & {"true", "false"}) if "boolean" in kinds and "string" not in kinds else 0
    return FieldSchema(name, tuple(sorted(kinds)), coverage, distinct.count + booleans + len(different), top)


def _dated(column: Column, held: NDArray[np.int64]) -> bool:
    codes, _ = column.texts.dates
    return bool(len(codes)) and bool(held[codes].any())


def _shown(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1 << 53 else repr(float(number))


class _Distinct:
    """Counts distinct texts over segments: by themselves, or by a hash of 64 bits once there are very many."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._hashes: list[NDArray[np.uint64]] = []
        self.many = False

    def add(self, column: Column, held: NDArray[np.int64]) -> None:
        codes = np.flatnonzero(held)
        self.many = self.many or len(self._texts) + len(codes) > MOST // 10
        self._hashes.append(column.texts.hashes()[codes])
        if not self.many:
            self._texts.update(column.texts[code] for code in codes.tolist())

    @property
    def count(self) -> int:
        if not self.many:
            return len(self._texts)
        return len(np.unique(np.concatenate(self._hashes)))
