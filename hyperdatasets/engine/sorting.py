"""Frames in the order of a field: any window of it, without sorting the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import Ordinals, to_array, to_bitmap
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.segment import Segment
from hyperdatasets.engine.table import Table

_EXACT = 1 << 53  # whole numbers up to here are doubles, too


class _Keyed(NamedTuple):
    """Revisions with the least value of each."""

    revisions: Ordinals
    keys: NDArray[Any]


def window(
    index: DatasetIndex, path: str, revisions: BitMap, start: int, stop: int, *, descending: bool = False
) -> list[int]:
    """Revisions `start` to before `stop` by the least value of a frame field.

    Numbers stand before texts (descending: after them), those without a value last; equal ones by revision, so that
    pages are stable.
    """
    numbers, texts = _keyed(index, path, revisions)
    missing = revisions - to_bitmap(np.sort(np.concatenate([numbers.revisions, texts.revisions])))
    groups = [texts, numbers] if descending else [numbers, texts]
    found: list[int] = []
    for group in groups:
        found += _window(group, max(0, start), min(stop, len(group.keys)), descending=descending)
        start, stop = start - len(group.keys), stop - len(group.keys)
    found += to_array(missing)[max(0, start) : max(0, stop)].tolist()
    return found


def _window(group: _Keyed, start: int, stop: int, *, descending: bool) -> list[int]:
    if start >= stop:
        return []
    keys = _reversed(group.keys) if descending else group.keys
    first, last = np.partition(keys, [start, stop - 1])[[start, stop - 1]]
    chosen = np.flatnonzero((keys >= first) & (keys <= last))
    before = int(np.count_nonzero(keys < first))
    order = np.lexsort((group.revisions[chosen], keys[chosen]))
    found: list[int] = group.revisions[chosen][order][start - before : stop - before].tolist()
    return found


def _reversed(keys: NDArray[Any]) -> NDArray[Any]:
    """Keys that sort the other way round, exactly."""
    return ~keys if keys.dtype.kind == "i" else -keys


def _keyed(index: DatasetIndex, path: str, revisions: BitMap) -> tuple[_Keyed, _Keyed]:
    """Frames with a number, and those with texts alone; a text's key is its rank among all texts of the field."""
    numbers: list[tuple[Ordinals, NDArray[Any]]] = []
    texts: list[tuple[Ordinals, NDArray[np.int64], Column]] = []
    for segment, table, column in index.columns(path):
        frames = segment.place_set(revisions)
        rows, keys = _numbers(table, column, frames)
        numbers.append((segment.revisions[rows], keys))
        if len(column.texts):
            codes = _codes(segment, table, column)
            rest = frames - to_bitmap(rows) if len(rows) else frames
            chosen = to_array(rest)[codes[to_array(rest)] >= 0]
            texts.append((segment.revisions[chosen], codes[chosen], column))
    return _joined(numbers), _ranked(texts)


def _numbers(table: Table, column: Column, frames: BitMap) -> tuple[Ordinals, NDArray[Any]]:
    """Frames (ascending) that hold a number, with the least of each."""
    elements = table.of_frames(frames)
    held = [(table.owners[rows], keys) for rows, keys in (each.held_by(elements) for each in column.numbers)]
    (int_rows, ints), (float_rows, floats) = held
    if not len(float_rows) or not len(int_rows):
        rows, keys = (int_rows, ints) if len(int_rows) else (float_rows, floats)
    else:
        rows, keys = np.concatenate([int_rows, float_rows]), np.concatenate(_comparable(ints, floats))
    if len(rows) > 1 and not bool((rows[1:] > rows[:-1]).all()):
        order = np.lexsort((keys, rows))
        rows, keys = rows[order], keys[order]
        least = np.concatenate([[True], rows[1:] != rows[:-1]])
        rows, keys = rows[least], keys[least]
    return rows, keys


def _codes(segment: Segment, table: Table, column: Column) -> NDArray[np.int64]:
    """For each frame the code of its least text, -1 for none."""
    codes = column.postings.first_codes(table.size)
    if table is segment.frames:
        return codes
    found = np.full(segment.size, len(column.texts), np.int64)
    having = np.flatnonzero(codes >= 0)
    np.minimum.at(found, table.owners[having], codes[having])
    return np.where(found == len(column.texts), -1, found)


def _joined(parts: list[tuple[Ordinals, NDArray[Any]]]) -> _Keyed:
    kept = [part for part in parts if len(part[0])]
    if not kept:
        return _Keyed(np.array([], np.uint32), np.array([], np.int64))
    keys = [each for _, each in kept]
    if len({each.dtype for each in keys}) > 1:
        keys = _comparable(*keys)
    return _Keyed(np.concatenate([rows for rows, _ in kept]), np.concatenate(keys))


def _comparable(*parts: NDArray[Any]) -> list[NDArray[Any]]:
    """Whole numbers and doubles as one type that keeps each exactly."""
    ints = [part for part in parts if part.dtype.kind == "i" and len(part)]
    exact = all(int(part.min()) >= -_EXACT and int(part.max()) <= _EXACT for part in ints)
    wide = any(part.dtype == np.longdouble for part in parts)
    return [part.astype(np.float64 if exact and not wide else np.longdouble) for part in parts]


def _ranked(parts: list[tuple[Ordinals, NDArray[np.int64], Column]]) -> _Keyed:
    if not parts:
        return _Keyed(np.array([], np.uint32), np.array([], np.int64))
    used = [np.unique(codes) for _, codes, _ in parts]
    named = [[column.texts[code] for code in mine.tolist()] for mine, (_, _, column) in zip(used, parts, strict=True)]
    rank = {text: place for place, text in enumerate(sorted(set().union(*named)))}
    keys = []
    for mine, texts, (_, codes, column) in zip(used, named, parts, strict=True):
        ranks = np.zeros(len(column.texts), np.int64)
        ranks[mine] = [rank[text] for text in texts]
        keys.append(ranks[codes])
    return _Keyed(np.concatenate([rows for rows, _, _ in parts]), np.concatenate(keys))
