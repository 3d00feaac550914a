"""The timestamps of frames from a column: whole milliseconds, dates or RFC 3339 times."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hyperdatasets.core.plain import INT64
from hyperdatasets.core.query.dates import moment
from node.tables.column import Cells, report_bad
from node.tables.notes import Notes, shown
from node.tables.spelling import ABSENT, Cell, Value

_LIKE_SECONDS = "timestamps look like seconds; they are read as milliseconds"
_MILLISECONDS = re.compile(r"([+-]?\d{1,19})(?:\.0*)?", re.ASCII)
_OF_1973 = 100_000_000_000  # milliseconds; in seconds it is the year 5138


def timestamps(cells: Cells, notes: Notes) -> list[int | None]:
    """Milliseconds since 1970 in UTC (no zone = UTC) of each row; a cell that is none is reported and absent."""
    of_text = {text: None if each.kind in ABSENT else milliseconds(text) for text, each in cells.texts.items()}
    stamps = [
        None if cell is None else of_text[cell] if isinstance(cell, str) else milliseconds(cell) for cell in cells.cells
    ]
    for row, cell, stamp, each in zip(cells.rows, cells.cells, stamps, cells.spelled(), strict=True):
        if stamp is None and each is not None and each.kind not in ABSENT:
            report_bad(notes, row, cells.name, cell, "is no timestamp (whole milliseconds, a date, or RFC 3339)")
    _warn_of_seconds(cells, stamps, notes)
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


def _warn_of_seconds(cells: Cells, stamps: Sequence[int | None], notes: Notes) -> None:
    """All of them lie in 1970 to 1973, and would lie later if they were seconds."""
    numbers: list[tuple[int, Cell]] = [
        (stamp, cell)
        for stamp, cell in zip(stamps, cells.cells, strict=True)
        if stamp is not None and not _is_date(cell)
    ]
    if numbers and all(100_000_000 < stamp < _OF_1973 for stamp, _ in numbers):
        detail = f"such as {shown(numbers[0][1])}; multiply them by 1000"
        notes.add(_LIKE_SECONDS, detail, column=cells.name, count=len(numbers), kind="table cells")


def _is_date(cell: Cell) -> bool:
    return isinstance(cell, str) and moment(cell) is not None
