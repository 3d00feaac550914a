"""Frames by the values of a field: how many hold each, and the first of them; or some drawn for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.errors import LimitExceeded
from hyperdatasets.core.permutation import Permutation, derive
from hyperdatasets.core.query.literals import number
from hyperdatasets.core.query.tree import Field, Node, Term
from hyperdatasets.engine.bitmaps import to_array, to_bitmap
from hyperdatasets.engine.chosen import Chosen, chosen
from hyperdatasets.engine.counting import Count, Counted
from hyperdatasets.engine.evaluate import satisfying
from hyperdatasets.engine.groups import Group, groups, parts
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.spelled import number_text

MOST = 1_000_000  # different values that frames are grouped by
MOST_SAMPLED = 100_000  # different values that frames are drawn for


@dataclass(frozen=True, slots=True)
class Grouped:
    """A window of the groups, each with its first revision; `missing` frames are in none."""

    groups: tuple[tuple[Count, int], ...]
    total: int
    missing: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Revisions that were drawn for so many values; `missing` frames have none."""

    revisions: BitMap
    values: int
    missing: int


def grouped(
    index: DatasetIndex,
    path: str,
    revisions: BitMap,
    start: int,
    stop: int,
    *,
    by_value: bool = False,
    rois: Node | None = None,
) -> Grouped:
    """Groups `start` to before `stop`; the largest first, or by value.

    Raises:
        LimitExceeded: there are too many different values.
    """
    counted, covered = Counted(), 0
    for found in chosen(index, path, revisions, rois):
        counted.add(found)
        covered += found.covered
    if counted.distinct > MOST:
        raise LimitExceeded(
            f"{path} has {counted.distinct:,} different values, and frames are grouped by {MOST:,} at most; "
            "narrow the query, or group by another field"
        )
    listed = counted.window(start, stop, by_value=by_value)
    first = _firsts(index, path, revisions, [each.text for each in listed], rois)
    page = tuple((each, first[each.text]) for each in listed)
    return Grouped(page, counted.distinct, len(revisions) - covered)


def sampled(
    index: DatasetIndex,
    path: str,
    revisions: BitMap,
    *,
    seed: int,
    per_value: int = 0,
    share: float = 0,
    rois: Node | None = None,
) -> Sample:
    """At most so many frames for each value, or this share of those that hold it, rounded up.

    Values come in the order of their texts; a frame that was drawn for an earlier one counts for those that it holds,
    too. What is drawn follows from seed, values and revisions alone.

    Raises:
        LimitExceeded: there are too many different values.
    """
    where = parts(index, path, revisions, rois=rois)
    drawn, holding, values = BitMap(), BitMap(), 0
    for group in groups(where):
        values += 1
        if values > MOST_SAMPLED:
            raise LimitExceeded(
                f"{path} has more than {MOST_SAMPLED:,} different values; narrow the query, or sample by another field"
            )
        held = group.revisions()
        holding |= held
        wanted = min(per_value, len(held)) if per_value else math.ceil(Fraction(repr(share)) * len(held))
        drawn |= _drawn(group, held - drawn, wanted - drawn.intersection_cardinality(held), seed)
    return Sample(drawn, values, len(revisions) - len(holding))


def _drawn(group: Group, held: BitMap, count: int, seed: int) -> BitMap:
    if count <= 0:
        return BitMap()
    places = Permutation(len(held), derive("sample", seed, group.text)).at(np.arange(count))
    return to_bitmap(np.sort(to_array(held)[places]))


def _firsts(index: DatasetIndex, path: str, revisions: BitMap, texts: list[str], rois: Node | None) -> dict[str, int]:
    """The least revision that holds each of these values; segments come by revision."""
    found: dict[str, int] = {}
    for part in chosen(index, path, revisions, rois):
        for text in texts:
            if text not in found and (here := _holding(part, text) & part.elements):
                found[text] = int(part.segment.revisions[part.table.owners[to_array(here)].min()])
    return found


def _holding(part: Chosen, text: str) -> BitMap:
    """Elements whose value is spelled like this."""
    column = part.column
    if column is None:
        return BitMap()
    value = number(text)
    if text in {"true", "false"} or (value is not None and number_text(value) == text):
        return satisfying(column, Field(path="", keyword=True), Term(text))
    code = column.texts.code(text)
    return BitMap() if code is None else column.postings[code]
