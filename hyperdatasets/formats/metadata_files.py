"""Metadata beside pictures or recordings, as Hugging Face has it: `metadata.csv`, `metadata.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hyperdatasets.formats import csv_rows, json_keys
from hyperdatasets.formats.entry import Entry, MaskFile
from hyperdatasets.formats.file_rows import FileRows
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, parent
from hyperdatasets.formats.json_lines import count_lines, exact, first_values, lines
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.rows import CAPTIONS, LABELS, OBJECTS, SPLIT, Row, describe
from hyperdatasets.formats.sampling import all_or_found, few

FILE = "file_name"
FILES = "columns that name several files a row; none of them was read"
FURTHER = "further files of a row, kept by name; each is a frame of its own"
_NAMES = ("metadata.csv", "metadata.jsonl")
_MASKS = ("mask", "segmentation", "label_map")


def metadata_files(folder: Folder) -> list[str]:
    """Those that name files."""
    return [path for path in _named(folder) if _names_files(folder, path)]


def likely_metadata(folder: Folder) -> tuple[Sequence[str], int]:
    """The same without opening many files, and about how many files have a row."""
    named = _named(folder)
    looked_at = few(folder, named)
    found = [path for path in looked_at if _names_files(folder, path)]
    used = all_or_found(named, looked_at, found)
    return used, sum(_count_described(folder, path) for path in found) * len(used) // max(1, len(found))


def _named(folder: Folder) -> list[str]:
    return [path for path in folder.with_suffix(".csv", ".jsonl") if name_of(path).lower() in _NAMES]


def _names_files(folder: Folder, path: str) -> bool:
    return any(map(is_file_column, _columns(folder, path)))


def _count_described(folder: Folder, path: str) -> int:
    """About how many files have a row in one file."""
    top = f"{parent(path)}/" if parent(path) else ""
    below = sum(each.startswith(top) for each in folder.media)
    return min(below, count_lines(folder, path))


def is_file_column(name: str) -> bool:
    return name == FILE or name.endswith(f"_{FILE}")


def read_rows(reading: Reading, paths: Iterable[str]) -> FileRows:
    found = FileRows(reading.folder.media, reading.ledger)
    for path in paths:
        reading.used.add(path)
        try:
            for row in _rows(reading, path):
                _add(found, row, path)
        except Unreadable as error:
            reading.ledger.unreadable(path, "metadata that cannot be read", str(error))
    return found


def masks_of(found: FileRows, path: str) -> Iterator[MaskFile]:
    """The masks that the row of a file names."""
    row = found.rows.get(path)
    for column in _mask_columns(row) if row else ():
        name = row.values[column] if row else None
        if row and name is not None and (mask := found.named(name, row.place, path, kind="masks")):
            yield MaskFile(column.removesuffix(f"_{FILE}"), mask)


def add_row(entry: Entry, found: FileRows, ledger: Ledger) -> None:
    """What the row of a file says; without its names of files."""
    row = found.rows.get(entry.path)
    if row is None:
        return
    first = _file_column(row)
    others = {name: value for name, value in row.values.items() if name != first and name not in _mask_columns(row)}
    further = [name for name, value in others.items() if is_file_column(name) and value is not None]
    if further:
        ledger.notice("table cells", row.place, FURTHER, ", ".join(further), count=len(further))
    describe(entry, Row(row.place, others), ledger)


def gives_labels(found: FileRows) -> bool:
    return any(row.values.get(name) is not None for row in found.rows.values() for name in LABELS)


def _add(found: FileRows, row: Row, path: str) -> None:
    column = _file_column(row)
    if not column and any(name.endswith("file_names") for name in row.values):
        found.ledger.lose("table rows", row.place, FILES)
    else:
        found.add(row, column, path)


def _file_column(row: Row) -> str:
    """`file_name`, or else the first column such as `image_file_name` that is no mask."""
    masks = _mask_columns(row)
    named = [name for name in row.values if is_file_column(name) and name not in masks]
    return FILE if FILE in row.values else next(iter(named), "")


def _mask_columns(row: Row) -> list[str]:
    return [name for name in row.values if is_file_column(name) and name.startswith(_MASKS)]


def _rows(reading: Reading, path: str) -> Iterator[Row]:
    if path.lower().endswith(".csv"):
        for row in csv_rows.rows(reading.folder, path, reading.ledger, is_text=_is_text):
            yield Row(row.place, {name: _from_json(name, value) for name, value in row.values.items()})
        return
    for line in lines(reading.folder, path):
        if isinstance(line.value, dict):
            json_keys.tell(line.twice, line.place, reading.ledger)
            yield Row(line.place, line.value)
        else:
            reading.ledger.lose("table rows", line.place, "lines that are no JSON objects", line.error)


def _is_text(name: str) -> bool:
    return is_file_column(name) or name in {*CAPTIONS, *LABELS, OBJECTS, SPLIT}


def _from_json(name: str, value: Any) -> Any:
    """A cell with objects is JSON text; one that is none comes back as it is, and is refused later."""
    if name == OBJECTS and isinstance(value, str):
        try:
            return exact(value.encode())
        except ValueError:
            return value
    return value


def _columns(folder: Folder, path: str) -> Iterable[str]:
    if path.lower().endswith(".csv"):
        return csv_rows.header(folder, path)
    return {str(name) for value in first_values(folder, path) if isinstance(value, dict) for name in value}
