"""Which row of a table belongs to which file of a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.tables.notes import Notes, shown
from node.tables.paths import Paths
from node.tables.table import Row, Table

NO_FILE = "rows that fit no file"
SEVERAL_FILES = "rows that fit several files"
NO_NAME = "rows that name no file"
REPEATED = "rows that repeat an earlier row"
CONTRADICTING = "rows that contradict an earlier row for the same file"
NO_ROW = "files without a row"
NO_HEADER = "the header looks like a row"
NOTHING_FITS = "no row fits a file"
_BACKSLASHES = "file names with backslashes are read with `/`"


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows: `rows` is the sum of the six below it.

    Attributes:
        used: each belongs to another file.
        repeated: they say the same as an earlier row.
        contradicting: they say something else than an earlier row for the same file; the earlier one is used.
        no_file, several_files: they fit none, or cannot be told apart.
        bad_rows: another number of cells; not read at all.
        cells: present values of the rows that are used.
        bad_cells: cells of the table that are not used.
        files, files_without_row: of the folder.
    """

    rows: int
    used: int
    repeated: int
    contradicting: int
    no_file: int
    several_files: int
    bad_rows: int
    cells: int
    bad_cells: int
    files: int
    files_without_row: int


@dataclass(frozen=True, slots=True)
class Matched:
    """The rows of a table by file.

    Attributes:
        counts: what became of the rows and files.
    """

    table: Table
    counts: Counts
    _rows: Mapping[str, int] = field(repr=False)

    def row(self, path: str) -> Row | None:
        """The row of a file; None = it has none."""
        index = self._rows.get(path)
        return None if index is None else self.table.row(index)

    @property
    def contexts(self) -> dict[str, str]:
        """File -> context id, of files with a row; empty = none."""
        return {path: self.table.row(index).context_id for path, index in self._rows.items()}


def match(
    table: Table, paths: Iterable[str], *, folders: Sequence[str] = (), data: Collection[str] | None = None
) -> Matched:
    """Finds the file of each row; rows that are not used, and files without a row, are in the ledger of the table.

    Args:
        paths: of all files of the folder, relative to it, with `/`.
        data: those that may be data, of which a row is missed where there is none; None: all.
        folders: other names of the folder that may stand before a path in the table: its absolute path, and its path
            as seen from the place of the table.
    """
    return _Matching(table, Paths(paths, folders), data).run()


class _Matching:
    def __init__(self, table: Table, paths: Paths, data: Collection[str] | None) -> None:
        self._table, self._paths, self._notes = table, paths, Notes(table.name, table.ledger)
        self._data: Collection[str] = paths.all if data is None else data
        self._used: dict[str, int] = {}
        self._counts = dict.fromkeys((NO_FILE, SEVERAL_FILES, REPEATED, CONTRADICTING), 0)
        self._looser: dict[str, list[int]] = {}  # reason -> count and index of the first row

    def run(self) -> Matched:
        for index, cell in enumerate(self._table.columns[self._table.file_column].values):
            self._take(index, "" if cell is None else str(cell))
        self._report_looser()
        self._report_header()
        without = self._report_files()
        self._notes.close()
        return Matched(self._table, self._counted(without), self._used)

    def _take(self, index: int, cell: str) -> None:
        row = self._table.row_numbers[index]
        if not cell:
            self._counts[NO_FILE] += 1
            self._notes.lose(NO_NAME, row=row)
            return
        name = cell.replace("\\", "/")
        found = self._paths.find(cell) or (self._paths.find(name) if name != cell else None)
        if found is None:
            self._counts[NO_FILE] += 1
            self._notes.lose(NO_FILE, shown(cell), row=row)
        elif len(found.paths) > 1:
            self._counts[SEVERAL_FILES] += 1
            detail = f"{shown(cell)}: {', '.join(map(shown, found.paths))}"
            self._notes.lose(SEVERAL_FILES, detail, row=row)
        else:
            for reason in (*found.how, *((_BACKSLASHES,) if name != cell and found.paths[0] != cell else ())):
                self._looser.setdefault(reason, [0, index])[0] += 1
            self._give(found.paths[0], index)

    def _give(self, path: str, index: int) -> None:
        first = self._used.setdefault(path, index)
        if first == index:
            return
        number = self._table.row_numbers[first]
        is_same = self._table.row(first)[2:] == self._table.row(index)[2:]
        reason = REPEATED if is_same else CONTRADICTING
        self._counts[reason] += 1
        detail = f"{shown(path)}, as row {number}" if is_same else f"{shown(path)}; row {number} is used"
        note = self._notes.notice if is_same else self._notes.lose
        note(reason, detail, row=self._table.row_numbers[index])

    def _report_looser(self) -> None:
        for reason, (count, index) in self._looser.items():
            row = self._table.row(index)
            self._notes.notice(reason, f"such as {shown(row.file)} in row {row.number}", count=count)

    def _report_header(self) -> None:
        name = self._table.file_column
        if "." in name and self._paths.find(name.replace("\\", "/")):
            self._notes.notice(NO_HEADER, f"{shown(name)} is a file; the first line has to name the columns")

    def _report_files(self) -> int:
        """How many files have no row; they are named."""
        without = [path for path in self._data if path not in self._used]
        for path in without:
            self._notes.notice(NO_ROW, place=path, kind="frames")
        if without and not self._used and len(self._table):
            self._notes.notice(NOTHING_FITS, f"a file of the folder is {shown(without[0])}")
        return len(without)

    def _counted(self, without: int) -> Counts:
        columns = [self._table.columns[name].values for name in self._table.private]
        cells = sum(values[index] is not None for values in columns for index in self._used.values())
        table, counts = self._table, self._counts
        return Counts(
            len(table) + table.bad_rows, len(self._used), counts[REPEATED], counts[CONTRADICTING], counts[NO_FILE],
            counts[SEVERAL_FILES], table.bad_rows, cells, table.bad_cells,
            len(self._used.keys() | self._data), without,
        )  # fmt: skip
