"""Counts that several processes keep together: what the readers of one data set delivered, and in which epoch."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LAYOUT = struct.Struct("<4q")  # epoch, delivered, mismatched, withdrawn
_NO_EPOCH = -1


class DeliveryCounts:
    """Numbers in a file that all processes map: a forked one has it, a spawned one opens it by its path.

    A copy that is unpickled where the file is gone begins at nothing.
    """

    def __init__(self) -> None:
        self._make()

    @property
    def epoch(self) -> int | None:
        """The epoch that is read; None if none was set."""
        number = self._numbers()[0]
        return None if number == _NO_EPOCH else number

    @epoch.setter
    def epoch(self, number: int | None) -> None:
        with self._locked() as numbers:
            numbers[0] = _NO_EPOCH if number is None else number

    @property
    def delivered(self) -> int:
        """Positions that came."""
        return self._numbers()[1]

    @property
    def mismatched(self) -> int:
        """Frames that did not come since their files changed after registration."""
        return self._numbers()[2]

    @property
    def withdrawn(self) -> int:
        """Frames that did not come since they were withdrawn."""
        return self._numbers()[3]

    def add(self, *, delivered: int = 0, mismatched: int = 0, withdrawn: int = 0) -> None:
        """Adds to the counts, also while other processes do."""
        with self._locked() as numbers:
            for place, more in enumerate((delivered, mismatched, withdrawn), start=1):
                numbers[place] += more

    def _numbers(self) -> list[int]:
        return list(_LAYOUT.unpack_from(self._file))

    @contextmanager
    def _locked(self) -> Iterator[list[int]]:
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                numbers = self._numbers()
                yield numbers
                _LAYOUT.pack_into(self._file, 0, *numbers)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _make(self) -> None:
        """Makes the file, which this process removes at its end."""
        descriptor, path = tempfile.mkstemp(prefix="hyperdatasets-counts-")
        os.write(descriptor, _LAYOUT.pack(_NO_EPOCH, 0, 0, 0))
        self._map(descriptor, path)
        weakref.finalize(self, _remove, path, os.getpid())

    def _map(self, descriptor: int, path: str) -> None:
        self._path, self._descriptor, self._lock = path, descriptor, threading.Lock()
        self._file = mmap.mmap(descriptor, _LAYOUT.size)
        weakref.finalize(self, os.close, descriptor)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self._path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        try:
            self._map(os.open(state["path"], os.O_RDWR), state["path"])
        except FileNotFoundError:
            self._make()


def _remove(path: str, made_by: int) -> None:
    if os.getpid() == made_by:
        Path(path).unlink(missing_ok=True)
