"""A table by columns: rows of a sheet, checked, with the blanks around their cells taken off."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from hyperdatasets.core.errors import InvalidArgument
from node.tables.limits import MAX_CELL, MAX_COLUMNS, MAX_ROWS
from node.tables.notes import Notes, shown
from node.tables.sheet import Sheet, SheetRow
from node.tables.spelling import Cell

BAD_ROWS = "rows with another number of cells than the header"
LONG_CELLS = "cells that are too long"
_TRIMMED_NAMES = "blanks around column names were taken off"
_TRIMMED_CELLS = "blanks around cells were taken off"
_UNNAMED = "columns without a name are not used"
_CHUNK = 8_192  # rows that are turned into columns together
_MAX_KEPT = 1 << 18  # different texts of which each is kept once


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells by column.

    Attributes:
        names: of the columns; different ones, without blanks around them.
        rows: the row number of each row, as an editor shows it.
    """

    names: list[str]
    columns: list[list[Cell]]
    rows: array[int]
    is_typed: bool


def grid(sheet: Sheet, names: list[str], notes: Notes) -> Grid:
    """All rows that have as many cells as the header; rows without any value are skipped.

    Raises:
        InvalidArgument: there are too many rows.
    """
    columns: list[list[Cell]] = [[] for _ in names]
    rows = array("q")
    seen = _Rows(sheet.rows, len(names), notes)
    trimmed = _Trimmed(names, notes)
    kept: dict[Cell, Cell] = {}
    for chunk in iter(lambda: list(islice(seen, _CHUNK)), []):
        cells_of = list(zip(*(cells for _, cells in chunk), strict=True))
        numbers = [row for row, _ in chunk]
        for place, cells in enumerate(cells_of):
            columns[place] += _shared(trimmed.cells(place, cells, numbers), kept)
        rows.extend(numbers)
        if len(rows) > MAX_ROWS:
            raise InvalidArgument(f"{notes.name}: more than {MAX_ROWS} rows; register the folder in parts")
    trimmed.report()
    return _without_unnamed(Grid(names, columns, rows, sheet.is_typed), notes)


def column_names(sheet: Sheet, notes: Notes) -> list[str]:
    """The names in the header without blanks around them.

    Raises:
        InvalidArgument: there are too few or too many columns, or a name occurs twice.
    """
    names = [name.strip() for name in sheet.header]
    if len(names) < 2:
        raise InvalidArgument(f"{notes.name}: expected a header with the file's name and at least one column")
    if len(names) > MAX_COLUMNS:
        raise InvalidArgument(f"{notes.name}: {len(names)} columns; at most {MAX_COLUMNS} are allowed")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InvalidArgument(f"{notes.name}: the column {shown(twice[0])} occurs twice; rename one of them")
    changed = [name for name, written in zip(names, sheet.header, strict=True) if name != written]
    if changed:
        notes.notice(_TRIMMED_NAMES, ", ".join(map(shown, changed[:10])), count=len(changed))
    return names


class _Rows:
    """The rows of a sheet that can be used; others are reported."""

    def __init__(self, rows: Iterator[SheetRow], width: int, notes: Notes) -> None:
        self._rows, self._width, self._notes = rows, width, notes

    def __iter__(self) -> Iterator[SheetRow]:
        return self

    def __next__(self) -> SheetRow:
        for row, cells in self._rows:
            if not any(map(_is_present, cells)):
                continue
            if len(cells) == self._width:
                return row, cells
            self._notes.lose(BAD_ROWS, f"{len(cells)} cells, the header has {self._width}", row=row)
        raise StopIteration


def _is_present(cell: Cell) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


class _Trimmed:
    """Cells without the blanks around them; counts, by column, how many had any."""

    def __init__(self, names: Sequence[str], notes: Notes) -> None:
        self._names, self._notes = names, notes
        self._counts: dict[int, int] = {}
        self._first: dict[int, int] = {}

    def cells(self, place: int, cells: Sequence[Cell], rows: Sequence[int]) -> list[Cell]:
        """The cells of a column; empty and too long ones are None."""
        found: list[Cell] = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
        if found != list(cells):
            changed = [index for index, cell in enumerate(cells) if cell != found[index]]
            self._counts[place] = self._counts.get(place, 0) + len(changed)
            self._first.setdefault(place, rows[changed[0]])
        if max(len(cell) if isinstance(cell, str) else 0 for cell in found) > MAX_CELL // 4:
            self._leave_out_long(place, found, rows)
        return [None if cell == "" else cell for cell in found]

    def _leave_out_long(self, place: int, cells: list[Cell], rows: Sequence[int]) -> None:
        name = self._names[place]
        for index, cell in enumerate(cells):
            if isinstance(cell, str) and len(cell.encode()) > MAX_CELL:
                detail = f"column {shown(name)}: {shown(cell)}; at most {MAX_CELL >> 10} KiB are allowed"
                self._notes.lose(LONG_CELLS, detail, row=rows[index], column=name, kind="table cells")
                cells[index] = None

    def report(self) -> None:
        for place, count in sorted(self._counts.items()):
            name = self._names[place]
            self._notes.notice(
                _TRIMMED_CELLS, f"first in row {self._first[place]}", column=name, count=count, kind="table cells"
            )


def _shared(cells: list[Cell], kept: dict[Cell, Cell]) -> list[Cell]:
    """The same cells; equal texts are one object, as long as there are few different ones."""
    if len(kept) >= _MAX_KEPT:
        return cells
    return [kept.setdefault(cell, cell) if isinstance(cell, str) else cell for cell in cells]


def _without_unnamed(grid: Grid, notes: Notes) -> Grid:
    """Leaves out columns without a name, but not the first one."""
    unnamed = {place for place, name in enumerate(grid.names) if place and not name}
    for place in sorted(unnamed):
        if count := sum(cell is not None for cell in grid.columns[place]):
            notes.lose(_UNNAMED, f"column {place + 1}", count=count, kind="table cells")
    left = [place for place in range(len(grid.names)) if place not in unnamed]
    columns = [grid.columns[place] for place in left]
    return Grid([grid.names[place] for place in left], columns, grid.rows, grid.is_typed)
