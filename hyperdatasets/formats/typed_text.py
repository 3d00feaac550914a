"""Cells of a CSV file as values: a column at a time, and only where different numbers stay different."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from hyperdatasets.formats.ledger import Ledger

Value = str | int | float | bool | None
MISSING = "cells such as NA in a column of numbers, read as missing"
MIXED = "columns of numbers and other texts, kept as text"
SHORTENED = "numbers written with more characters than they need (0.50, 1.5e3), read as numbers"
AMBIGUOUS = "columns of numbers that may be names (1.1 and 1.10), kept as text"
SPELLINGS = "true and false in several spellings, read as one"
_NOTHING = frozenset({"NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "-"})
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.([0-9]+)")
_POWER = re.compile(r"-?[0-9](\.[0-9]+[eE][+-]?|[eE][+-])[0-9]{1,3}")  # 1E2 may be a name
_BOOLEANS = {"true": True, "false": False}


def typed(cells: Sequence[str], place: str, ledger: Ledger) -> list[Value]:
    """The values of a column; None for an empty cell.

    Whole numbers, decimal numbers and true/false become such values if all cells are, and no two different numbers
    would become equal; `007` and numbers with more digits than a double keeps are names, and the column stays text.
    """
    given = list(dict.fromkeys(cell for cell in cells if cell))
    if given and all(cell.lower() in _BOOLEANS for cell in given):
        if len(given) > len(_BOOLEANS):
            ledger.notice("table cells", place, SPELLINGS, ", ".join(f"`{cell}`" for cell in given))
        return [_BOOLEANS.get(cell.lower()) for cell in cells]
    others = [cell for cell in given if not _is_number(cell)]
    numbers = [cell for cell in given if _is_number(cell)]
    if numbers and all(cell in _NOTHING for cell in others):
        return _numbers(cells, numbers, place, ledger)
    if numbers:
        ledger.notice("table cells", place, MIXED, f"`{others[0][:40]}`")
    return _texts(cells)


def _numbers(cells: Sequence[str], numbers: Sequence[str], place: str, ledger: Ledger) -> list[Value]:
    if _may_be_names(numbers):
        ledger.notice("table cells", place, AMBIGUOUS, ", ".join(f"`{cell[:20]}`" for cell in numbers[:3]))
        return _texts(cells)
    known = {cell: _number(cell) for cell in numbers}
    if missing := [cell for cell in cells if cell and cell not in known]:
        ledger.notice("table cells", place, MISSING, missing[0], count=len(missing))
    longer = {cell for cell, value in known.items() if repr(value) != cell}
    if shortened := [cell for cell in cells if cell in longer]:
        ledger.notice("table cells", place, SHORTENED, f"`{shortened[0]}`", count=len(shortened))
    return [known.get(cell) for cell in cells]


def _may_be_names(numbers: Sequence[str]) -> bool:
    """Whether different cells would become equal, or zeros at the end do not just fill up to a number of decimals."""
    decimals = [found[1] for cell in numbers if (found := _DECIMAL.fullmatch(cell))]
    filled = any(part != "0" and part.endswith("0") for part in decimals)
    some_equal = len({repr(_number(cell)) for cell in numbers}) < len(numbers)
    return some_equal or (filled and len(set(map(len, decimals))) > 1)


def _texts(cells: Sequence[str]) -> list[Value]:
    return [cell or None for cell in cells]


def _is_number(cell: str) -> bool:
    if _WHOLE.fullmatch(cell):
        return cell != "-0"
    return bool(_DECIMAL.fullmatch(cell) or _POWER.fullmatch(cell)) and Decimal(repr(float(cell))) == Decimal(cell)


def _number(cell: str) -> int | float:
    return int(cell) if _WHOLE.fullmatch(cell) else float(cell)


def is_missing(cell: str) -> bool:
    """Whether a cell says in one of the usual words that there is no value."""
    return cell in _NOTHING
