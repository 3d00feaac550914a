"""Parquet, Arrow and Feather files: frames as columns, or rows that describe files; written as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from hyperdatasets.core.frames import Frame
from hyperdatasets.formats import arrow_frames
from hyperdatasets.formats.arrow_files import SUFFIXES, Table, needed, pa, table, there
from hyperdatasets.formats.counting import kept_of
from hyperdatasets.formats.csv_rows import NAMELESS
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.file_rows import FileRows
from hyperdatasets.formats.folder import Folder, Unreadable, split_of
from hyperdatasets.formats.jsonl import Ids
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.rows import Row, describe
from hyperdatasets.formats.sampling import all_or_found, few
from hyperdatasets.formats.split_names import add_splits_of_file
from hyperdatasets.formats.table_files import EMBEDDED, FileColumn, file_column, names_of
from hyperdatasets.formats.writing import Output, Placed, Subject, Writer, WrittenFormat

RECORDS = "frames.parquet"
UNREADABLE = "a table that cannot be read"
NO_FILES = "tables without a column that names files"
NO_FRAME = "rows that are no frames"
WITHOUT_ROW = "files without a row of a table"
_UNSEEN = 0.1  # weight of tables that cannot be looked into
_BATCH = 1_000  # rows


def _recognise(folder: Folder) -> Evidence | None:
    paths = folder.with_suffix(*SUFFIXES)
    if not paths:
        return None
    if not there():
        return Evidence(len(paths), paths, f"{counted(len(paths), 'table')} (pyarrow is not installed)", _UNSEEN)
    looked_at = few(folder, paths)
    counts = {path: _rows_about_frames(folder, path) for path in looked_at}
    if found := [path for path, count in counts.items() if count]:
        used = all_or_found(paths, looked_at, found)
        rows = sum(counts[path] or 0 for path in found) * len(used) // len(found)
        return Evidence(rows, used, counted(len(used), "table"))
    broken = [path for path, count in counts.items() if count is None]
    return Evidence(len(broken), broken, f"{counted(len(broken), 'table')} that cannot be read", _UNSEEN)


def _rows_about_frames(folder: Folder, path: str) -> int | None:
    """None for a file that cannot be read."""
    try:
        with table(folder, path) as found:
            told = arrow_frames.are_frames(found.schema.names) or _file_column(found)
            return max(found.rows, 1) if told else 0
    except Unreadable:
        return None


def _read(reading: Reading) -> Iterator[Entry]:
    needed()
    tables = reading.folder.with_suffix(*SUFFIXES)
    reading.used.update(tables)
    files = FileRows([path for path in reading.folder.files if path not in reading.used], reading.ledger)
    for path in tables:
        try:
            with table(reading.folder, path) as found:
                yield from _entries(found, path, files)
        except Unreadable as error:
            reading.ledger.unreadable(path, UNREADABLE, str(error))
            files.asked = True  # perhaps it describes the files that are here
    yield from _others(reading, files)


def _others(reading: Reading, files: FileRows) -> Iterator[Entry]:
    """Media without a row, where tables describe files at all; everything else is no data."""
    media = files.without(reading.folder.media) if files.asked else []
    for path in media:
        reading.ledger.notice("frames", path, WITHOUT_ROW)
        yield Entry(path, split=split_of(path))
    reading.rest({*media, *files.rows})


def _entries(found: Table, path: str, files: FileRows) -> Iterator[Entry]:
    for name in found.further:
        files.ledger.lose("table cells", f"{path}, column `{name[:60]}`", NAMELESS, count=max(found.rows, 1))
    if arrow_frames.are_frames(found.schema.names):
        return _frames(found, path, files.ledger)
    if column := _file_column(found):
        return _described(found, path, column, files)
    files.ledger.lose("table rows", path, NO_FILES, ", ".join(found.schema.names)[:100], count=max(found.rows, 1))
    return iter(())


def _frames(found: Table, path: str, ledger: Ledger) -> Iterator[Entry]:
    ids = Ids(ledger)
    for place, row in _numbered(found, path):
        try:
            entry = Entry(place, frame=arrow_frames.to_plain(row))
        except ValueError as error:
            ledger.lose("frames", place, NO_FRAME, str(error))
            continue
        ids.tell(entry)
        yield entry


def _described(found: Table, path: str, column: FileColumn, files: FileRows) -> Iterator[Entry]:
    names, embedded = names_of(found.schema.metadata), 0
    for place, row in _numbered(found, path):
        name = column.path(row)
        if column.content(row) and not files.fits(name, path):
            embedded += 1
        elif file := files.add(Row(place, {column.name: name}), column.name, path):
            entry = Entry(file, place=place)
            add_splits_of_file(entry, path)
            entry.add_split(split_of(file))
            others = {other: value for other, value in row.items() if other != column.name}
            describe(entry, Row(place, others), files.ledger, names)
            yield entry
    if embedded:
        files.ledger.lose("frames", path, EMBEDDED, count=embedded)


def _numbered(found: Table, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    for batch in found.batches:
        for row in batch:
            number += 1
            yield f"{path}, row {number}", row


def _file_column(found: Table) -> FileColumn | None:
    return file_column({field.name: _kind(field.type) for field in found.schema})


def _kind(kind: Any) -> str:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return "text"
    names = {kind.field(place).name for place in range(kind.num_fields)} if pa.types.is_struct(kind) else set()
    return "media" if {"bytes", "path"} <= names else ""


class _ParquetWriter:
    """Keeps rows in a file until all have come: only then it is known whether the columns can hold them all."""

    def __init__(self, output: Output, ledger: Ledger) -> None:
        self._file, self._ledger = output.main(RECORDS), ledger
        self._waiting = output.waiting()
        self._schema = arrow_frames.schema()
        self._stream = pa.ipc.new_stream(self._waiting, self._schema)
        self._rows: list[dict[str, Any]] = []
        self._needs_whole = False

    def add(self, placed: Placed) -> None:
        row = arrow_frames.to_row(placed.frame)
        self._needs_whole = self._needs_whole or arrow_frames.WHOLE in row
        self._rows.append(row)
        _keep(placed.frame, self._ledger)
        if len(self._rows) >= _BATCH:
            self._spool()

    def finish(self) -> None:
        self._spool()
        self._stream.close()
        self._waiting.seek(0)
        unused = () if self._needs_whole else (arrow_frames.WHOLE,)
        with self._waiting, pa.ipc.open_stream(self._waiting) as stream:
            _write(self._file, stream, unused)

    def _spool(self) -> None:
        self._stream.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def _write(file: BinaryIO, stream: Any, unused: Sequence[str]) -> None:
    names = [name for name in stream.schema.names if name not in unused]
    schema = pa.schema([stream.schema.field(name) for name in names])
    with pa.parquet.ParquetWriter(_Counting(file), schema) as writer:
        for batch in stream:
            writer.write_batch(batch.select(names))


def _keep(frame: Frame, ledger: Ledger) -> None:
    for kind, count in kept_of(frame).items():
        ledger.keep(kind, count)


class _Counting:
    """A stream that cannot tell its place, such as standard output, as pyarrow wants it."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._place = file, 0

    def write(self, content: Any) -> int:
        self._file.write(content)
        self._place += len(content)
        return len(content)

    def tell(self) -> int:
        return self._place

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Whoever opened the file closes it."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _start(output: Output, _subject: Subject, ledger: Ledger) -> Writer:
    needed()
    return _ParquetWriter(output, ledger)


FORMAT = Format("parquet", "tables in Parquet or Arrow files", _recognise, _read)
WRITTEN = WrittenFormat(
    "parquet",
    "frames as columns in Parquet",
    pictures="",
    single=True,
    start=_start,
    holds_rois_apart=True,
    divides=False,
    whole=True,
)
