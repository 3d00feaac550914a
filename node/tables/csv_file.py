"""Rows of a CSV file: delimiter, quotes, and the line on which each row begins."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from hyperdatasets.core.errors import InvalidArgument
from node.tables import csv_text
from node.tables.notes import Notes
from node.tables.sheet import Sheet, SheetRow

_DELIMITER = "the delimiter is not a comma"
_OPEN_QUOTE = "rows with a quote that is not closed"
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # a first line that Excel writes
_SAMPLE = 40  # lines that the delimiter is found in


class _Dialect(NamedTuple):
    delimiter: str
    skips_blanks: bool  # blanks before a quote

    def rows(self, lines: Iterator[str], *, strict: bool = False) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=self.skips_blanks, strict=strict)


class _Lines:
    """Lines that are counted; those of the row that is being read are kept."""

    def __init__(self, lines: Iterator[str], count: int) -> None:
        self._lines, self.count, self.of_row = lines, count, list[str]()

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            self.of_row.append(line)
            yield line


def sheet(file: BinaryIO, notes: Notes) -> Sheet:
    """The table of a CSV file.

    Raises:
        InvalidArgument: it is no CSV file with a header.
    """
    every = csv_text.lines(file, notes)
    sample = list(islice(every, _SAMPLE))
    first = _SEPARATOR.fullmatch(sample[0]) if sample else None
    skipped = 1 if first else 0
    delimiter = first[1] if first else _delimiter(sample)
    if delimiter != ",":
        notes.notice(_DELIMITER, f"it is {_NAMES.get(delimiter, repr(delimiter))}")
    blanks = re.compile(re.escape(delimiter) + ' +"')
    dialect = _Dialect(delimiter, any(map(blanks.search, sample)))
    rows = _rows(chain(sample[skipped:], every), skipped, dialect, notes)
    for _, header in rows:
        if any(isinstance(cell, str) and cell.strip() for cell in header):
            return Sheet(list(map(str, header)), rows, is_typed=False)
    raise InvalidArgument(f"{notes.name}: it is empty; expected a header with the file's name and at least one column")


def _delimiter(sample: list[str]) -> str:
    """The one that parts the header, and that gives the most of the first rows as many cells."""
    ranks = {delimiter: _rank(sample, delimiter) for delimiter in _NAMES}
    return max(ranks, key=lambda delimiter: ranks[delimiter])


def _rank(sample: list[str], delimiter: str) -> tuple[bool, int, int]:
    try:
        rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
    except csv.Error:
        return False, 0, 0
    cells = len(rows[0]) if rows else 0
    return cells > 1, sum(len(row) == cells for row in rows), cells


def _rows(lines: Iterator[str], skipped: int, dialect: _Dialect, notes: Notes) -> Iterator[SheetRow]:
    """Rows with the line on which they begin; a row whose quote is not closed at the end of the file is left out."""
    counted = _Lines(lines, skipped)
    before: SheetRow | None = None
    kept: list[str] = []
    start = skipped + 1
    try:
        for cells in dialect.rows(iter(counted)):
            if before is not None:
                yield before
            before, kept, counted.of_row = (start, cells), counted.of_row, []
            start = counted.count + 1
    except csv.Error as error:
        raise InvalidArgument(f"{notes.name}, row {start}: {error}; is a quote not closed?") from None
    if before is None:
        return
    if _is_open(kept, dialect):
        notes.lose(_OPEN_QUOTE, f"it goes on to row {counted.count}, the end of the file", row=before[0])
    else:
        yield before


def _is_open(lines: list[str], dialect: _Dialect) -> bool:
    try:
        list(dialect.rows(iter(lines), strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False
