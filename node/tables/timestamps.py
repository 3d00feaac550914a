"""The timestamps of frames from a column: whole milliseconds, dates or RFC 3339 times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from hyperdatasets.core.plain import INT64
from hyperdatasets.core.query.dates import moment
from hyperdatasets.formats.ledger import SHOWN
from node.tables.column import Cells, report_bad
from node.tables.notes import Notes, rows_shown, shown
from node.tables.spelling import ABSENT, Cell, Value

_SOME_SECONDS = "some timestamps look like seconds, others do not; all are read as milliseconds"
_NEGATIVE = "negative timestamps: they are before 1970"
_LIKE_SECONDS = "timestamps look like seconds; they are read as milliseconds"
_MILLISECONDS = re.compile(r"([+-]?\d{1,19})(?:\.0*)?", re.ASCII)
_OF_1973 = 100_000_000_000  # milliseconds; in seconds it is the year 5138
_OF_SECONDS = range(1_000_000_000, 10_000_000_000)  # 2001 to 2286 in seconds; early 1970 in milliseconds


class _Number(NamedTuple):
    row: int
    stamp: int
    cell: Cell


def timestamps(cells: Cells, notes: Notes) -> list[int | None]:
    """Milliseconds since 1970 in UTC (no zone = UTC) of each row; a cell that is none is reported and absent."""
    of_text = {text: None if each.kind in ABSENT else milliseconds(text) for text, each in cells.texts.items()}
    stamps = [
        None if cell is None else of_text[cell] if isinstance(cell, str) else milliseconds(cell) for cell in cells.cells
    ]
    for row, cell, stamp, each in zip(cells.rows, cells.cells, stamps, cells.spelled(), strict=True):
        if stamp is None and each is not None and each.kind not in ABSENT:
            report_bad(notes, row, cells.name, cell, "is no timestamp (whole milliseconds, a date, or RFC 3339)")
    _warn_of_numbers(cells, stamps, notes)
    return stamps


def milliseconds(cell: Value) -> int | None:
    """The moment that a cell means; None if it is none."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 1 << 53 else None
    if isinstance(cell, int):
        return cell if cell in INT64 else None
    if match := _MILLISECONDS.fullmatch(cell):
        return whole if (whole := int(match[1])) in INT64 else None
    found = moment(cell)
    return None if found is None else found // 1000


def _warn_of_numbers(cells: Cells, stamps: Sequence[int | None], notes: Notes) -> None:
    """Of numbers that are perhaps no milliseconds: they lie in 1970 to 1973, and later if they were seconds."""
    numbers = [
        _Number(row, stamp, cell)
        for row, stamp, cell in zip(cells.rows, stamps, cells.cells, strict=True)
        if stamp is not None and not _is_date(cell)
    ]
    negative = [each for each in numbers if each.stamp < 0]
    seconds = [each for each in numbers if each.stamp in _OF_SECONDS]
    if negative:
        _warn(_NEGATIVE, negative, cells.name, notes)
    if numbers and all(100_000_000 < each.stamp < _OF_1973 for each in numbers):
        detail = f"such as {shown(numbers[0].cell)}; multiply them by 1000"
        notes.notice(_LIKE_SECONDS, detail, column=cells.name, count=len(numbers), kind="table cells")
    elif seconds:
        _warn(_SOME_SECONDS, seconds, cells.name, notes)


def _warn(reason: str, numbers: Sequence[_Number], column: str, notes: Notes) -> None:
    detail = rows_shown([(each.row, each.cell) for each in numbers[:SHOWN]], len(numbers))
    notes.notice(reason, detail, column=column, count=len(numbers), kind="table cells")


def _is_date(cell: Cell) -> bool:
    return isinstance(cell, str) and moment(cell) is not None
