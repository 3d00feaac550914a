"""Rows of the first sheet of an Excel workbook (.xlsx). Needs openpyxl, the extra `excel`."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from importlib import import_module
from itertools import chain, zip_longest
from typing import Any, BinaryIO

from hyperdatasets.core.errors import InvalidArgument, Unimplemented
from node.tables.limits import MAX_BYTES, MAX_COLUMNS
from node.tables.notes import Notes, shown
from node.tables.sheet import Sheet, SheetRow
from node.tables.spelling import Cell
from node.tables.times import clock_text, date_text, time_text
from node.tables.zones import NaiveTimes

_OTHER_SHEETS = "only the first sheet is read"
_NO_RESULT = "formulas without a stored result"
_DURATION = "durations, which cannot be used"
_MERGED = "merged cells: only the first one has a value"
_MERGED_RANGE = re.compile(rb"""<(?:\w+:)?mergeCell\s[^>]*?ref=["']([A-Z]+)(\d+):([A-Z]+)(\d+)["']""")
_LONGEST_TAG = 1 << 10  # bytes of a tag that begins in one piece of a file and ends in the next
_PADDED = re.compile(r"0{2,}")  # a number format that shows 7 as 007
_EXACT = 1 << 53


def sheet(file: BinaryIO, notes: Notes) -> Sheet:
    """The first sheet; formulas have the results that Excel stored.

    Raises:
        InvalidArgument: it is no workbook, or its content is too large.
        Unimplemented: openpyxl is not installed here.
    """
    has_formulas = _checked(file, notes.name)
    workbook = _workbook(file, notes.name, results=True)
    first, *others = workbook.worksheets or [None]
    if first is None:
        raise InvalidArgument(f"{notes.name}: the workbook has no sheet with cells")
    if others:
        names = ", ".join(shown(each.title) for each in others)
        notes.notice(_OTHER_SHEETS, f"{shown(first.title)}; not read: {names}", count=len(others))
    formulas = _rows(_workbook(file, notes.name, results=False).worksheets[0], notes.name) if has_formulas else iter(())
    _report_merged(file, first, notes)
    times = NaiveTimes()
    rows = _read(_rows(first, notes.name), formulas, times, notes)
    for row, header in rows:
        if any(cell is not None for cell in header):
            times.clear()
            return Sheet(_names(header), _below(rows, _names(header), times, notes), is_typed=True)
        if row > MAX_COLUMNS:
            break
    raise InvalidArgument(f"{notes.name}: the first sheet {shown(first.title)} has no header")


def _checked(file: BinaryIO, name: str) -> bool:
    """Checks the sizes in the archive; whether a sheet has formulas."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_BYTES:
                raise InvalidArgument(f"{name}: it unpacks to more than {MAX_BYTES >> 20} MiB; save the table as CSV")
            sheets = [each for each in archive.namelist() if each.startswith("xl/worksheets/")]
            return any(_has_formula(archive, each) for each in sheets)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise InvalidArgument(f"{name}: it cannot be read as an Excel workbook: {error}") from None


def _has_formula(archive: zipfile.ZipFile, name: str) -> bool:
    before = b""
    with archive.open(name) as opened:
        while chunk := opened.read(1 << 20):
            if b"<f>" in (text := before + chunk) or b"<f " in text:
                return True
            before = chunk[-2:]
    return False


def _report_merged(file: BinaryIO, worksheet: Any, notes: Notes) -> None:
    """Names the merged ranges of a sheet: Excel stores a value in the first cell alone."""
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        path = worksheet._worksheet_path  # noqa: SLF001 - it has no public name
        for first_column, first_row, last_column, last_row in _merged(archive, path):
            columns = _column_number(last_column) - _column_number(first_column) + 1
            count = columns * (int(last_row) - int(first_row) + 1) - 1
            shape = f"{first_column}{first_row}:{last_column}{last_row}"
            detail = f"{shape}; unmerge them in Excel, and write the value into each cell"
            notes.notice(_MERGED, detail, row=int(first_row), count=count, kind="table cells")


def _merged(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[str, str, str, str]]:
    """First column and row, last column and row of each merged range."""
    before = b""
    with archive.open(name.removeprefix("/")) as opened:
        while chunk := opened.read(1 << 20):
            text, end = before + chunk, 0
            for match in _MERGED_RANGE.finditer(text):
                end = match.end()
                yield tuple(part.decode() for part in match.groups())  # type: ignore[misc]  # four of them
            before = text[max(end, len(text) - _LONGEST_TAG) :]


def _column_number(letters: str) -> int:
    """A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _workbook(file: BinaryIO, name: str, *, results: bool) -> Any:
    try:
        openpyxl: Any = import_module("openpyxl")
    except ImportError:
        message = "this node reads no Excel files: install it with the extra `excel`, or save the table as CSV"
        raise Unimplemented(message) from None
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(file, read_only=True, data_only=results, keep_links=False)
    except Exception as error:  # noqa: BLE001 - openpyxl raises what its parsers raise
        raise InvalidArgument(f"{name}: it cannot be read as an Excel workbook: {str(error)[:200]}") from None


def _rows(worksheet: Any, name: str) -> Iterator[tuple[Any, ...]]:
    """Rows of cells, from the first line of the sheet on."""
    worksheet.reset_dimensions()  # those in the file may be wrong, and are not to be trusted
    rows = worksheet.iter_rows()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from rows
    except Exception as error:  # noqa: BLE001 - the same
        raise InvalidArgument(f"{name}: the first sheet cannot be read: {str(error)[:200]}") from None


def _read(results: Iterator[Any], formulas: Iterator[Any], times: NaiveTimes, notes: Notes) -> Iterator[SheetRow]:
    """Rows with their values; times, which have no zone in Excel, are counted."""
    for row, (cells, written) in enumerate(zip_longest(results, formulas, fillvalue=()), start=1):
        values = list(map(_value, cells))
        for cell, value in zip(written, values, strict=False):
            if value is None and cell.data_type == "f":
                detail = f"cell {cell.coordinate}; open the file in Excel and save it"
                notes.lose(_NO_RESULT, detail, row=row, kind="table cells")
        for place, cell in enumerate(cells):
            if isinstance(cell.value, datetime) and not _is_day(cell):
                times.add(place, row, values[place])
            elif isinstance(cell.value, timedelta):
                detail = f"cell {cell.coordinate}: {shown(cell.value)}; write it as a number"
                notes.lose(_DURATION, detail, row=row, kind="table cells")
        yield row, values


def _value(cell: Any) -> Cell:
    value = cell.value
    if isinstance(value, datetime):
        return date_text(value) if _is_day(cell) else time_text(value)
    if isinstance(value, date):
        return date_text(value)
    if isinstance(value, timedelta):
        return None
    if isinstance(value, time):
        return clock_text(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    if type(value) is int and value >= 0 and _PADDED.fullmatch(cell.number_format or ""):
        return f"{value:0{len(cell.number_format)}}"  # the text that Excel shows
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _is_day(cell: Any) -> bool:
    """Whether a moment is shown as a day: it is midnight, and the number format has no hours."""
    return bool(cell.value.time() == time()) and "h" not in (cell.number_format or "").casefold()


def _names(header: Any) -> list[str]:
    names = ["" if cell is None else str(cell) for cell in header]
    while names and not names[-1].strip():
        names.pop()
    return names


def _below(rows: Iterator[SheetRow], names: Sequence[str], times: NaiveTimes, notes: Notes) -> Iterator[SheetRow]:
    """The rows below the header, as long as it: in a sheet they end with their last cell."""
    width = len(names)
    for row, cells in rows:
        kept = list(cells)
        while len(kept) > width and kept[-1] in {None, ""}:
            kept.pop()
        yield row, list(chain(kept, [None] * (width - len(kept))))
    times.report(names, notes)
