"""Private columns of frames from a CSV file whose first column names the file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.query.literals import boolean, number


def read(path: Path) -> dict[str, dict[str, Any]]:
    """File (relative path or bare name) -> columns.

    A column is integer, number or boolean if all its values are; empty cells are no values.

    Raises:
        InvalidArgument: it cannot be read, or a row has another number of cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidArgument(f"{path.name}: cannot be read as CSV: {error}") from None
    if not rows or len(rows[0]) < 2:
        raise InvalidArgument(f"{path.name}: expected a header with the file's name and at least one column")
    header, body = rows[0], [row for row in rows[1:] if row]
    for line, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise InvalidArgument(f"{path.name}, line {line}: {len(row)} cells, the header has {len(header)}")
    columns = {name: _typed([row[place] for row in body]) for place, name in enumerate(header) if place}
    return {
        row[0]: {name: values[line] for name, values in columns.items() if values[line] is not None}
        for line, row in enumerate(body)
    }


def _typed(cells: list[str]) -> list[Any]:
    present = [cell for cell in cells if cell]
    for kind in (boolean, number):
        if present and all(kind(cell) is not None for cell in present):
            return [kind(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]
