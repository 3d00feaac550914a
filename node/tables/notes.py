"""Notes of a table, written into a ledger: the place is the table, with a row or a column in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hyperdatasets.core.advice import option
from hyperdatasets.formats.ledger import SHOWN, Kind, Ledger, Note

MOST_NAMED = 10_000  # places of each reason and column
_MAX_SHOWN = 40  # characters of a cell in a message


class Notes:
    """Writes the notes of one table; where a reason has very many places, the last note counts those not named.

    Attributes:
        name: of the table, for messages.
        lost: how many rows and cells are not used.
    """

    def __init__(self, name: str, ledger: Ledger) -> None:
        self.name, self.ledger = name, ledger
        self.lost: Counter[Kind] = Counter()
        self._named: Counter[tuple[str, str]] = Counter()
        self._further: dict[tuple[str, str], Note] = {}

    def lose(
        self, reason: str, detail: str = "", *, row: int = 0, column: str = "", count: int = 1,
        kind: Kind = "table rows",
    ) -> None:  # fmt: skip
        """Something of the table is not used."""
        self.lost[kind] += count
        self._add(column, Note(kind, _place(self.name, row, column), reason, detail, count))

    def notice(
        self, reason: str, detail: str = "", *, row: int = 0, column: str = "", place: str = "", count: int = 1,
        kind: Kind = "table rows",
    ) -> None:  # fmt: skip
        """Something is used, but changed or guessed; `place` is where, if not in the table."""
        where = place or _place(self.name, row, column)
        self._add(column, Note(kind, where, reason, detail, count, "noticed"))

    def close(self) -> None:
        """Counts the places that were not named; called when the table was read."""
        for note in self._further.values():
            self.ledger.add(note)
        self._further.clear()

    def _add(self, column: str, note: Note) -> None:
        key = (note.reason, column)
        self._named[key] += 1
        if self._named[key] <= MOST_NAMED:
            self.ledger.add(note)
            return
        before = self._further.get(key)
        place = f"{_place(self.name, 0, column)}, further places"
        self._further[key] = replace(note, place=place, detail="", count=note.count + (before.count if before else 0))


def read_as(column: str, kind: str) -> str:
    """Advice to read a column as another kind."""
    return option("column_type", f"{column}={kind}")


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
