"""Times without a zone in a column: they are taken as UTC, and this is said once for each column."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

from hyperdatasets.core.query.dates import moment
from node.tables.column import Cells
from node.tables.notes import Notes, rows_shown
from node.tables.times import NO_ZONE

MIXED = "times with and without a zone in one column; those without are taken as UTC"
_TIME = re.compile(r"\d{4}-\d\d-\d\d.+", re.ASCII)  # a date alone has no zone
_ZONE = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d)$", re.ASCII)


def report_zones(cells: Cells, notes: Notes) -> None:
    """Names the first times without a zone of a column of dates or timestamps."""
    times = {text for text in cells.texts if _TIME.fullmatch(text) and moment(text) is not None}
    naive = {text for text in times if not _ZONE.search(text)}
    if naive:
        counts = Counter(cell for cell in cells.cells if isinstance(cell, str) and cell in naive)
        found = ((row, cell) for row, cell in zip(cells.rows, cells.cells, strict=True) if cell in naive)
        detail = rows_shown(islice(found, 3), counts.total())
        reason = MIXED if len(naive) < len(times) else NO_ZONE
        notes.notice(reason, detail, column=cells.name, count=counts.total(), kind="table cells")
