"""Context ids from a column: their texts, and what differs from the context ids that are known already."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.formats.ledger import SHOWN
from node.tables.column import Cells, Column, report_bad
from node.tables.limits import MAX_CONTEXT
from node.tables.notes import Notes, shown
from node.tables.spelling import Cell, Value

ContextAs = Literal["", "integer", "text"]
CONTEXT_AS: tuple[ContextAs, ...] = get_args(ContextAs)
_SPELLED_OTHERWISE = "context ids that differ only in how a number is spelled"
_POINT_ZERO = "all context ids are whole numbers with `.0`"
_REWRITTEN = "context ids were rewritten as whole numbers"
_FROM_FLOATS = "context ids stored as floating-point numbers are read as whole numbers"
_INEXACT = "context ids stored as floating-point numbers may have lost digits"
_INTEGRAL = re.compile(r"(-?(?:0|[1-9]\d*))\.0*", re.ASCII)
_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?", re.ASCII)
_DIGITS = 10**15  # a spreadsheet keeps 15 digits


class ContextChange(NamedTuple):
    """A known frame would get another context id."""

    file: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class ContextChanges:
    """How many known frames would change their context, and the first of them."""

    count: int
    examples: tuple[ContextChange, ...]


class Spellings(NamedTuple):
    """Two context ids that are the same number; `other` is the one of the table."""

    one: str
    other: str


def check_context_as(word: str) -> ContextAs:
    """Returns the word, or says which there are."""
    if word not in CONTEXT_AS:
        close = did_you_mean(nearest(word, CONTEXT_AS[1:]))
        raise InvalidArgument(f"`option context_as`: expected `integer` or `text`, got {shown(word)}.{close}")
    return CONTEXT_AS[CONTEXT_AS.index(word)]


def context_column(cells: Cells, column: Column, context_as: ContextAs, notes: Notes) -> Column:
    """The context column as context ids: as written, but see `context_as`; too long ones are reported and absent.

    Args:
        column: the same cells as text, without missing words.
    """
    values = [
        None if value is None or cell is None else _text(cell, value, context_as)
        for cell, value in zip(cells.cells, column.values, strict=True)
    ]
    _report_floats(cells, context_as, notes)
    unread = set()
    for index, (row, value) in enumerate(zip(cells.rows, values, strict=True)):
        if value is not None and (why := _problem(value)):
            report_bad(notes, row, cells.name, value, why)
            values[index] = None
            unread.add(row)
    if context_as == "integer":
        _report_rewritten(cells, values, notes)
    elif not context_as:
        _report_point_zero(cells.name, values, notes)
    _report_spellings(spellings(value for value in values if value), notes)
    return replace(column, values=values, unread=frozenset(unread))


def context_changes(known: Iterable[tuple[str, str]], now: Mapping[str, str]) -> ContextChanges:
    """Which frames have another context in `now`; files that have one in only one of both are left out.

    Args:
        known: file and context id of each frame that is registered; empty = none.
        now: file -> context id that it would get; empty = none, and the frame keeps its own.
    """
    found = (
        ContextChange(file, before, text)
        for file, before in known
        if before and (text := now.get(file, "")) and before != text
    )
    count, examples = 0, list[ContextChange]()
    for change in found:
        count += 1
        if count <= SHOWN:
            examples.append(change)
    return ContextChanges(count, tuple(examples))


def spellings(ids: Iterable[str], known: Iterable[str] = ()) -> tuple[Spellings, ...]:
    """Pairs of different texts that are the same number, such as `5.0` and `5`, `05` and `5`.

    Args:
        ids: context ids of the table; they are compared with each other and with `known`.
        known: context ids that the dataset has.
    """
    first: dict[tuple[str, str, int], str] = {}
    for text in dict.fromkeys(known):
        if (number := _number(text)) is not None:
            first.setdefault(number, text)
    seen = set(first.values())
    pairs = []
    for text in dict.fromkeys(ids):
        if (number := _number(text)) is None or text in seen:
            continue
        one = first.setdefault(number, text)
        if one != text:
            pairs.append(Spellings(one, text))
    return tuple(pairs)


def _report_spellings(pairs: tuple[Spellings, ...], notes: Notes) -> None:
    if not pairs:
        return
    listed = ", ".join(f"{shown(one)} and {shown(other)}" for one, other in pairs[:SHOWN])
    is_integral = any(_INTEGRAL.fullmatch(text) for pair in pairs for text in pair)
    hint = "; they are different contexts" + ("; `option context_as=integer` reads `5.0` as `5`" if is_integral else "")
    notes.notice(_SPELLED_OTHERWISE, listed + hint, count=len(pairs), kind="table cells")


def _text(cell: Cell, value: Value, context_as: ContextAs) -> str:
    if isinstance(cell, float) and cell.is_integer() and context_as != "text":
        return str(int(cell))
    if context_as == "integer" and isinstance(value, str) and (match := _INTEGRAL.fullmatch(value)):
        return match[1]
    return str(value)


def _problem(text: str) -> str:
    if len(text) > MAX_CONTEXT:
        return f"has {len(text)} characters; a context id has at most {MAX_CONTEXT}"
    if not text.isprintable() and any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        return "has control characters, which a context id cannot have"
    return ""


def _report_floats(cells: Cells, context_as: ContextAs, notes: Notes) -> None:
    whole = [cell for cell in cells.cells if isinstance(cell, float) and cell.is_integer()]
    if whole and context_as == "":
        detail = f"such as {shown(whole[0])}; `option context_as=text` keeps the point"
        notes.notice(_FROM_FLOATS, detail, column=cells.name, count=len(whole), kind="table cells")
    wide = [cell for cell in whole if abs(cell) >= _DIGITS]
    if wide:
        detail = f"such as {shown(wide[0])}; store identifiers as text"
        notes.notice(_INEXACT, detail, column=cells.name, count=len(wide), kind="table cells")


def _report_point_zero(name: str, values: list[str | None], notes: Notes) -> None:
    """Programs such as pandas write whole numbers so if some are missing."""
    present = [value for value in values if value]
    if present and all(map(_INTEGRAL.fullmatch, present)):
        detail = (
            f"such as {shown(present[0])}; `option context_as=integer` reads `5.0` as `5`, `text` keeps them silently"
        )
        notes.notice(_POINT_ZERO, detail, column=name, count=len(present), kind="table cells")


def _report_rewritten(cells: Cells, values: list[str | None], notes: Notes) -> None:
    changed = [
        (cell, value)
        for cell, value in zip(cells.cells, values, strict=True)
        if cell is not None and value is not None and not isinstance(cell, int) and str(cell) != value
    ]
    if changed:
        detail = f"such as {shown(changed[0][0])} as {shown(changed[0][1])}"
        notes.notice(_REWRITTEN, detail, column=cells.name, count=len(changed), kind="table cells")


def _number(text: str) -> tuple[str, str, int] | None:
    """Sign, digits without zeros around them, and exponent of a number; None for other texts."""
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    whole, fraction = match[2], match[3] or ""
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    if not stripped:
        return "", "0", 0
    return "-" * (match[1] == "-"), stripped, int(match[4] or 0) - len(fraction) + len(digits) - len(stripped)
