"""The index of one dataset (or of a site's part of it): segments on disk, and the newest rows in memory.

It is derived from the truth and may be deleted at any time: its owner compares `reached` with the truth and adds
what is missing. Answers are exact for the revisions that it has.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.query.tree import Node, Scope
from hyperdatasets.engine import deadline, files
from hyperdatasets.engine.bitmaps import union
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.derived import Columns, derivable
from hyperdatasets.engine.segment import Row, Segment, build, merge
from hyperdatasets.engine.table import Table
from hyperdatasets.engine.tallies import Tallies

SEALED = 262_144  # rows of a segment that is not merged any more
BUILT = 16_384  # rows that are in memory as frames while they are made into a segment
UNSAVED = 16_384  # rows that may be in memory only
QUICK = 512  # rows that are merged while somebody waits
CACHED = 256  # results that are kept
_MANIFEST = "segments.json"
_TABLES = ("frames", "rois", "sources")


@dataclass(frozen=True, eq=False)
class _Part:
    segment: Segment
    file: str | None  # None = in memory only


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a query found in these segments, of one after the other."""

    segments: tuple[Segment, ...]
    found: BitMap


class DatasetIndex:
    """Open with the folder of its files, or without for an index in memory.

    Safe for several threads: searches see the parts of one moment, and neither they nor a few rows that are added wait
    for what is being saved.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._adding, self._saving, self._changing = threading.Lock(), threading.Lock(), threading.Lock()
        self._cache: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._caching = threading.Lock()
        self._parts: tuple[_Part, ...] = ()
        self._being_saved = 0  # how many of the parts
        self.damage = ""  # what was wrong with its files when they were opened
        if folder is not None:
            self._parts = tuple(self._opened(folder))

    @property
    def reached(self) -> int:
        """The first revision that it has not seen; the truth is to be added from there."""
        return int(self._parts[-1].segment.revisions[-1]) + 1 if self._parts else 0

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(part.segment for part in self._parts)

    def add(self, rows: Iterable[Row]) -> None:
        """Adds rows by ascending revision; those it has are passed over.

        Somebody may wait for an answer, so of a few rows it makes a small part, and leaves the rest to `save`.
        """
        with self._adding:
            reached = self.reached
            fresh = (row for row in rows if row.revision >= reached)
            while made := [build(batch) for batch in _batches(islice(fresh, SEALED))]:
                new = _Part(merge(made), None)
                with self._changing:
                    before, small = self._parts[: self._being_saved], self._parts[self._being_saved :]
                    self._parts = (*before, *_merged((*small, new), at_most=QUICK))
                if sum(part.segment.size for part in self._parts if part.file is None) >= UNSAVED:
                    self.save()

    def save(self) -> None:
        """Merges small parts, and writes what is in memory only: the next start need not read it from the truth."""
        with self._saving:
            self._replace(lambda parts: _merged(parts, at_most=SEALED))
            if self._folder is not None:
                self._replace(partial(_written, self._folder))
                names = {part.file for part in self._parts}
                for path in self._folder.glob("*.segment*"):
                    if path.name not in names:
                        path.unlink(missing_ok=True)

    def detach(self) -> None:
        """From here on it writes no file; who still asks it is answered from what it has."""
        with self._saving:
            self._folder = None

    def search(self, node: Node, scope: Scope, within: BitMap | None = None) -> BitMap:
        """Revisions whose frame matches (some ROI or source of it, in those scopes), of those in `within`."""
        found = self.kept((node, scope), lambda segment: segment.search(node, scope))
        return found if within is None else found & within

    def kept(self, key: Hashable, of: Callable[[Segment], BitMap]) -> BitMap:
        """The union of what a pure function finds in each segment; kept, since segments never change.

        Asked again after an edit, it looks only at segments that are new since.
        """
        segments = self.segments
        with self._caching:
            before = self._cache.get(key, _Kept((), BitMap()))
        if before.segments != segments[: len(before.segments)]:
            before = _Kept((), BitMap())
        steady = _steady(segments)
        if len(before.segments) < steady:
            part = segments[len(before.segments) : steady]
            before = _Kept(segments[:steady], union([before.found, *map(of, part)]))
        with self._caching:
            self._cache[key] = before
            self._cache.move_to_end(key)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        rest = segments[len(before.segments) :]
        return union([before.found, *map(of, rest)]) if rest else before.found

    def columns(self, path: str, scope: Scope = "frame") -> Iterator[tuple[Segment, Table, Column]]:
        """The column of a field in each segment that has it; a frame field may begin with `rois.` or `sources.`."""
        for segment in self.segments:
            deadline.check()
            table, name = table_of(segment, path, scope)
            column = table.columns.get(name)
            if column is not None:
                yield segment, table, column

    def names(self, scope: Scope) -> set[str]:
        """Names of all fields that some element has a value of."""
        return set().union(*(segment.names[scope] for segment in self.segments))

    def _opened(self, folder: Path) -> Iterator[_Part]:
        """Parts from the files; at the first that is damaged the index ends, and is made again from there."""
        try:
            for name in _listed(folder):
                yield _Part(_read_segment(folder / name), name)
        except (files.DamagedFile, KeyError) as error:
            self.damage = str(error)

    def _replace(self, of: Callable[[tuple[_Part, ...]], tuple[_Part, ...]]) -> None:
        """Puts others in the place of the parts that there are; what is added meanwhile stays behind them."""
        with self._changing:
            before = after = self._parts
            self._being_saved = len(before)
        try:
            after = of(before)
        finally:
            with self._changing:
                self._parts = (*after, *self._parts[len(before) :])
                self._being_saved = 0


def _written(folder: Path, parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """The same parts, all of them in files that are listed; those that were in memory are mapped, and let go there."""
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for part in parts:
        if part.file is None:
            name = f"{part.segment.revisions[0]}-{part.segment.revisions[-1]}-{part.segment.size}.segment"
            _write_segment(folder / name, part.segment)
            saved.append(_Part(_read_segment(folder / name), name))
        else:
            saved.append(part)
    files.durably(folder / _MANIFEST, orjson.dumps([part.file for part in saved]))
    return tuple(saved)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BUILT)):
        yield batch


def _listed(folder: Path) -> list[str]:
    """Names of the files that make up the index, in their order; none before the first is written."""
    try:
        names: list[str] = orjson.loads((folder / _MANIFEST).read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise files.DamagedFile(f"{_MANIFEST}: {error}") from None
    return names


def check(folder: Path) -> None:
    """Reads every byte of an index's files; raises DamagedFile."""
    files.check(lambda: _listed(folder), lambda name: files.read(folder / name))


