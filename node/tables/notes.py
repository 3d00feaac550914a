"""Notes of a table: what was not kept, and what was guessed or changed; at most ten of each kind are kept in full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

NoteKind = Literal["table rows", "table cells", "frames"]
SHOWN = 10  # places that are named of each reason and column
_MAX_SHOWN = 40  # characters of a cell in a message


@dataclass(frozen=True, slots=True)
class Note:
    """Something that an operator has to know about a table.

    Attributes:
        place: a table with a row or a column in it: `meta.csv, row 17`.
        reason: constant text for this kind of note; notes are grouped by it.
        detail: what is special about this one.
        count: how many rows, cells or frames it stands for.
        lost: whether something of the table is not used; else it is used, but changed or guessed.
        kind: what `count` counts.
    """

    place: str
    reason: str
    detail: str = ""
    count: int = 1
    lost: bool = False
    kind: NoteKind = "table rows"

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Report:
    """All notes of one reading; counts of equal reasons add up to the whole."""

    notes: tuple[Note, ...] = ()

    def count(self, reason: str) -> int:
        return sum(note.count for note in self.notes if note.reason == reason)

    @property
    def lost(self) -> int:
        """How many rows and cells are not used."""
        return sum(note.count for note in self.notes if note.lost)


class Notes:
    """Collects notes; from the eleventh of a reason and group on they are only counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._notes: list[Note] = []
        self._seen: dict[tuple[str, str], int] = {}
        self._more: dict[tuple[str, str], Note] = {}

    def add(
        self, reason: str, detail: str = "", *, row: int = 0, column: str = "", place: str = "", count: int = 1,
        lost: bool = False, kind: NoteKind = "table rows",
    ) -> None:  # fmt: skip
        """Adds a note about a row, a column or the whole table; those of one reason and column are one group."""
        key = (reason, column)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= SHOWN:
            where = place or _place(self.name, row, column)
            self._notes.append(Note(where, reason, detail, count, lost, kind))
            return
        before = self._more[key].count if key in self._more else 0
        about = f"column {shown(column)}: further ones" if column else "further ones"
        self._more[key] = Note(self.name, reason, about, before + count, lost, kind)

    def extend(self, notes: Iterable[Note]) -> None:
        self._notes.extend(notes)

    def report(self) -> Report:
        return Report((*self._notes, *self._more.values()))


def shown(value: object) -> str:
    """A cell or name in backquotes: printable, shortened."""
    text = str(value)
    printable = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:_MAX_SHOWN])
    return f"`{printable}{'…' if len(text) > _MAX_SHOWN else ''}`"


def rows_shown(cells: Iterable[tuple[int, object]], count: int) -> str:
    """The first rows of `count` with their cells: `row 17 (`unknown`), row 19 (`?`) and 3 more`."""
    first = [f"row {row} ({shown(cell)})" for _, (row, cell) in zip(range(SHOWN), cells, strict=False)]
    rest = f" and {count - len(first)} more" if count > len(first) else ""
    return ", ".join(first) + rest


def _place(name: str, row: int, column: str) -> str:
    if row:
        return f"{name}, row {row}"
    return f"{name}, column {shown(column)}" if column else name
