"""Settings of the service: from a file, the environment (`HYPERDATASETS_SERVE_…`) and arguments; the last wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.core.section import Section

_DATA = Path("hyperdatasets-data")
PREFIX = "HYPERDATASETS_SERVE_"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def setting(default: Any, text: str, *, least: int = 0) -> Any:
    """A field with its help; a whole number is at least `least`."""
    return field(default=default, metadata={"help": text, "least": least})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """Each setting with its default and what it does; `docs/operations.md` lists them."""

    data: Path = setting(_DATA, "folder of the database, the index and the keys")
    host: str = setting("127.0.0.1", "address to listen on; off loopback TLS and tokens are required")
    port: int = setting(7400, "port to listen on; 0 takes a free one")
    hostname: str = setting("", "further names in the service's certificate, with commas between")
    reflection: bool = setting(default=False, text="let clients list the service's methods (gRPC reflection)")
    threads: int = setting(32, "calls that are answered at the same time")
    query_seconds: int = setting(60, "the longest that a query may compute; then it is stopped with an error")
    experiment_seconds: int = setting(
        90, "an experiment whose process was not heard of for so long counts as stopped", least=1
    )

    @property
    def loopback(self) -> bool:
        return self.host in LOOPBACK


def load(
    *, file: Path | None = None, environment: Mapping[str, str] = os.environ, arguments: Mapping[str, Any] | None = None
) -> ServiceConfig:
    """Settings from all three places.

    Raises:
        InvalidConfig: names the setting and what was expected.
    """
    found: dict[str, Any] = {}
    if file is not None:
        found |= _from_file(file)
    found |= {each.name: environment[PREFIX + each.name.upper()] for each in fields(ServiceConfig)
              if PREFIX + each.name.upper() in environment}  # fmt: skip
    found |= {name: value for name, value in (arguments or {}).items() if value is not None}
    return ServiceConfig(**{name: _typed(name, value) for name, value in found.items()})


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise InvalidConfig(f"{file}: cannot be read: {said}") from None
    names = [each.name for each in fields(ServiceConfig)]
    section = Section(text, "", lambda said: InvalidConfig(f"{file}: {said}"), names)
    return {name: _typed(name, section.raw(name), where=f"{file}: ") for name in text}


def _typed(name: str, value: Any, *, where: str = "") -> Any:
    found = next(each for each in fields(ServiceConfig) if each.name == name)
    kind, least = found.type, found.metadata["least"]
    try:
        if kind == "Path":
            return Path(value)
        if kind == "int":
            return _at_least(least, int(value))
        if kind == "bool":
            return (
                value
                if isinstance(value, bool)
                else {"true": True, "1": True, "false": False, "0": False}[value.lower()]
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        expected = "true or false" if kind == "bool" else "a path" if kind == "Path" else f"a whole number from {least}"
        raise InvalidConfig(f"{where}{name}: expected {expected}, got {value!r}") from None
    return str(value)


def _at_least(least: int, value: int) -> int:
    if value < least:
        raise ValueError
    return value
