"""Structured text (YAML, JSON, TOML) read key by key into typed values; errors name the place and the nearest key."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.names import did_you_mean, nearest

T = TypeVar("T")


class Section:
    """An object with named values at a place such as `rules[0].split`; `error` is raised for what is wrong in it.

    `lines` are those of the places in the text; an error then names the line too.
    """

    def __init__(
        self,
        value: Any,
        where: str,
        error: Callable[[str], InvalidArgument],
        known: Iterable[str],
        lines: Mapping[str, int] | None = None,
    ) -> None:
        self.where = where
        self._error, self._lines = error, lines or {}
        if not isinstance(value, Mapping):
            raise error(f"{self._shown(where) or 'the text'}: expected names with values, got {_kind(value)}")
        self._values = value
        names = frozenset(known)
        for key in value:
            if key not in names:
                close = did_you_mean(nearest(str(key), sorted(names))) or f" There are: {', '.join(sorted(names))}."
                raise error(f"{self.at(str(key)[:60])}: there is no such key.{close}")

    def at(self, key: str) -> str:
        """The place of a value, for people."""
        return self._shown(self._path(key))

    def line(self, key: str) -> int:
        """Its line in the text; 0 = not known."""
        return self._lines.get(self._path(key), 0)

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _shown(self, path: str) -> str:
        return f"line {self._lines[path]}: {path or 'the text'}" if path in self._lines else path

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def fail(self, key: str, expected: str) -> InvalidArgument:
        """The error for a value that is not what was expected."""
        return self._error(f"{self.at(key)}: expected {expected}, got {_kind(self._values.get(key))}")

    def text(self, key: str, default: str = "", *, limit: int = 20_000) -> str:
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.fail(key, "text (put it in quotes)")
        if len(value) > limit:
            raise self._error(f"{self.at(key)}: {len(value)} characters, {limit} are allowed")
        return value

    def texts(self, key: str, *, limit: int = 10_000) -> tuple[str, ...]:
        values = self.entries(key, limit=limit)
        if not all(isinstance(value, str) for value in values):
            raise self.fail(key, "a list of texts (put each in quotes)")
        return tuple(values)

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.fail(key, f"one of {', '.join(choices)}")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def integer(self, key: str, *, least: int = 0, most: int = (1 << 63) - 1) -> int | None:
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fail(key, f"a whole number from {least} to {most}")
        return value

    def number(self, key: str, *, least: float = -math.inf, most: float = math.inf) -> float | None:
        value: float | None = self._values.get(key)
        if value is None:
            return None
        if not _is_number(value) or not least <= value <= most:
            bounds = f" from {least:g} to {most:g}" if math.isfinite(least) and math.isfinite(most) else ""
            raise self.fail(key, f"a number{bounds}")
        return value

    def numbers(self, key: str, *, limit: int, expected: str) -> list[int | float | None]:
        """A list of finite numbers; null stands for none."""
        values = self.entries(key, limit=limit)
        if not all(value is None or (_is_number(value) and math.isfinite(value)) for value in values):
            raise self.fail(key, expected)
        return values

    def entries(self, key: str, *, limit: int) -> list[Any]:
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.fail(key, "a list")
        if len(value) > limit:
            raise self._error(f"{self.at(key)}: {len(value)} entries, {limit} are allowed")
        return list(value)

    def sections(self, key: str, known: Iterable[str], read: Callable[[Section], T], *, limit: int) -> tuple[T, ...]:
        """A list of sections, each made into a value by `read`."""
        names = tuple(known)
        parts = enumerate(self.entries(key, limit=limit))
        path = self._path(key)
        return tuple(read(Section(value, f"{path}[{i}]", self._error, names, self._lines)) for i, value in parts)

    def section(self, key: str, known: Iterable[str]) -> Section | None:
        value = self._values.get(key)
        return None if value is None else Section(value, self._path(key), self._error, known, self._lines)

    def raw(self, key: str) -> Any:
        return self._values.get(key)


def _is_number(value: Any) -> bool:
    """A double, or a whole number of 64 bits."""
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else f"{value!r:.60}"
