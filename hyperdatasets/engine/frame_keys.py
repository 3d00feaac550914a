"""What the sequential order compares, read from the index column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.units import FrameKeys
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.places import FrameSet

Numbers = NDArray[np.int64]
IndexOf = Callable[[int], DatasetIndex]


def frame_keys(frames: FrameSet, index_of: IndexOf) -> FrameKeys:
    """Keys of all frames of a set, in base order.

    Args:
        index_of: the index of a dataset, by its number in the view.
    """
    contexts, times = np.zeros(len(frames), np.int64), np.zeros(len(frames), np.int64)
    timed, datasets = np.zeros(len(frames), bool), np.zeros(len(frames), np.int64)
    numbers = _context_numbers(frames, index_of)
    for dataset, start in frames.starts.items():
        at = start
        for segment in index_of(dataset).segments:
            rows = segment.places(frames.revisions[dataset])
            here = slice(at, at + len(rows))
            contexts[here] = _numbered(segment.frames.columns.get("context_id"), segment.size, numbers)[rows]
            known, values = _first_ints(segment.frames.columns.get("timestamp"), segment.size)
            timed[here], times[here] = known[rows], values[rows]
            datasets[here] = dataset
            at += len(rows)
    return FrameKeys(contexts, times, timed, datasets, lambda places: frame_ids(frames, index_of, places))


def frame_ids(frames: FrameSet, index_of: IndexOf, places: Numbers) -> Sequence[bytes]:
    """Ids, in UTF-8, of the frames at these places."""
    datasets, revisions = frames.columns(places)
    found: list[bytes] = [b""] * len(places)
    for dataset in np.unique(datasets).tolist():
        for segment in index_of(dataset).segments:
            if not segment.size:
                continue
            low, high = int(segment.revisions[0]), int(segment.revisions[-1])
            mine = np.flatnonzero((datasets == dataset) & (revisions >= low) & (revisions <= high))
            if not len(mine):
                continue
            column = segment.frames.columns["id"]
            texts = [text.encode() for text in column.texts]
            rows = np.searchsorted(segment.revisions, revisions[mine].astype(np.uint32))
            for place, code in zip(
                mine.tolist(), column.postings.first_codes(segment.size)[rows].tolist(), strict=True
            ):
                found[place] = texts[code]
    return found


def _context_numbers(frames: FrameSet, index_of: IndexOf) -> dict[str, int]:
    """Every context of these datasets with its number by bytes, from 1 on."""
    texts: set[str] = set()
    for dataset in frames.starts:
        for _, _, column in index_of(dataset).columns("context_id"):
            texts.update(column.texts)
    texts.discard("")
    return {text: number for number, text in enumerate(sorted(texts, key=str.encode), start=1)}


def _numbered(column: Column | None, size: int, numbers: dict[str, int]) -> Numbers:
    if column is None or not size:
        return np.zeros(size, np.int64)
    of_codes = np.array([*(numbers.get(text, 0) for text in column.texts), 0], np.int64)  # the last: no text
    return of_codes[column.postings.first_codes(size)]


def _first_ints(column: Column | None, size: int) -> tuple[NDArray[np.bool_], Numbers]:
    """Whether each element has a whole number, and which."""
    known, values = np.zeros(size, bool), np.zeros(size, np.int64)
    if column is not None and len(column.ints):
        known[column.ints.rows] = True
        values[column.ints.rows] = column.ints.values
    return known, values
