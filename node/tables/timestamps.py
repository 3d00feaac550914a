"""The timestamps of frames from a column: whole milliseconds, dates or RFC 3339 times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hyperdatasets.core.plain import INT64
from hyperdatasets.core.query.dates import moment
from hyperdatasets.formats.ledger import SHOWN
from node.tables.column import Cells, report_bad
from node.tables.notes import Notes, rows_shown, shown
from node.tables.spelling import ABSENT, Cell, Value
from node.tables.times import moment_text

_SOME_SECONDS = "some timestamps look like seconds, others do not; all are read as milliseconds"
_NEGATIVE = "negative timestamps: they are before 1970"
_LIKE_SECONDS = "timestamps look like seconds; they are read as milliseconds"
_CUT = "timestamps with more digits than milliseconds; the further ones are cut off"
_MILLISECONDS = re.compile(r"([+-]?\d{1,19})(?:\.0*)?", re.ASCII)
_OF_1973 = 100_000_000_000  # milliseconds; in seconds it is the year 5138
_FRACTION = re.compile(r"\.\d{3}(\d+)", re.ASCII)
_OF_SECONDS = range(1_000_000_000, 10_000_000_000)  # 2001 to 2286 in seconds; early 1970 in milliseconds


_OF_MICROSECONDS = range(10**15, 10**16)  # 2001 to 2286 in microseconds; past the year 33000 in milliseconds
_OF_NANOSECONDS = range(10**18, 1 << 63)  # 2001 to 2262 in nanoseconds
_OF_YEARS = range(1900, 2101)


class _Likely(NamedTuple):
    """What numbers probably are that are read as milliseconds.

    Attributes:
        words: what they look like.
        is_one: whether a number may be one.
        remedy: what to do.
        alone: one such number is enough; else all numbers of the column have to be such.
    """

    words: str
    is_one: Callable[[int], bool]
    remedy: str
    alone: bool


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
    _warn_of_fractions(cells, stamps, notes)
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
    for likely in _LIKELY:
        _warn_if_likely(likely, numbers, cells.name, notes)
    if numbers and all(100_000_000 < each.stamp < _OF_1973 for each in numbers):
        detail = f"such as {shown(numbers[0].cell)}; multiply them by 1000"
        notes.notice(_LIKE_SECONDS, detail, column=cells.name, count=len(numbers), kind="table cells")
    elif seconds:
        _warn(_SOME_SECONDS, seconds, cells.name, notes)


def _is_day(stamp: int) -> bool:
    """Whether a number is spelled like a day, such as 20200131."""
    text = str(stamp)
    return len(text) == len("20200131") and int(text[:4]) in _OF_YEARS and _moment_of_digits(text) is not None


def _is_time(stamp: int) -> bool:
    """Whether a number is spelled like a time, such as 20200131083000."""
    text = str(stamp)
    is_one = len(text) == len("20200131083000") and int(text[:4]) in _OF_YEARS
    return is_one and _moment_of_digits(text) is not None


def _moment_of_digits(text: str) -> int | None:
    day = f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    return moment(f"{day}T{text[8:10]}:{text[10:12]}:{text[12:]}" if text[8:] else day)


_LIKELY = (
    _Likely("nanoseconds", _OF_NANOSECONDS.__contains__, "divide them by 1,000,000", alone=True),
    _Likely("microseconds", _OF_MICROSECONDS.__contains__, "divide them by 1,000", alone=True),
    _Likely("years", _OF_YEARS.__contains__, "write them as days, such as 2020-01-01", alone=False),
    _Likely("days", _is_day, "write them with hyphens, such as 2020-01-31", alone=False),
    _Likely("times", _is_time, "write them as 2020-01-31T08:30:00", alone=False),
)


def _warn_if_likely(likely: _Likely, numbers: Sequence[_Number], column: str, notes: Notes) -> None:
    found = [each for each in numbers if likely.is_one(each.stamp)]
    if found and (likely.alone or len(found) == len(numbers)):
        first = found[0]
        detail = f"such as {shown(first.cell)} in row {first.row}, read as {_read_as(first.stamp)}; {likely.remedy}"
        reason = f"timestamps look like {likely.words}; they are read as milliseconds"
        notes.notice(reason, detail, column=column, count=len(found), kind="table cells")


def _read_as(stamp: int) -> str:
    text = moment_text(stamp * 1000)
    return text if text.endswith("Z") else "a time after the year 9999"


def _warn_of_fractions(cells: Cells, stamps: Sequence[int | None], notes: Notes) -> None:
    """Names the times of which a timestamp keeps milliseconds only."""
    longer = {text for text in cells.texts if (match := _FRACTION.search(text)) and match[1].strip("0")}
    found = [
        (row, cell)
        for row, cell, stamp in zip(cells.rows, cells.cells, stamps, strict=True)
        if cell in longer and stamp is not None
    ]
    if found:
        notes.notice(_CUT, rows_shown(found, len(found)), column=cells.name, count=len(found), kind="table cells")


def _warn(reason: str, numbers: Sequence[_Number], column: str, notes: Notes) -> None:
    detail = rows_shown([(each.row, each.cell) for each in numbers[:SHOWN]], len(numbers))
    notes.notice(reason, detail, column=column, count=len(numbers), kind="table cells")


def _is_date(cell: Cell) -> bool:
    return isinstance(cell, str) and moment(cell) is not None
