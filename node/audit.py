"""The site's own record of what was asked and served: lines of JSON, each with the digest of the one before."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import orjson

FILE = "audit.log"
_FIRST = "0" * 64


class Audit:
    """Appends to `audit.log`; a line is on disk before its decision is told."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._last = _last(self._path)

    def add(self, event: str, **fields: Any) -> None:
        with self._lock:
            content = orjson.dumps({"event": event, **fields, "before": self._last}, option=orjson.OPT_SORT_KEYS)
            digest = hashlib.sha256(content).hexdigest()
            line = orjson.dumps({"line": content.decode(), "digest": digest}) + b"\n"
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._last = digest


def entries(folder: Path) -> list[dict[str, Any]]:
    """All lines, oldest first."""
    path = folder / FILE
    if not path.exists():
        return []
    return [orjson.loads(orjson.loads(line)["line"]) for line in path.read_bytes().splitlines()]


def verify(folder: Path) -> tuple[int, str]:
    """How many lines there are, and what is wrong with the first bad one (empty: the chain is whole)."""
    path, before, count = folder / FILE, _FIRST, 0
    if not path.exists():
        return 0, ""
    for number, raw in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            line = orjson.loads(raw)
            content = line["line"].encode()
            previous = orjson.loads(content)["before"]
        except (ValueError, KeyError, TypeError):
            return count, f"line {number} cannot be read"
        if hashlib.sha256(content).hexdigest() != line["digest"]:
            return count, f"line {number} was changed"
        if previous != before:
            return count, f"a line before line {number} is missing or was changed"
        before, count = line["digest"], count + 1
    return count, ""


def _last(path: Path) -> str:
    if not path.exists():
        return _FIRST
    lines = path.read_bytes().splitlines()
    return str(orjson.loads(lines[-1])["digest"]) if lines else _FIRST
