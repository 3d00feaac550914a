"""The data types of Croissant fields: cells of a CSV file as values of them, and values that do not fit."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from hyperdatasets.formats.croissant_document import Field
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.typed_text import MISSING, is_missing

NOT_OF_TYPE = "values that do not fit the `dataType` of their field, kept as they are"
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False}


class Types:
    """Reads the values of fields, and counts those that do not fit."""

    def __init__(self, *, texts: bool) -> None:
        """`texts`: the file has no types of its own, so that numbers are texts."""
        self._texts = texts
        self._misfits, self._missing = Counter[Field](), Counter[Field]()
        self._first: dict[Field, Any] = {}

    def value(self, field: Field, value: Any) -> Any:
        """The value in the type of its field, if no character is lost."""
        kind = next((kind for kind in _FITS if kind in field.kinds), "")
        if value is None or not kind:
            return value
        if self._texts and kind in _OF_TEXT:
            if kind in _NUMBERS and is_missing(value):
                self._missing[field] += 1
                return None
            value = _OF_TEXT[kind](value)
        if not all(map(_FITS[kind], value if isinstance(value, list) else [value])):
            self._misfits[field] += 1
            self._first.setdefault(field, value)
        return value

    def tell(self, place_of: Callable[[Field], str], ledger: Ledger) -> None:
        """Names each field with such values, once."""
        for field, count in self._missing.items():
            ledger.notice("table cells", place_of(field), MISSING, count=count)
        for field, count in self._misfits.items():
            detail = f"`{self._first[field]!s:.60}` is no {', '.join(sorted(field.kinds))}"
            ledger.notice("table cells", place_of(field), NOT_OF_TYPE, detail, count=count)


def _whole_of_text(text: str) -> int | str:
    return int(text) if _WHOLE.fullmatch(text) and text != "-0" else text


def _number_of_text(text: str) -> float | str:
    if isinstance(whole := _whole_of_text(text), int) or text == "-0" or not _NUMBER.fullmatch(text):
        return whole
    number = float(text)
    return number if isfinite(number) and Decimal(repr(number)) == Decimal(text) else text


def _boolean_of_text(text: str) -> bool | str:
    return _BOOLEANS.get(text.lower(), text)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_date(value: Any) -> bool:
    return isinstance(value, dt.date) or _parses(dt.datetime.fromisoformat, value)


def _is_time(value: Any) -> bool:
    return isinstance(value, dt.time) or _parses(dt.time.fromisoformat, value)


def _parses(parse: Callable[[str], object], value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse(value))
    except ValueError:
        return False


_WHOLES = ("Integer", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
_REALS = ("Float", "Number", "Float16", "Float32", "Float64")
_NUMBERS = frozenset({*_WHOLES, *_REALS})
_FITS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_WHOLES, _is_whole), **dict.fromkeys(_REALS, _is_number), "Boolean": _is_boolean,
    "Date": _is_date, "DateTime": _is_date, "Time": _is_time,
}  # fmt: skip
_OF_TEXT: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(_WHOLES, _whole_of_text), **dict.fromkeys(_REALS, _number_of_text), "Boolean": _boolean_of_text,
}  # fmt: skip
TYPED = frozenset(_FITS) - {"Date", "DateTime", "Time"}
"""Types whose values are no texts."""
