"""The site's own record of what was asked and served: lines of JSON, each with the digest of the one before."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from hyperdatasets.core.errors import StorageFull

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
            now_ms = time.time_ns() // 1_000_000
            plain = {"event": event, "time_ms": now_ms, **fields, "before": self._last}
            content = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
            digest = hashlib.sha256(content).hexdigest()
            line = orjson.dumps({"line": content.decode(), "digest": digest}) + b"\n"
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                _append(descriptor, line)
            finally:
                os.close(descriptor)
            self._last = digest


def _append(descriptor: int, line: bytes) -> None:
    """The whole line, or nothing of it: a disk that is full must not leave half a line."""
    size = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
        os.fsync(descriptor)
    except OSError as error:
        os.ftruncate(descriptor, size)
        raise StorageFull(f"the audit file cannot be written ({error.strerror}); nothing is served") from error


def entries(folder: Path) -> list[dict[str, Any]]:
    """All lines that can be read, oldest first; `verify` tells of others."""
    path = folder / FILE
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [orjson.loads(line["line"]) for raw in lines if (line := _read(raw)) is not None]


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
    """Digest of the last whole line; half a line after it, of a machine that lost power, is taken away."""
    if not path.exists():
        return _FIRST
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    lines = [line for raw in whole.splitlines() if (line := _read(raw)) is not None]
    return str(lines[-1]["digest"]) if lines else _FIRST


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        line = orjson.loads(raw)
        orjson.loads(line["line"])
        line["digest"]
    except (ValueError, KeyError, TypeError):
        return None
    return dict(line)
