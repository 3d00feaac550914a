"""Rows of CSV files, with values typed a column at a time."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from hyperdatasets.formats.folder import Folder, Unreadable, name_of
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.rows import Row
from hyperdatasets.formats.typed_text import Value, typed

LONGER = "cells beyond the last column of the header"
SHORTER = "rows with fewer cells than the header; the others are missing"
NAMELESS = "columns without a name, or with the name of another one"
_SEPARATORS = ",;\t|"
_CELL_ENDS = re.compile(r'[,;\t|"\r\n]+')
_FEW = 48  # of more tables each may be data itself


def rows(folder: Folder, path: str, ledger: Ledger, *, is_text: Callable[[str], bool]) -> list[Row]:
    """All rows of a file; an empty cell is absent.

    Args:
        is_text: whether a column is text whatever its cells look like.

    Raises:
        Unreadable: it is no CSV file.
    """
    header, *lines = _lines(folder.text(path)) or [(1, [])]
    names = [name.strip() for name in header[1]]
    body = [(number, _fitted(cells, len(names), f"{path}, line {number}", ledger)) for number, cells in lines]
    columns: dict[str, Sequence[Value]] = {}
    for place, name in enumerate(names):
        cells = [line[place] for _, line in body]
        if not name or name in columns:
            if count := sum(map(bool, cells)):
                ledger.lose("table cells", f"{path}, column {place + 1}", NAMELESS, name, count=count)
        elif is_text(name):
            columns[name] = [cell or None for cell in cells]
        else:
            columns[name] = typed(cells, f"{path}, column `{name[:60]}`", ledger)
    return [
        Row(f"{path}, line {number}", {name: values[index] for name, values in columns.items()})
        for index, (number, _) in enumerate(body)
    ]


def header(folder: Folder, path: str) -> list[str]:
    """Names of the columns; none if the file cannot be read as CSV."""
    content = folder.head(path, 1 << 16)
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        found = _lines(_first_line(content.decode(encoding, "ignore").replace("\r", "\n")))
    except Unreadable:
        return []
    return [name.strip() for name in found[0][1]] if found else []


def naming_media(folder: Folder) -> list[str]:
    """Tables whose beginning names a file of the folder, with or without its suffix."""
    tables = folder.with_suffix(".csv", ".tsv")
    return [path for path in tables if _names_media(folder, path)] if len(tables) <= _FEW and folder.media else []


def _names_media(folder: Folder, path: str) -> bool:
    cells = map(str.strip, _CELL_ENDS.split(folder.head(path).decode("utf-8", "replace")))
    return any(
        name_of(cell) in folder.by_name or (_may_be_stem(cell) and name_of(cell) in folder.by_stem)
        for cell in cells if cell
    )  # fmt: skip


def _may_be_stem(cell: str) -> bool:
    """Not just a word, and no number that counts something."""
    return len(cell) > 3 and any(map(str.isdigit, cell)) and (not cell.isdigit() or cell.startswith("0"))


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Lines that are not empty, with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        return list(_numbered(reader))
    except csv.Error as error:
        raise Unreadable(f"is no CSV file: {error}") from None


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    number = 1
    for cells in reader:
        if any(cells):
            yield number, cells
        number = reader.line_num + 1  # type: ignore[attr-defined]  # of csv.reader


def _separator(text: str) -> str:
    return max(_SEPARATORS, key=_first_line(text).count)


def _first_line(text: str) -> str:
    return next((line for line in text.split("\n") if line.strip()), "")


def _fitted(cells: list[str], length: int, place: str, ledger: Ledger) -> list[str]:
    beyond = sum(map(bool, cells[length:]))
    if beyond:
        ledger.lose("table cells", place, LONGER, count=beyond)
    if len(cells) < length:
        ledger.notice("table cells", place, SHORTER, f"{len(cells)} of {length}")
    return [*cells[:length], *[""] * (length - len(cells))]
