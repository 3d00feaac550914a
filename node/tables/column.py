"""A column of a table: its type, found in its cells or given by the operator, and its values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, get_args

from hyperdatasets.core.query.dates import moment
from node.tables import spelling
from node.tables.notes import Notes, read_as, rows_shown, shown
from node.tables.spelling import ABSENT, NUMERIC, Cell, Kind, Spelled, Value, spelled, text_of

ColumnType = Literal["text", "integer", "number", "boolean", "date"]
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)

BAD_CELLS = "cells that do not fit the type of their column"
_MORE_DIGITS = "numbers with more than 17 digits, of which the others are lost"
_MADE_EQUAL = "different cells that are the same number"
_TAKEN_FOR_MISSING = "cells that were taken for missing"
_NO_VALUE = ABSENT | {"infinite"}
_KEPT_AS_TEXT = "words that may mean missing are kept as text"


@dataclass(frozen=True, slots=True)
class Column:
    """A column with one type for the whole table.

    Attributes:
        values: one for each row; None is absent.
        missing: words that were taken for missing, and how often.
        unread: numbers of the rows whose cell does not fit the type; they are absent.
    """

    name: str
    type: ColumnType
    values: Sequence[Value | None]
    missing: Mapping[str, int] = field(default_factory=dict)
    unread: frozenset[int] = frozenset()

    @property
    def present(self) -> int:
        """How many rows have a value."""
        return sum(value is not None for value in self.values)

    @property
    def empty(self) -> int:
        """How many cells are empty; those with a word for missing, and bad ones, do not count."""
        return len(self.values) - self.present - sum(self.missing.values()) - len(self.unread)


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a column, with their row numbers; what each different text is, is found once."""

    name: str
    cells: Sequence[Cell]
    rows: Sequence[int]
    texts: Mapping[str, Spelled]

    def spelled(self) -> Iterator[Spelled | None]:
        """What each cell is; None for empty ones."""
        for cell in self.cells:
            if cell is None:
                yield None
            else:
                yield self.texts[cell] if isinstance(cell, str) else spelled(cell)

    def kinds(self) -> set[Kind]:
        """All kinds that occur."""
        plain = {spelled(cell).kind for cell in self.cells if cell is not None and not isinstance(cell, str)}
        return {each.kind for each in self.texts.values()} | plain

    def counts(self) -> Counter[Kind]:
        """How many cells there are of each kind."""
        return Counter(each.kind for each in self.spelled() if each is not None)

    def values(self, value: Callable[[Spelled, Value], Value | None]) -> list[Value | None]:
        """A value for each cell; what a text becomes is found once."""
        of_text = {text: value(each, text) for text, each in self.texts.items()}
        return [
            None if cell is None else of_text[cell] if isinstance(cell, str) else value(spelled(cell), cell)
            for cell in self.cells
        ]

    def words(self, kinds: frozenset[Kind]) -> Counter[str]:
        """How often each text of some kinds occurs; NaN of a typed file is such a text."""
        wanted = {text for text, each in self.texts.items() if each.kind in kinds}
        found = (
            Counter(cell for cell in self.cells if isinstance(cell, str) and cell in wanted) if wanted else Counter()
        )
        nan = sum(isinstance(cell, float) and math.isnan(cell) for cell in self.cells) if "missing" in kinds else 0
        return found + Counter({"NaN": nan})

    def of(self, is_wanted: Callable[[Kind], bool]) -> Iterator[tuple[int, Cell]]:
        """Rows and cells of some kinds."""
        for row, cell, each in zip(self.rows, self.cells, self.spelled(), strict=True):
            if each is not None and is_wanted(each.kind):
                yield row, cell


def cells_of(name: str, cells: Sequence[Cell], rows: Sequence[int], *, is_spelled: bool = True) -> Cells:
    """Args: is_spelled: somebody will ask what the cells are."""
    different = {cell for cell in cells if isinstance(cell, str)} if is_spelled else ()
    return Cells(name, cells, rows, {text: spelled(text) for text in different})


def type_of(kinds: Iterable[Kind]) -> ColumnType:
    """The type that all present cells have; text if there is none."""
    present = set(kinds) - ABSENT - {"infinite"}
    if present == {"integer"}:
        return "integer"
    if present and present <= NUMERIC:
        return "number"
    if present == {"boolean"}:
        return "boolean"
    return "date" if present == {"date"} else "text"


def found(cells: Cells, kind: ColumnType, notes: Notes) -> Column:
    """The column with a type that all its cells have."""
    if kind == "text":
        return text(cells, notes)
    values = cells.values(lambda each, _: None if each.kind in _NO_VALUE else each.value)
    missing = cells.words(ABSENT)
    bad = list(cells.of(lambda each: each == "infinite")) if "infinite" in cells.kinds() else []
    for row, cell in bad:
        report_bad(notes, row, cells.name, cell, "is no number")
    _report_missing(notes, cells.name, missing, "")
    _report_digits(cells, values, notes)
    _report_equal(cells, values, notes)
    return Column(cells.name, kind, values, missing, frozenset(row for row, _ in bad))


def text(cells: Cells, notes: Notes) -> Column:
    """The column as text; missing words are absent, doubtful ones are kept."""
    values = cells.values(lambda each, cell: None if each.kind == "missing" else text_of(cell))
    missing, doubtful = cells.words(frozenset({"missing"})), cells.words(frozenset({"doubtful"}))
    hint = f"; {read_as(cells.name, 'text')} keeps them as they are written"
    _report_missing(notes, cells.name, missing, hint)
    if doubtful:
        notes.notice(_KEPT_AS_TEXT, _counted(doubtful), column=cells.name, count=doubtful.total(), kind="table cells")
    return Column(cells.name, "text", values, missing)


