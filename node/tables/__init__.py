"""Tables of a site: private columns of frames from CSV, Parquet and Excel files."""

from node.tables.changes import TypeChange, report_changes, type_changes
from node.tables.column import Column, ColumnType
from node.tables.contexts import (
    ContextChange,
    ContextChanges,
    Spellings,
    context_changes,
    spellings,
)
from node.tables.matching import Counts, Matched, match
from node.tables.notes import Notes, shown
from node.tables.table import Row, Table, read

__all__ = [
    "Column",
    "ColumnType",
    "ContextChange",
    "ContextChanges",
    "Counts",
    "Matched",
    "Notes",
    "Row",
    "Spellings",
    "Table",
    "TypeChange",
    "context_changes",
    "match",
    "read",
    "report_changes",
    "shown",
    "spellings",
    "type_changes",
]
