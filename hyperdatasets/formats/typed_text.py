"""Cells of a CSV file as values: a column at a time, and only where no character of a cell can be lost."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hyperdatasets.formats.ledger import Ledger

Value = str | int | float | bool | None
MISSING = "cells such as NA in a column of numbers, read as missing"
MIXED = "columns of numbers and other texts, kept as text"
_NOTHING = frozenset({"NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "-"})
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_POWER = re.compile(r"-?[0-9](\.[0-9]+[eE][+-]?|[eE][+-])[0-9]{1,3}")  # 1E2 may be a name
_DIGITS = 17  # of a number that a double holds
_BOOLEANS = {"true": True, "false": False}


def typed(cells: Sequence[str], place: str, ledger: Ledger) -> list[Value]:
    """The values of a column; None for an empty cell.

    Whole numbers, decimal numbers and true/false become such values if all cells are; `007` and numbers with more
    digits than a double keep are names, and the column stays text.
    """
    given = [cell for cell in cells if cell]
    if given and all(cell.lower() in _BOOLEANS for cell in given):
        return [_BOOLEANS.get(cell.lower()) for cell in cells]
    others = [cell for cell in given if not _is_number(cell)]
    if len(others) < len(given) and all(cell in _NOTHING for cell in others):
        if others:
            ledger.notice("table cells", place, MISSING, others[0], count=len(others))
        return [_number(cell) if _is_number(cell) else None for cell in cells]
    if others and len(others) < len(given):
        ledger.notice("table cells", place, MIXED, f"`{others[0][:40]}`")
    return [cell or None for cell in cells]


def _is_number(cell: str) -> bool:
    if _WHOLE.fullmatch(cell):
        return cell != "-0"
    digits = sum(char.isdigit() for char in cell)
    return digits <= _DIGITS and bool(_NUMBER.fullmatch(cell) or (_POWER.fullmatch(cell) and _finite(cell)))


def _finite(cell: str) -> bool:
    return abs(float(cell)) < float("inf")


def _number(cell: str) -> int | float:
    return int(cell) if _WHOLE.fullmatch(cell) else float(cell)
