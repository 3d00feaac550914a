"""How a cell is spelled: a number, a boolean, a date, an identifier that looks like a number, a word for missing."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

from hyperdatasets.core.plain import INT64
from hyperdatasets.core.query.dates import moment

Cell = str | int | float | bool | None
"""A cell as it was read; blanks around texts are off, and None is an empty cell."""
Value = str | int | float | bool
Kind = Literal[
    "integer", "number", "boolean", "date", "text", "missing", "doubtful", "infinite",
    "leading zeros", "an exponent", "more than 64 bits", "a leading +", "inner blanks", "a decimal comma",
]  # fmt: skip

MISSING = frozenset({
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "n/a", "na", "nan", "null",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!",
})  # fmt: skip
"""Words that mean that there is no value: those of pandas without `None`, `na`, and the errors of spreadsheets."""
DOUBTFUL = frozenset({"none", "-", "--", "?", ".", *(word.casefold() for word in MISSING)})
"""Words, in any case, that mean the same among numbers, booleans or dates; among texts they are texts.

`None` is a grade of a finding, `Na` is sodium, `-` is a result of a test.
"""
NUMERIC: frozenset[Kind] = frozenset({"integer", "number"})
IDENTIFIER: frozenset[Kind] = frozenset(
    {"leading zeros", "an exponent", "more than 64 bits", "a leading +", "inner blanks", "a decimal comma"}
)
ABSENT: frozenset[Kind] = frozenset({"missing", "doubtful"})

_BOOLEANS = {"true": True, "false": False}
_YES_NO = {"yes": True, "no": False}
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_DECIMAL = re.compile(r"-?(?:(?:0|[1-9]\d*)\.\d*|\.\d+)", re.ASCII)
_ANY_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_WITH_BLANKS = re.compile(r"[+-]?\s*[0-9][0-9\s.,]*")
_WITH_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)?,\d+", re.ASCII)
_MAX_DIGITS = 400
_FLOAT_DIGITS = 17


class Spelled(NamedTuple):
    """What a cell is, and its value as that; texts and identifiers are their own value."""

    kind: Kind
    value: Value


def spelled(cell: Value) -> Spelled:
    """What a cell is if nobody says what type its column has."""
    if isinstance(cell, str):
        return _text(cell)
    if isinstance(cell, bool):
        return Spelled("boolean", cell)
    if isinstance(cell, int):
        return Spelled("integer" if cell in INT64 else "more than 64 bits", cell)
    if math.isnan(cell):
        return Spelled("missing", cell)
    return Spelled("number" if math.isfinite(cell) else "infinite", cell)


def text_of(cell: Value) -> str:
    """The text of a cell: as it was written, or the shortest one of a number."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell if isinstance(cell, str) else repr(cell)


def any_number(text: str) -> int | float | None:
    """The number that a text spells in any way: zeros before it, a sign, an exponent; None if it cannot be kept."""
    if len(text) > _MAX_DIGITS or not _ANY_NUMBER.fullmatch(text):
        return None
    if _WHOLE.fullmatch(text) and int(text) in INT64:
        return int(text)
    number = float(text)
    exact = not _WHOLE.fullmatch(text) or (math.isfinite(number) and number == int(text))
    return number if exact and math.isfinite(number) else None


def loses_digits(text: str) -> bool:
    """Whether a number with a point or an exponent has more digits than a floating-point number keeps."""
    mantissa = text.casefold().partition("e")[0].lstrip("+-")
    return not _WHOLE.fullmatch(text) and len(mantissa.replace(".", "").strip("0")) > _FLOAT_DIGITS


def boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text.casefold())


def any_boolean(text: str) -> bool | None:
    """The boolean that a text spells in any way, if the operator says that it is one."""
    return (_BOOLEANS | _YES_NO).get(text.casefold())


def _text(text: str) -> Spelled:
    if text in MISSING or text.casefold() in DOUBTFUL:
        return Spelled("missing" if text in MISSING else "doubtful", text)
    if _INTEGER.fullmatch(text):
        return _whole(text)
    if _DECIMAL.fullmatch(text):
        return _decimal(text)
    if (truth := boolean(text)) is not None:
        return Spelled("boolean", truth)
    is_date = text[:4].isdigit() and moment(text) is not None
    return Spelled("date" if is_date else _identifier(text), text)


def _whole(text: str) -> Spelled:
    if len(text) <= _MAX_DIGITS and (whole := int(text)) in INT64:
        return Spelled("integer", whole)
    return Spelled("more than 64 bits", text)


def _decimal(text: str) -> Spelled:
    """A decimal number; one whose whole part does not fit 64 bits is an identifier."""
    whole = text.partition(".")[0].removeprefix("-") or "0"
    if len(whole) > _MAX_DIGITS or int(whole) not in INT64:
        return Spelled("more than 64 bits", text)
    return Spelled("number", float(text))


def _identifier(text: str) -> Kind:
    """Why a text that looks like a number is none; `text` if it does not look like one."""
    if _ANY_NUMBER.fullmatch(text):
        if "e" in text.casefold():
            return "an exponent"
        return "a leading +" if text[0] == "+" else "leading zeros"
    if _WITH_COMMA.fullmatch(text):
        return "a decimal comma"
    if _WITH_BLANKS.fullmatch(text) and any(char.isspace() for char in text):
        return "inner blanks"
    return "text"
