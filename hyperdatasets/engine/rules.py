"""What the rules of a data view ask of a segment beside queries: how many ROIs, of which confidence; splits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.dataview import RoiRule, Split
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.split import split_place
from hyperdatasets.engine.bitmaps import complement, everything, from_mask, to_bitmap
from hyperdatasets.engine.segment import Segment


def rois_of_rule(segment: Segment, rule: RoiRule) -> BitMap:
    """ROIs of the segment that match the rule's query with a confidence in its range."""
    found = segment.rois_matching(parse(rule.query, "roi").node)
    low, high = rule.confidence
    column = segment.rois.columns.get("confidence")
    if low is None and high is None:
        return found
    if column is None:
        return BitMap()
    return column.floats.between(-math.inf if low is None else low, math.inf if high is None else high, found)


def frames_of_rule(segment: Segment, rule: RoiRule) -> BitMap:
    """Revisions with so many such ROIs; with `exclude` those without any."""
    rois = rois_of_rule(segment, rule)
    low, high = rule.count
    if rule.exclude:
        frames = complement(segment.rois.frames_of(rois), segment.size)
    elif low in {None, 0, 1} and high is None:
        frames = segment.rois.frames_of(rois) if low == 1 else everything(segment.size)
    else:
        counts = segment.roi_counts(rois)
        chosen = counts >= (low or 0)
        if high is not None:
            chosen &= counts <= high
        frames = from_mask(chosen)
    return segment.to_revisions(frames)


def frames_without_rois(segment: Segment) -> BitMap:
    return segment.to_revisions(complement(segment.rois.frames_with_any, segment.size))


def frames_of_split(segment: Segment, split: Split) -> BitMap:
    """Revisions whose key hashes into the share.

    The key is the text of the field's value; of several values the first in byte order counts. A frame without one
    is a group of its own, placed by its id.
    """
    left = everything(segment.size)
    chosen = BitMap()
    for path in (split.by, "id"):
        for text, frames in sorted(_values(segment, path), key=lambda pair: pair[0].encode()):
            mine = frames & left
            if mine and split.share.holds(split_place(text, split.salt)):
                chosen |= mine
            left -= mine
    return segment.to_revisions(chosen)


def _values(segment: Segment, path: str) -> Iterator[tuple[str, BitMap]]:
    """Each value of a frame field as text, with the frames that have it."""
    column = segment.frames.columns.get(path)
    if column is None:
        return
    for code, text in enumerate(column.texts):
        yield text, column.postings[code]
    for numbers in column.numbers:
        yield from _numbers(numbers.rows, numbers.wide)
    for text, frames in (("true", column.trues), ("false", column.falses)):
        if frames:
            yield text, frames


def _numbers(rows: NDArray[np.uint32], values: NDArray[np.int64] | NDArray[np.float64]) -> Iterator[tuple[str, BitMap]]:
    distinct, places = np.unique(values, return_inverse=True)
    order = np.argsort(places, kind="stable")
    bounds = np.searchsorted(places[order], np.arange(len(distinct) + 1))
    for i, value in enumerate(distinct.tolist()):
        yield repr(value), to_bitmap(np.sort(rows[order[bounds[i] : bounds[i + 1]]]))
