"""A table as it lies in a file: a header, and rows with the place where an editor shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.tables.spelling import Cell

SheetRow = tuple[int, Sequence[Cell]]
"""Row number from 1, and cells."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a reader of a file format gives.

    Attributes:
        header: names as they were written; one for each column.
        rows: read once, in order.
        is_typed: the file says which cells are texts and which are numbers.
    """

    header: Sequence[str]
    rows: Iterator[SheetRow]
    is_typed: bool
