"""A site's table of private columns: read from CSV, Parquet or Excel, with one type for each column."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.ledger import Ledger
from node.tables import column as columns
from node.tables import contexts, csv_file, excel_file, mixed, names, parquet_file, timestamps
from node.tables.column import Cells, Column, ColumnType
from node.tables.grid import Grid, column_names, grid
from node.tables.limits import MAX_BYTES
from node.tables.notes import Notes, shown
from node.tables.sheet import Sheet
from node.tables.spelling import ABSENT, Cell, Value
from node.tables.zones import report_zones

RESERVED = frozenset({"path"})
"""Private columns that the node fills itself."""
_RESERVED = "columns with a name that the node uses itself are not used"
_UNNAMED = "the first column has no name, does not name the files, and is not used"
_OTHER_FORMATS = (
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Excel file; save it as .xlsx without a password"),
    (b"\x1f\x8b", "compressed with gzip; unpack it"),
    (b"(\xb5/\xfd", "compressed with zstd; unpack it"),
    (b"SQLite format 3", "a SQLite database; save the table as CSV"),
)
_NO_TABLES = {b"{": "JSON", b"[": "JSON", b"<": "XML or HTML"}  # by what the text begins with
_MARKS = b"\xef\xbb\xbf\xff\xfe"  # of UTF-8 and UTF-16


class Row(NamedTuple):
    """What a row says of a file.

    Attributes:
        number: as an editor shows it.
        file: what names the file, as it is written in the table.
        values: present private columns.
        context_id: text of the context column; empty = none.
        timestamp: milliseconds since 1970, in UTC.
        unread: private columns whose cell does not fit the type of the column.
    """

    number: int
    file: str
    values: dict[str, Value]
    context_id: str
    timestamp: int | None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read.

    Attributes:
        name: of the file, for messages.
        columns: all columns that can be used, also the one that names the files.
        file_column: the one that names the files.
        row_numbers: of each row, as an editor shows them.
        timestamps: of each row, in milliseconds; empty without a timestamp column.
        ledger: has what was guessed, changed or left out.
        bad_rows, bad_cells: how many are not used.
        private: names of the columns that become private columns: all but the one that names the files, those without
            a name, and `RESERVED`. Files with a row lose what an earlier table said in these columns, but for cells
            that do not fit the type of their column.
    """

    name: str
    columns: Mapping[str, Column]
    file_column: str
    context_column: str
    timestamp_column: str
    row_numbers: Sequence[int]
    timestamps: Sequence[int | None]
    ledger: Ledger
    bad_rows: int
    bad_cells: int
    private: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.row_numbers)

    @property
    def types(self) -> dict[str, ColumnType]:
        """Type of each private column that has a value; keep it to compare it with the next delivery."""
        return {name: self.columns[name].type for name in self.private if self.columns[name].present}

    def row(self, index: int) -> Row:
        """The row at a 0-based position."""
        values = {
            name: value for name in self.private if (value := self.columns[name].values[index]) is not None
        }  # fmt: skip
        context = self.columns[self.context_column].values[index] if self.context_column else None
        stamp = self.timestamps[index] if self.timestamp_column else None
        file = self.columns[self.file_column].values[index]
        number = self.row_numbers[index]
        unread = tuple(name for name in self.private if number in self.columns[name].unread)
        return Row(number, str(file or ""), values, str(context or ""), stamp, unread)


class _Asked(NamedTuple):
    """What the operator asked for, checked against the header."""

    file: str
    context: str
    timestamp: str
    types: Mapping[str, ColumnType]
    context_as: contexts.ContextAs


