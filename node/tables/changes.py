"""Columns whose type differs between two deliveries of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.tables.notes import Notes, read_as

CHANGED_TYPES = "columns have another type than in an earlier table"
_NUMERIC = {"integer", "number"}


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A column that had another type in an earlier registration."""

    column: str
    before: str
    now: str

    @property
    def compares_alike(self) -> bool:
        """Integers and other numbers compare with each other; all other pairs of types do not."""
        return {self.before, self.now} <= _NUMERIC


def type_changes(known: Mapping[str, str], now: Mapping[str, str]) -> tuple[TypeChange, ...]:
    """The columns that both have with different types, also integer against number.

    Args:
        known: column -> type, from earlier registrations (`Table.types`).
        now: those of this table.
    """
    return tuple(TypeChange(name, known[name], kind) for name, kind in now.items() if known.get(name, kind) != kind)


def report_changes(changes: tuple[TypeChange, ...], notes: Notes) -> None:
    """Names the columns whose values do not compare with those of the earlier table."""
    for each in changes:
        if not each.compares_alike:
            hint = f"{read_as(each.column, each.before)} reads it as before"
            detail = f"it was {each.before} and is {each.now}; {hint}"
            notes.notice(CHANGED_TYPES, detail, column=each.column, kind="table cells")