def given(cells: Cells, kind: ColumnType, notes: Notes) -> Column:
    """The column with the type that the operator gave; cells that do not fit are reported and absent."""
    if kind == "text":
        return Column(cells.name, kind, list(map(_as_written, cells.cells)))
    read = _READ[kind]
    values = cells.values(lambda each, cell: None if each.kind in ABSENT else read(cell))
    missing = cells.words(ABSENT)
    count = sum(value is None for value in values) - missing.total() - sum(cell is None for cell in cells.cells)
    bad = list(_unread(cells, values)) if count else []
    why = f"is no {kind}{_IS_LIMITED.get(kind, '')}; {read_as(cells.name, 'text')} keeps it"
    for row, cell in bad:
        report_bad(notes, row, cells.name, cell, why)
    _report_missing(notes, cells.name, missing, "")
    _report_digits(cells, values, notes)
    _report_equal(cells, values, notes)
    return Column(cells.name, kind, values, missing, frozenset(row for row, _ in bad))


def _unread(cells: Cells, values: Sequence[Value | None]) -> Iterator[tuple[int, Cell]]:
    """Rows and cells that are neither empty nor missing, and have no value."""
    for row, cell, value, each in zip(cells.rows, cells.cells, values, cells.spelled(), strict=True):
        if value is None and each is not None and each.kind not in ABSENT:
            yield row, cell


def report_bad(notes: Notes, row: int, name: str, cell: Cell, why: str) -> None:
    detail = f"column {shown(name)}: {shown(cell)} {why}"
    notes.lose(BAD_CELLS, detail, row=row, column=name, kind="table cells")


def _number(cell: Value) -> Value | None:
    if isinstance(cell, str):
        return spelling.any_number(cell)
    if isinstance(cell, bool) or not math.isfinite(cell):
        return None
    return spelling.any_number(repr(cell))


def _integer(cell: Value) -> Value | None:
    number = _number(cell)
    if isinstance(number, float):
        return int(number) if number.is_integer() and abs(number) < 1 << 53 else None
    return number


def _boolean(cell: Value) -> Value | None:
    return cell if isinstance(cell, bool) else spelling.any_boolean(text_of(cell))


def _date(cell: Value) -> Value | None:
    return cell if isinstance(cell, str) and moment(cell) is not None else None


_READ: Mapping[ColumnType, Callable[[Value], Value | None]] = {
    "integer": _integer, "number": _number, "boolean": _boolean, "date": _date,
}  # fmt: skip
_IS_LIMITED: Mapping[ColumnType, str] = {
    "integer": " of 64 bits", "boolean": " (true, false, yes or no)", "date": " (YYYY-MM-DD or RFC 3339)",
}  # fmt: skip


def _as_written(cell: Cell) -> str | None:
    """The text of a cell; NaN of a typed file is an empty cell."""
    return None if cell is None or (isinstance(cell, float) and math.isnan(cell)) else text_of(cell)


def _report_missing(notes: Notes, name: str, missing: Counter[str], hint: str) -> None:
    if missing:
        detail = _counted(missing) + hint
        notes.notice(_TAKEN_FOR_MISSING, detail, column=name, count=missing.total(), kind="table cells")


def _report_digits(cells: Cells, values: Sequence[Value | None], notes: Notes) -> None:
    """Names the cells of which a number keeps 17 digits only."""
    longer = {text for text in cells.texts if spelling.loses_digits(text)}
    rows = zip(cells.rows, cells.cells, values, strict=True) if longer else ()
    found = [(row, cell) for row, cell, value in rows if cell in longer and isinstance(value, float)]
    if found:
        detail = f"{rows_shown(found, len(found))}; {read_as(cells.name, 'text')} keeps all"
        notes.notice(_MORE_DIGITS, detail, column=cells.name, count=len(found), kind="table cells")


def _report_equal(cells: Cells, values: Sequence[Value | None], notes: Notes) -> None:
    """Names the cells that differ and become the same number: `1.1` and `1.10` may be versions."""
    spellings: dict[Value, set[str]] = {0: {"0"}} if "-0" in cells.texts else {}
    for cell, value in zip(cells.cells, values, strict=True):
        if isinstance(cell, str) and value is not None and not isinstance(value, bool | str):
            spellings.setdefault(value, set()).add(cell)
    equal = [sorted(texts) for texts in spellings.values() if len(texts) > 1]
    if equal:
        doubtful = set(chain.from_iterable(equal))
        count = sum(cell in doubtful for cell in cells.cells)
        pairs = ", ".join(f"{shown(texts[0])} and {shown(texts[1])}" for texts in equal[:3])
        rest = f" and {len(equal) - 3} more" if len(equal) > 3 else ""
        detail = f"{pairs}{rest}; {read_as(cells.name, 'text')} keeps them apart"
        notes.notice(_MADE_EQUAL, detail, column=cells.name, count=count, kind="table cells")


def _counted(words: Counter[str]) -> str:
    return ", ".join(f"{shown(word)} {count} times" if count > 1 else f"{shown(word)} once" for word, count in
                     words.most_common(20))  # fmt: skip
