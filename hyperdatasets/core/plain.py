"""Values at the border: checks of texts, numbers, lists and metadata that come from anywhere.

`where` begins each message and names the place, such as `sources[0].width`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import orjson

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.names import did_you_mean, nearest

MAX_META = 1 << 20  # bytes of JSON text
MAX_META_DEPTH = 32
INT64 = range(-(1 << 63), 1 << 63)
_SCALARS = frozenset({str, int, float, bool, type(None)})


def meta_object(value: Any, where: str) -> dict[str, Any]:
    if type(value) is not dict and not isinstance(value, Mapping):
        raise InvalidFrame(f"{where}: expected an object with named values, got {type(value).__name__}")
    _check_json(value, where, depth=0)
    size = len(orjson.dumps(value))
    if size > MAX_META:
        raise InvalidFrame(f"{where}: {size} bytes of metadata, {MAX_META} are allowed; keep large data in a source")
    return dict(value)


def _check_json(value: Any, where: str, *, depth: int) -> None:
    """What JSON cannot keep exactly is refused: NaN, integers past 64 bits, names that are no text."""
    if depth == MAX_META_DEPTH:
        raise InvalidFrame(f"{where}: nested deeper than {MAX_META_DEPTH} levels")
    if isinstance(value, Mapping):
        _check_keys(value, where)
        value = value.values()
    for inner in value:
        kind = type(inner)
        if (kind is str and inner.isprintable()) or kind is bool or (kind is float and isfinite(inner)):
            continue
        if kind not in _SCALARS and isinstance(inner, Mapping | list | tuple):
            _check_json(inner, where, depth=depth + 1)
        else:
            _check_scalar(inner, where)


def _check_keys(value: Mapping[Any, Any], where: str) -> None:
    for key in value:
        if not isinstance(key, str):
            raise InvalidFrame(f"{where}: names are text, got {key!r:.60}")
        if not key.isprintable():
            _check_unicode(key, where)


def _check_scalar(value: Any, where: str) -> None:
    if isinstance(value, str):
        _check_unicode(value, where)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        integer(value, where)
    elif not isinstance(value, float):
        raise InvalidFrame(f"{where}: {type(value).__name__} cannot be kept; use text, numbers, lists, objects")
    elif not isfinite(value):
        raise InvalidFrame(f"{where}: NaN and infinity cannot be kept; leave the value out")


def known_keys(plain: Any, keys: frozenset[str], where: str) -> None:
    if type(plain) is not dict and not isinstance(plain, Mapping):
        raise InvalidFrame(f"{where}: expected an object with named values, got {type(plain).__name__}")
    if not plain.keys() <= keys:
        key = next(key for key in plain if key not in keys)
        close = nearest(str(key), keys)
        raise InvalidFrame(f"{where}: there is no field {key!r:.60}.{did_you_mean(close)}")


def text_of(plain: Mapping[str, Any], key: str, where: str, limit: int) -> str:
    text = plain.get(key)
    if text is None or text == "":
        return ""
    if type(text) is str and len(text) <= limit and text.isprintable():
        return text
    if not isinstance(text, str):
        raise InvalidFrame(f"{where}.{key}: expected text, got {type(text).__name__}")
    check_text(text, f"{where}.{key}", limit)
    return text


def check_text(text: str, where: str, limit: int) -> None:
    if len(text) > limit:
        raise InvalidFrame(f"{where}: {len(text)} characters, {limit} are allowed")
    if not text.isprintable() and any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise InvalidFrame(f"{where}: {text!a:.80} has control characters or is not valid Unicode")


def _check_unicode(text: str, where: str) -> None:
    if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidFrame(f"{where}: {text!a:.80} is not valid Unicode")


def whole_of(plain: Mapping[str, Any], key: str, where: str = "", *, least: int = INT64[0]) -> int | None:
    number = plain.get(key)
    if number is None or (type(number) is int and least <= number <= INT64[-1]):
        return number
    return integer(number, f"{where}.{key}" if where else key, least=least)


def integer(value: Any, where: str, *, least: int = -(1 << 63)) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidFrame(f"{where}: expected a whole number, got {value!r:.60}")
    if value not in INT64 or value < least:
        raise InvalidFrame(f"{where}: {value} is out of range")
    return value


def entries(value: Any, where: str, limit: int) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InvalidFrame(f"{where}: expected a list, got {type(value).__name__}")
    if len(value) > limit:
        raise InvalidFrame(f"{where}: {len(value)} entries, {limit} are allowed")
    return value
