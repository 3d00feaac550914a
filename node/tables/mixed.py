"""Columns that are read as text though many of their cells are numbers, booleans or dates: what is said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice

from hyperdatasets.formats.ledger import SHOWN
from node.tables.column import Cells, ColumnType
from node.tables.notes import Notes, read_as, rows_shown
from node.tables.spelling import IDENTIFIER, Kind

MIXED = "columns that hold several types are read as text"
SPELLED = "columns of numbers are kept as text, because of how some are spelled"
STORED = "columns of numbers or booleans are stored as text, and kept so"

_TARGETS: Mapping[Kind, ColumnType] = {
    "integer": "number", "number": "number", "boolean": "boolean", "date": "date", **dict.fromkeys(IDENTIFIER, "number")
}  # fmt: skip
_PLURAL: Mapping[ColumnType, str] = {"number": "numbers", "boolean": "booleans", "date": "dates"}


def report_mixed(cells: Cells, counts: Counter[Kind], notes: Notes) -> None:
    """Says which cells made the column text, and how to read it otherwise."""
    targets: Counter[ColumnType] = Counter()
    for kind, count in counts.items():
        if kind in _TARGETS:
            targets[_TARGETS[kind]] += count
    if not targets:
        return
    target = targets.most_common(1)[0][0]
    others = counts["text"] + targets.total() - targets[target]
    if not others:
        _report_spelled(cells, counts, notes)
    elif others <= targets[target]:
        _report_others(cells, target, others, notes)
    else:
        _report_minority(cells, target, targets[target], notes)


def report_stored(cells: Cells, kind: ColumnType, notes: Notes) -> None:
    """A typed file says that the cells are text, though all of them could be something else."""
    detail = f"the file says text; ranges compare characters; {read_as(cells.name, kind)} reads {_plural(kind)}"
    notes.notice(STORED, detail, column=cells.name, kind="table cells")


def _report_spelled(cells: Cells, counts: Counter[Kind], notes: Notes) -> None:
    why = " and ".join(sorted(kind for kind in counts if kind in IDENTIFIER))
    odd = sum(counts[kind] for kind in IDENTIFIER)
    detail = f"{why} in {_first(cells, IDENTIFIER, odd)}; ranges compare characters; {_remedy(cells.name, counts)}"
    notes.notice(SPELLED, detail, column=cells.name, count=odd, kind="table cells")


def _remedy(name: str, counts: Counter[Kind]) -> str:
    if counts["a decimal comma"] or counts["inner blanks"]:
        return "to compare numbers, write them with a point and without blanks"
    return f"{read_as(name, 'number')} reads numbers"


def _report_others(cells: Cells, target: ColumnType, count: int, notes: Notes) -> None:
    odd = frozenset({"text", *(kind for kind, its in _TARGETS.items() if its != target)})
    what = "text" if count == cells.counts()["text"] else f"something else than {_PLURAL[target]}"
    those = "this cell" if count == 1 else f"these {count} cells"
    detail = (
        f"it holds {what} in {_first(cells, odd, count)}; it is read as text, so ranges compare characters; "
        f"{read_as(cells.name, target)} reads the others as {_PLURAL[target]} and leaves "
        f"{those} out"
    )
    notes.notice(MIXED, detail, column=cells.name, count=count, kind="table cells")


def _report_minority(cells: Cells, target: ColumnType, count: int, notes: Notes) -> None:
    odd = frozenset(kind for kind, its in _TARGETS.items() if its == target)
    detail = (
        f"it holds {_PLURAL[target]} in {_first(cells, odd, count)}; it is read as text, so ranges compare characters"
    )
    notes.notice(MIXED, detail, column=cells.name, count=count, kind="table cells")


def _first(cells: Cells, kinds: frozenset[Kind] | frozenset[str], count: int) -> str:
    return rows_shown(islice(cells.of(lambda kind: kind in kinds), SHOWN), count)


def _plural(kind: ColumnType) -> str:
    return "integers" if kind == "integer" else _PLURAL[kind]
