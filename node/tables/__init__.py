"""Tables of a site: private columns of frames from CSV, Parquet and Excel files."""

from node.tables.changes import TypeChange, type_changes, type_notes
from node.tables.column import Column, ColumnType
from node.tables.contexts import (
    ContextChange,
    ContextChanges,
    Spellings,
    context_changes,
    spelling_notes,
    spellings,
)
from node.tables.matching import Counts, Matched, match
from node.tables.notes import Note, Report
from node.tables.table import Row, Table, read

__all__ = [
    "Column",
    "ColumnType",
    "ContextChange",
    "ContextChanges",
    "Counts",
    "Matched",
    "Note",
    "Report",
    "Row",
    "Spellings",
    "Table",
    "TypeChange",
    "context_changes",
    "match",
    "read",
    "spelling_notes",
    "spellings",
    "type_changes",
    "type_notes",
]
