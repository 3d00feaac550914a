"""Files of JSON lines: read line by line, each number with its exact value."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

import orjson

from hyperdatasets.formats.folder import Folder, Unreadable, decoded
from hyperdatasets.formats.json_keys import Twice, lost_values

SUFFIXES = (".jsonl", ".ndjson", ".jsonlines")
_LOOKED_AT = 20  # lines at the beginning of a file that tell what it holds
_COUNTED = 1 << 24  # bytes that are looked at to tell how many lines there are
_DEEPEST = 100  # lists and objects within each other
_LONGEST = 4 << 20  # bytes of such a line
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_UTF_16 = frozenset({b"\xff\xfe", b"\xfe\xff"})
_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line that is not empty.

    Attributes:
        place: `a.jsonl, line 3`.
        value: what it holds.
        error: why it is no JSON; empty if it is.
        twice: values that are lost, since their key occurs again.
    """

    place: str
    value: Any
    error: str = ""
    twice: Sequence[Twice] = ()


def lines(folder: Folder, path: str) -> Iterator[Line]:
    """Raises Unreadable: the file cannot be read."""
    try:
        with folder.open(path) as file:
            for number, content in enumerate(_lines(file), start=1):
                if content.strip():
                    yield _line(f"{path}, line {number}", content)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None


def first_values(folder: Folder, path: str) -> list[Any]:
    """What the first lines of a file hold; lines that are no JSON are left out; nothing if it cannot be read."""
    try:
        with folder.open(path) as file:
            first = [_line(path, content) for content in _first_lines(file, folder.head(path, 2)) if content.strip()]
    except (OSError, Unreadable):
        return []
    return [line.value for line in first if not line.error]


def count_lines(folder: Folder, path: str) -> int:
    """About how many lines a file has; 0 if it cannot be read."""
    try:
        with folder.open(path) as file:
            beginning = file.read(_COUNTED)
            size = file.seek(0, io.SEEK_END)
    except OSError:
        return 0
    found = beginning.count(b"\n") + (not beginning.endswith(b"\n"))
    return found * size // len(beginning) if beginning else 0


def exact(content: bytes) -> Any:
    """The value of JSON text; whole numbers of any size, and NaN as Python writes it, come as they are.

    Raises:
        ValueError: it is no JSON, or nested so deeply that no frame can have it.
    """
    value = _exact(content)
    if content.count(b"[") + content.count(b"{") > _DEEPEST:
        _check_depth(value)
    return value


def _exact(content: bytes) -> Any:
    try:
        value = orjson.loads(content)
    except ValueError as error:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise ValueError(f"not valid JSON: {error}") from None
    if _LONG_NUMBER.search(content) is None:
        return value
    try:
        return json.loads(content)  # orjson makes doubles of whole numbers past 64 bits
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from None


def _check_depth(value: Any) -> None:
    """Without recursion, which deep nesting would exhaust."""
    level = [value]
    for _ in range(_DEEPEST):
        parts = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [each for part in parts for each in part]
        if not level:
            return
    raise ValueError(f"nested deeper than {_DEEPEST} levels")


def _line(place: str, content: bytes) -> Line:
    try:
        value = exact(content)
        return Line(place, value, twice=lost_values(content, value))
    except ValueError as error:
        return Line(place, None, str(error))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    first = file.readline()
    if first[:2] in _UTF_16:
        yield from decoded(first + file.read()).encode().splitlines()
        return
    yield _text(first)
    yield from file


def _first_lines(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    if head in _UTF_16:
        return islice(_lines(file), _LOOKED_AT)
    return (_text(file.readline(_LONGEST)) for _ in range(_LOOKED_AT))


def _text(content: bytes) -> bytes:
    return content.removeprefix(_MARK)