def _steady(segments: Sequence[Segment]) -> int:
    """How many of the first segments will not be merged soon: all but small ones at the end."""
    steady = len(segments)
    while steady and segments[steady - 1].size < UNSAVED:
        steady -= 1
    return steady


def table_of(segment: Segment, path: str, scope: Scope) -> tuple[Table, str]:
    """The table that holds a field, and its name there."""
    if scope == "roi":
        return segment.rois, path
    if scope == "source":
        return segment.sources, path
    for prefix, table in (("rois.", segment.rois), ("sources.", segment.sources)):
        if path.startswith(prefix):
            return table, path.removeprefix(prefix)
    return segment.frames, path


def _merged(parts: tuple[_Part, ...], *, at_most: int) -> tuple[_Part, ...]:
    """Merges neighbours while they are of like size, so that there are few and each row is merged rarely."""
    found: list[_Part] = []
    for part in parts:
        found.append(part)
        while len(found) > 1:
            last, newest = found[-2].segment, found[-1].segment
            if last.size > 2 * newest.size or last.size + newest.size > at_most:
                break
            found[-2:] = [_Part(merge([last, newest]), None)]
    return tuple(found)


def _write_segment(path: Path, segment: Segment) -> None:
    arrays: list[tuple[files.Key, NDArray[Any]]] = [(("revisions",), segment.revisions)]
    for kind in _TABLES:
        table: Table = getattr(segment, kind)
        arrays.append(((kind, "owners"), table.owners))
        if table.places is not None:
            arrays.append(((kind, "places"), table.places))
        derived = derivable(table.columns)
        arrays += [((kind, "derived", name), np.zeros(0, np.uint8)) for name in sorted(derived)]
        for name in sorted(table.columns.keys() - derived):
            parts = table.columns[name].arrays()
            arrays += [((kind, "column", name, part), array) for part, array in parts.items()]
        for name, tallies in table.ready.items():
            arrays += [((kind, "tallies", name, part), array) for part, array in tallies.arrays().items()]
    files.write(path, arrays)


def _read_segment(path: Path) -> Segment:
    arrays = files.read(path)
    frames = len(arrays[("revisions",)])
    tables = {}
    for kind in _TABLES:
        owners = arrays[kind, "owners"]
        kept = {name: Column.from_arrays(len(owners), each) for name, each in _named(arrays, kind, "column")}
        columns = Columns(kept, [key[2] for key in arrays if key[:2] == (kind, "derived")])
        ready = {name: Tallies.from_arrays(each) for name, each in _named(arrays, kind, "tallies")}
        tables[kind] = Table(len(owners), columns, owners, frames, ready, arrays.get((kind, "places")))
    return Segment(arrays[("revisions",)], **tables)


def _named(
    arrays: Mapping[files.Key, NDArray[Any]], kind: str, role: str
) -> Iterable[tuple[str, dict[str, NDArray[Any]]]]:
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in arrays.items():
        if key[:2] == (kind, role):
            found.setdefault(key[2], {})[key[3]] = array
    return found.items()
