"""Croissant, read: frames that our writer described, and tables of other tools whose rows name files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hyperdatasets.formats import arrow_files, csv_rows, json_keys, jsonl
from hyperdatasets.formats.croissant_document import (
    JOINED,
    Description,
    Field,
    FileObject,
    RecordSet,
    descriptions,
    likely_descriptions,
    load,
)
from hyperdatasets.formats.croissant_types import TYPED, Types
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.file_rows import FileRows
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, parent, split_of, suffix
from hyperdatasets.formats.json_lines import SUFFIXES, count_lines, exact, lines
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.lookup import Lookup
from hyperdatasets.formats.reading import Evidence, Reading, counted
from hyperdatasets.formats.rows import Row, describe
from hyperdatasets.formats.table_files import EMBEDDED, FileColumn, file_column, names_of

UNREADABLE = "a Croissant description that cannot be read"
NO_RECORDS = "a Croissant description without records"
REMOTE = "records in files that are not in this folder; fetch them first"
CHANGED = "records whose sha256 is not the one that their description states; import them by their own format"
OTHER_KIND = "records in files of a kind that is not read; CSV, JSON lines, JSON and Parquet are"
BROKEN = "records that cannot be read"
TWO_FILES = "fields of a second file (joins), which are not read"
SAME_NAME = "fields of a name that another field has; the first was read"
INLINE = "records inside of the description, which are not read"
NO_FILES = "records without a field that names files"
NO_SUCH_COLUMN = "fields of a column that the file does not have"
NOT_DESCRIBED = "columns that the description does not have, which are not read"
ABOUT = "what the description says of the data set as a whole"
WITHOUT_ROW = "files without a record"
_WEAK = 0.1  # weight of a description that gives no annotations: it is to be told if nothing else fits
_PIECE = 1 << 20  # bytes
_MEDIA = frozenset({"ImageObject", "AudioObject", "VideoObject"})
_CSV = frozenset({".csv", ".tsv"})
_TABLES = (".csv", ".tsv", ".json", *SUFFIXES, *arrow_files.SUFFIXES)


def recognise(folder: Folder) -> Evidence | None:
    paths, count = likely_descriptions(folder), 0
    used = list(paths)
    for path in paths:
        try:
            files = load(folder, path).files.values()
        except Unreadable:
            continue
        tables = [there for each in files if (there := local_path(folder, path, each))]
        count += sum(_count(folder, table) for table in tables)
        used += tables
    told = counted(len(paths), "Croissant description")
    if count:
        return Evidence(count, used, told)
    return Evidence(len(paths), used, f"{told} without files that are here", _WEAK) if paths else None


def read(reading: Reading) -> Iterator[Entry]:
    paths = descriptions(reading.folder)
    reading.used.update(paths)
    files = FileRows(reading.folder.media, reading.ledger)
    for path in paths:
        try:
            described = load(reading.folder, path)
        except Unreadable as error:
            reading.ledger.unreadable(path, UNREADABLE, str(error))
            files.asked = True  # perhaps it describes the files that are here
            continue
        json_keys.tell(described.twice, path, reading.ledger)
        if not described.records:
            reading.ledger.unreadable(path, NO_RECORDS)
        if described.others:
            told = ", ".join(described.others)[:200]
            reading.ledger.skip("attributes", path, ABOUT, told, count=len(described.others))
        for records in described.records:
            yield from _Records(reading, described, records, files).entries()
    yield from _others(reading, files)


def local_path(folder: Folder, description: str, file: FileObject) -> str:
    """The file of the folder that is meant; empty if it is not there.

    A remote file is taken from beside the description if it was fetched there, since its sha256 is checked.
    """
    url = file.url
    if "://" in url:
        url = name_of(url) if file.sha256 else ""
    tables = [path for path in folder.files if suffix(path) in _TABLES and path != description]
    found = Lookup(tables).find(url, beside=parent(description)) if url else []
    return found[0] if len(found) == 1 else ""


def _count(folder: Folder, table: str) -> int:
    if suffix(table) in {*SUFFIXES, ".csv", ".tsv"}:
        count = count_lines(folder, table)
        return count if suffix(table) in SUFFIXES and jsonl.holds_frames(folder, table) else min(count, _most(folder))
    return _most(folder)


def _most(folder: Folder) -> int:
    return max(len(folder.media), 1)


def _others(reading: Reading, files: FileRows) -> Iterator[Entry]:
    """Media without a record, where records describe files at all: whole frames come without their files."""
    media = files.without(reading.folder.media) if files.asked else []
    for path in media:
        reading.ledger.notice("frames", path, WITHOUT_ROW)
        yield Entry(path, split=split_of(path))
    reading.rest({*media, *files.rows})


class _Records:
    """One set of records."""

    def __init__(self, reading: Reading, described: Description, records: RecordSet, files: FileRows) -> None:
        self._reading, self._described, self._records, self._files = reading, described, records, files
        self._ledger, self._folder = reading.ledger, reading.folder

    def entries(self) -> Iterator[Entry]:
        place = f"{self._described.path}, records `{self._records.place}`"
        if self._records.inline:
            self._ledger.lose("table rows", place, INLINE, count=self._records.inline)
        named = next((each.file for each in self._records.fields if each.file), "")
        if not named:
            self._files.asked = True
            self._tell(self._records.fields)
            return
        path = self._verified(named, place)
        if not path:
            return
        if suffix(path) in SUFFIXES and jsonl.holds_frames(self._folder, path):
            yield from jsonl.entries(self._reading, path)
            return
        self._tell(self._records.fields)
        fields = [each for each in self._records.fields if not each.problem]
        for each in fields:
            if each.file != named:
                self._ledger.lose("table cells", self._place(each), TWO_FILES)
        yield from self._of_table(path, [each for each in fields if each.file == named])

    def _named_once(self, fields: Sequence[Field]) -> list[Field]:
        """The first field of each name."""
        first = {each.name: each for each in reversed(fields)}
        for each in fields:
            if first[each.name] is not each:
                self._ledger.lose("table cells", self._place(each), SAME_NAME)
        return [each for each in fields if first[each.name] is each]

    def _tell(self, fields: Sequence[Field]) -> None:
        for each in fields:
            if each.problem:
                self._ledger.lose("table cells", self._place(each), each.problem)
            elif each.joined:
                self._ledger.notice("table cells", self._place(each), JOINED)

    def _place(self, each: Field) -> str:
        return f"{self._described.path}, field `{each.place}`"

    def _verified(self, named: str, place: str) -> str:
        """The table in this folder, if it is what the description says."""
        file = self._described.files.get(named) or FileObject(named, "", "", "")
        path = local_path(self._folder, self._described.path, file)
        if not path:
            self._ledger.unreadable(place, REMOTE, file.url or named)
            self._files.asked = True
            return ""
        self._reading.used.add(path)
        try:
            same = not file.sha256 or _sha256(self._folder, path) == file.sha256
        except OSError as error:
            self._ledger.unreadable(path, BROKEN, str(error.strerror))
            return ""
        if not same:
            self._ledger.unreadable(path, CHANGED, file.sha256)
        return path if same else ""

    def _of_table(self, path: str, fields: Sequence[Field]) -> Iterator[Entry]:
        names: dict[str, list[str]] = {}
        try:
            rows = _rows(self._folder, path, self._ledger, names)
            column = _file_column(fields)
            if column is None:
                self._ledger.lose("table rows", path, NO_FILES, count=max(sum(1 for _ in rows), 1))
            else:
                yield from self._described_files(rows, path, fields, column, names)
        except Unreadable as error:
            self._ledger.unreadable(path, BROKEN, str(error))
            self._files.asked = True

    def _described_files(
        self, rows: Iterator[Row], path: str, fields: Sequence[Field], column: Field, names: Mapping[str, Sequence[str]]
    ) -> Iterator[Entry]:
        others = [each for each in self._named_once(fields) if each is not column]
        unknown, embedded = dict[str, int](), 0
        known, absent, row = {each.column for each in fields}, set(fields), None
        types = Types(texts=suffix(path) in _CSV)
        cell = FileColumn(column.column)
        for row in rows:
            absent = {each for each in absent if each.column not in row.values}
            for name in row.values.keys() - known:
                unknown[name] = unknown.get(name, 0) + (row.values[name] is not None)
            if cell.content(row.values) and not self._files.fits(cell.path(row.values), path):
                embedded += 1
            elif file := self._files.add(Row(row.place, {cell.name: cell.path(row.values)}), cell.name, path):
                entry = Entry(file, split=split_of(file), place=row.place)
                values = {each.name: types.value(each, row.values.get(each.column)) for each in others}
                describe(entry, Row(row.place, values), self._ledger, names)
                yield entry
        for each in sorted(absent if row else (), key=self._place):
            self._ledger.lose("table cells", self._place(each), NO_SUCH_COLUMN, f"`{each.column[:60]}` in {path}")
        types.tell(self._place, self._ledger)
        for name, count in sorted(unknown.items()):
            self._ledger.lose("table cells", f"{path}, column `{name[:60]}`", NOT_DESCRIBED, count=max(count, 1))
        if embedded:
            self._ledger.lose("frames", path, EMBEDDED, count=embedded)


def _file_column(fields: Sequence[Field]) -> Field | None:
    media = next((each for each in fields if each.kinds & _MEDIA), None)
    named = file_column({each.column: "text" for each in fields if not each.kinds & TYPED})
    urls = next((each for each in fields if "URL" in each.kinds), None)
    return media or (next(each for each in fields if each.column == named.name) if named else urls)


def _rows(folder: Folder, path: str, ledger: Ledger, names: dict[str, list[str]]) -> Iterator[Row]:
    """Rows of a table; `names` gets what the numbers of labels mean, where the table says so."""
    ending = suffix(path)
    if ending in _CSV:
        yield from csv_rows.rows(folder, path, ledger, is_text=lambda _: True)
    elif ending in SUFFIXES:
        for line in lines(folder, path):
            json_keys.tell(line.twice, line.place, ledger)
            yield from _object(line.place, line.value, line.error, ledger)
    elif ending == ".json":
        yield from _json(folder, path, ledger)
    elif ending in arrow_files.SUFFIXES:
        with arrow_files.table(folder, path) as table:
            names.update(names_of(table.schema.metadata))
            for name in table.further:
                place = f"{path}, column `{name[:60]}`"
                ledger.lose("table cells", place, csv_rows.NAMELESS, count=max(table.rows, 1))
            number = 0
            for batch in table.batches:
                for number, row in enumerate(batch, start=number + 1):  # noqa: B020  # counts on
                    yield Row(f"{path}, row {number}", row)
    else:
        raise Unreadable(OTHER_KIND)


def _json(folder: Folder, path: str, ledger: Ledger) -> Iterator[Row]:
    try:
        text = folder.text(path).encode()
        content = exact(text)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    if not isinstance(content, list):
        raise Unreadable("expected a list of objects")
    json_keys.tell(json_keys.lost_values(text, content), path, ledger)
    for number, each in enumerate(content):
        yield from _object(f"{path}, [{number}]", each, "", ledger)


def _object(place: str, value: Any, error: str, ledger: Ledger) -> Iterator[Row]:
    if isinstance(value, dict):
        yield Row(place, value)
    else:
        ledger.lose("table rows", place, "records that are no JSON objects", error or f"{value!r:.60}")


def _sha256(folder: Folder, path: str) -> str:
    digest = hashlib.sha256()
    with folder.open(path) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
