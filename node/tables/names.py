"""Columns that an operator names, and the column that names the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.names import did_you_mean, nearest
from node.tables.column import COLUMN_TYPES, ColumnType
from node.tables.notes import Notes, read_as, shown

FILE_NAMES = ("file", "filename", "file_name", "filepath", "file_path", "path", "image")
_FILE_COLUMN = "the column that names the files"
_SYNONYMS: Mapping[str, ColumnType] = {
    "str": "text", "string": "text", "int": "integer", "float": "number", "double": "number", "bool": "boolean",
    "datetime": "date", "timestamp": "date",
}  # fmt: skip


def file_column(names: Sequence[str], notes: Notes) -> str:
    """The first column, or else a column that is called like one of `FILE_NAMES`."""
    folded = {name.casefold(): name for name in reversed(names)}
    if names[0].casefold() in FILE_NAMES:
        return names[0]
    found = next((folded[name] for name in FILE_NAMES if name in folded), names[0])
    place = "the first one" if found == names[0] else "not the first one, by its name"
    notes.notice(_FILE_COLUMN, f"it is {shown(found)}, {place}")
    return found


def known_column(name: str, option: str, names: Sequence[str], table: str) -> str:
    """The column of this name; empty for none.

    Raises:
        InvalidArgument: there is no such column; with the nearest names.
    """
    stripped = name.strip()
    if not stripped or stripped in names:
        return stripped
    alike = [each for each in names if _squeezed(each) == _squeezed(name)]
    close = alike or nearest(stripped, [each for each in names if each])
    listed = "" if close else f" It has: {', '.join(map(shown, names[:20]))}{', …' if len(names) > 20 else ''}."
    message = f"{option}: {table} has no column {shown(stripped)}.{did_you_mean(map(shown, close))}{listed}"
    raise InvalidArgument(message, nearest=", ".join(close))


def known_types(
    types: Mapping[str, str], names: Sequence[str], *, file: str, context: str, table: str
) -> dict[str, ColumnType]:
    """Column -> the type that the operator gave it.

    Raises:
        InvalidArgument: there is no such column or type, or the column is always text.
    """
    found: dict[str, ColumnType] = {}
    for name, word in types.items():
        column = known_column(name, "`option column_type`", names, table)
        found[column] = _type(column, word)
        if column in {file, context} and found[column] != "text":
            use = (
                "use `option context_as=integer` to rewrite `5.0` as `5`" if column == context else "it names the files"
            )
            raise InvalidArgument(f"`option column_type`: the column {shown(column)} is always text; {use}")
    return found


def _type(column: str, word: str) -> ColumnType:
    for allowed in COLUMN_TYPES:
        if word.strip().casefold() == allowed:
            return allowed
    synonym = _SYNONYMS.get(word.strip().casefold())
    close = [synonym] if synonym else nearest(word, COLUMN_TYPES)
    listed = ", ".join(COLUMN_TYPES)
    message = f"{read_as(column, word[:40])}: there is no such type; there are {listed}.{did_you_mean(close)}"
    raise InvalidArgument(message, nearest=", ".join(close))


def _squeezed(name: str) -> str:
    return "".join(name.split()).casefold()
