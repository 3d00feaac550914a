"""What the rules of a data view ask of a segment beside queries: how many ROIs, of which confidence; splits."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.dataview import RoiRule, Split
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import All
from hyperdatasets.core.split import split_places
from hyperdatasets.engine import spelled
from hyperdatasets.engine.bitmaps import complement, everything, from_mask, to_array, union
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.segment import Segment
from hyperdatasets.engine.tallies import Tally, TallyArray, narrow

_KEPT = 8  # tallies of rules; a byte a frame each
_TALLIES: WeakKeyDictionary[Segment, OrderedDict[tuple[tuple[RoiRule, ...], int], TallyArray]] = WeakKeyDictionary()


def rois_of_rule(segment: Segment, rule: RoiRule, semantics: int) -> BitMap:
    """ROIs of the segment that match the rule's query with a confidence in its range."""
    found = segment.rois_matching(parse(rule.query, "roi", semantics).node)
    low, high = rule.confidence
    column = segment.rois.columns.get("confidence")
    if low is None and high is None:
        return found
    if column is None:
        return BitMap()
    return column.floats.between(-math.inf if low is None else low, math.inf if high is None else high, found)


def rois_per_frame(segment: Segment, rules: tuple[RoiRule, ...], semantics: int) -> Tally | TallyArray:
    """How many ROIs each frame has that any of these rules asks for.

    The last few are kept: choosing frames and reporting ROIs ask for the same.
    """
    ready = _at_hand(segment, rules[0], semantics) if len(rules) == 1 else None
    if ready is not None:
        return ready
    kept = _TALLIES.setdefault(segment, OrderedDict())
    found = kept.pop((rules, semantics), None)
    if found is None:
        elements = union(rois_of_rule(segment, rule, semantics) for rule in rules)
        found = TallyArray(narrow(segment.rois.counts(elements)))
    kept[rules, semantics] = found
    while len(kept) > _KEPT:
        kept.popitem(last=False)
    return found


def _at_hand(segment: Segment, rule: RoiRule, semantics: int) -> Tally | None:
    """The tally of a rule that asks for all ROIs, or those that hold one frequent label, where that stands ready."""
    node = parse(rule.query, "roi", semantics).node
    if rule.confidence != (None, None):
        return None
    if isinstance(node, All):
        return segment.rois.of_all
    ready = segment.rois.ready_texts(node)
    if ready is None or len(ready[1]) != 1:
        return None
    return segment.rois.tally_at_hand(ready[0], ready[1][0])


def frames_of_rule(segment: Segment, rule: RoiRule, semantics: int) -> BitMap:
    """Revisions with so many such ROIs; with `exclude` those without any."""
    low, high = (None, 0) if rule.exclude else rule.count
    frames = _at_least(segment, rule, low or 0, semantics)
    if high is not None:
        frames = frames - _at_least(segment, rule, high + 1, semantics)
    return segment.to_revisions(frames)


def _at_least(segment: Segment, rule: RoiRule, least: int, semantics: int) -> BitMap:
    return rois_per_frame(segment, (rule,), semantics).at_least(least) if least else everything(segment.size)


def frames_without_rois(segment: Segment) -> BitMap:
    return segment.to_revisions(complement(segment.rois.of_all.holding, segment.size))


def frames_of_split(segment: Segment, split: Split, semantics: int) -> BitMap:
    """Revisions whose key hashes into the share.

    The key is the one of the field's value (`spelled`); of several values the first in byte order counts. A frame
    without one is a group of its own, placed by its id. By semantics 1 the key of a number was its `repr`, so that 5
    and 5.0 were two.
    """
    number_key = spelled.number_text if semantics >= 2 else repr
    chosen = np.zeros(segment.size, bool)
    left = np.ones(segment.size, bool)
    for path in (split.by, "id"):
        keys, numbers = _first_values(segment, path, number_key)
        here = np.flatnonzero(left & (numbers >= 0))
        used, places = np.unique(numbers[here], return_inverse=True)
        held = split.share.holds(split_places((keys[number] for number in used.tolist()), split.salt))
        chosen[here] = held[places]
        left[here] = False
    return segment.to_revisions(from_mask(chosen))


def _first_values(
    segment: Segment, path: str, number_key: Callable[[float], str]
) -> tuple[list[bytes], NDArray[np.int64]]:
    """The distinct values of a frame field as UTF-8 texts, and for each frame the number of its first by bytes.

    -1 for a frame without a value.
    """
    column = segment.frames.columns.get(path)
    if column is None:
        return [], np.full(segment.size, -1, np.int64)
    texts = [text.encode() for text in column.texts]
    firsts = column.postings.first_codes(segment.size)
    others = [*_numbers(column, number_key), *_booleans(column)]
    if not others:
        return texts, firsts
    known = sorted({*texts, *(key for keys, _, _ in others for key in keys)})
    number_of = {key: number for number, key in enumerate(known)}
    found = np.full(segment.size, len(known), np.int64)
    there = np.flatnonzero(firsts >= 0)
    for keys, rows, codes in ((texts, there, firsts[there]), *others):
        numbers = np.array([number_of[key] for key in keys], np.int64)
        np.minimum.at(found, rows, numbers[codes])
    found[found == len(known)] = -1
    return known, found


_Values = tuple[list[bytes], NDArray[np.integer], NDArray[np.integer]]
"""Distinct texts; frames; for each of these the number of its text."""


def _numbers(column: Column, key: Callable[[float], str]) -> Iterator[_Values]:
    for numbers in column.numbers:
        if len(numbers):
            distinct, codes = np.unique(numbers.wide, return_inverse=True)
            yield [key(value).encode() for value in distinct.tolist()], numbers.rows, codes


def _booleans(column: Column) -> Iterator[_Values]:
    for text, frames in ((b"true", column.trues), (b"false", column.falses)):
        if frames:
            rows = to_array(frames)
            yield [text], rows, np.zeros(len(rows), np.int64)