def read(
    content: bytes | BinaryIO,
    name: str,
    ledger: Ledger,
    *,
    column_types: Mapping[str, str] | None = None,
    context_column: str = "",
    timestamp_column: str = "",
    context_as: str = "",
) -> Table:
    """Reads a table; what cannot be used, and what was guessed or changed, is written into the ledger.

    Args:
        content: of a CSV, Parquet or .xlsx file; a file must be binary and seekable, and stays open.
        name: of the file, for messages.
        column_types: column -> `text`, `integer`, `number`, `boolean` or `date`, instead of the type that is found.
        context_column: its texts are the context ids of the frames.
        timestamp_column: whole milliseconds, dates or RFC 3339 times.
        context_as: `integer` rewrites `5.0` as `5`; `text` keeps also floating-point numbers of typed files.

    Raises:
        InvalidArgument: it is no table, it is too large, or a column that was asked for is not there.
        Unimplemented: a package that reads the format is not installed.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    notes = Notes(name, ledger)
    sheet = _sheet(file, name, notes)
    header = column_names(sheet, notes)
    asked = _asked(header, name, column_types or {}, (context_column, timestamp_column, context_as), notes)
    return _table(grid(sheet, header, notes), asked, notes)


def _sheet(file: BinaryIO, name: str, notes: Notes) -> Sheet:
    """The reader is found by the first bytes, not by the name."""
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise InvalidArgument(f"{name}: {size} bytes; at most {MAX_BYTES} are allowed")
    file.seek(0)
    start = file.read(64)
    if what := _NO_TABLES.get(start.lstrip(_MARKS).replace(b"\0", b"").lstrip()[:1]):
        raise InvalidArgument(f"{name}: it is {what}, no table; expected CSV, Parquet or Excel (.xlsx)")
    for magic, what in _OTHER_FORMATS:
        if start.startswith(magic):
            raise InvalidArgument(f"{name}: it is {what}")
    if start.startswith(b"PAR1"):
        return parquet_file.sheet(file, notes)
    return excel_file.sheet(file, notes) if start.startswith(b"PK\x03\x04") else csv_file.sheet(file, notes)


def _asked(
    header: list[str], name: str, types: Mapping[str, str], words: tuple[str, str, str], notes: Notes
) -> _Asked:  # fmt: skip
    context = names.known_column(words[0], "`option context_column`", header, name)
    timestamp = names.known_column(words[1], "`option timestamp_column`", header, name)
    context_as = contexts.check_context_as(words[2])
    file = names.file_column(header, notes)
    given = names.known_types(types, header, file=file, context=context, table=name)
    return _Asked(file, context, timestamp, given, context_as)


def _table(found: Grid, asked: _Asked, notes: Notes) -> Table:
    read_columns: dict[str, Column] = {}
    stamps: list[int | None] = []
    for place, name in enumerate(found.names):
        is_plain = name == asked.file and name not in {asked.context, asked.timestamp}
        cells = columns.cells_of(name, found.columns[place], found.rows, is_spelled=not is_plain)
        found.columns[place] = []  # each column is kept once
        if name == asked.timestamp:
            stamps = timestamps.timestamps(cells, notes)
            cells = cells if name == asked.file else _with_stamps(cells, stamps)
        read_columns[name] = column = _column(cells, asked, notes, is_typed=found.is_typed)
        if column.type == "date" or name == asked.timestamp:
            report_zones(cells, notes)
    private = tuple(name for name in found.names if name and name != asked.file and name not in RESERVED)
    _report_unused(read_columns, asked.file, notes)
    notes.close()
    return Table(
        notes.name, read_columns, asked.file, asked.context, asked.timestamp, found.rows, stamps, notes.ledger,
        notes.lost["table rows"], notes.lost["table cells"], private,
    )  # fmt: skip


def _report_unused(found: Mapping[str, Column], file: str, notes: Notes) -> None:
    for name in sorted(RESERVED.intersection(found) - {file}):
        count = found[name].present
        notes.lose(_RESERVED, f"rename {shown(name)}", column=name, count=count, kind="table cells")
    if "" in found and file:
        notes.notice(_UNNAMED, "it looks like the row numbers of pandas", count=found[""].present, kind="table cells")


def _column(cells: Cells, asked: _Asked, notes: Notes, *, is_typed: bool) -> Column:
    kind = asked.types.get(cells.name)
    if cells.name == asked.file:
        column = columns.given(cells, "text", notes)
    elif kind is not None:
        column = columns.given(cells, kind, notes)
    elif cells.name == asked.context:
        column = columns.text(cells, notes)
    else:
        column = _found(cells, notes, is_typed=is_typed)
    if cells.name == asked.context:
        return contexts.context_column(cells, column, asked.context_as, notes)
    return column


def _found(cells: Cells, notes: Notes, *, is_typed: bool) -> Column:
    """The column with the type of its cells."""
    kinds = cells.kinds()
    kind = columns.type_of(kinds)
    if is_typed and kind not in {"text", "date"} and all(isinstance(cell, str | None) for cell in cells.cells):
        mixed.report_stored(cells, kind, notes)
        return columns.text(cells, notes)
    if kind == "text" and not kinds <= {"text", *ABSENT}:
        mixed.report_mixed(cells, cells.counts(), notes)
    return columns.found(cells, kind, notes)


def _with_stamps(cells: Cells, stamps: Sequence[int | None]) -> Cells:
    """Cells without those that are no timestamps."""
    kept: list[Cell] = []
    for cell, each, stamp in zip(cells.cells, cells.spelled(), stamps, strict=True):
        is_absent = each is None or each.kind in ABSENT
        kept.append(cell if is_absent or stamp is not None else None)
    return columns.cells_of(cells.name, kept, cells.rows)
