"""Times without a zone in a column: they are taken as UTC, and this is said once for each column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from hyperdatasets.core.query.dates import moment
from node.tables.column import Cells
from node.tables.notes import Notes, rows_shown
from node.tables.spelling import Cell

NO_ZONE = "times without a zone are taken as UTC"
MIXED = "times with and without a zone in one column; those without are taken as UTC"
_FIRST = 3  # rows that are named
_TIME = re.compile(r"\d{4}-\d\d-\d\d.+", re.ASCII)  # a date alone has no zone
_ZONE = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d)$", re.ASCII)


class NaiveTimes:
    """Times of a typed file that have no zone there, and UTC in their text: counted by column while rows are read."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._first: dict[int, list[tuple[int, Cell]]] = {}

    def add(self, column: int, row: int, cell: Cell) -> None:
        self._counts[column] += 1
        first = self._first.setdefault(column, [])
        if len(first) < _FIRST:
            first.append((row, cell))

    def clear(self) -> None:
        self._counts.clear()
        self._first.clear()

    def report(self, names: Sequence[str], notes: Notes) -> None:
        """Called after the last row; cells beyond the header are in no column."""
        for place, count in sorted(self._counts.items()):
            if place < len(names):
                _report(NO_ZONE, names[place].strip(), self._first[place], count, notes)


def report_zones(cells: Cells, notes: Notes) -> None:
    """Names the first times without a zone of a column of dates or timestamps."""
    times = {text for text in cells.texts if _TIME.fullmatch(text) and moment(text) is not None}
    naive = {text for text in times if not _ZONE.search(text)}
    if naive:
        count = sum(isinstance(cell, str) and cell in naive for cell in cells.cells)
        found = ((row, cell) for row, cell in zip(cells.rows, cells.cells, strict=True) if cell in naive)
        _report(MIXED if len(naive) < len(times) else NO_ZONE, cells.name, found, count, notes)


def _report(reason: str, column: str, found: Iterable[tuple[int, Cell]], count: int, notes: Notes) -> None:
    detail = rows_shown(islice(found, _FIRST), count)
    notes.notice(reason, detail, column=column, count=count, kind="table cells")
