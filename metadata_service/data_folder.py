"""A service's data folder: whoever serves or rewrites it has it to itself; reading beside that is allowed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hyperdatasets.core.errors import FolderInUse

_NAME = "lock"


class Hold:
    """The folder, held until it is let go or the process ends, however it ends.

    Raises:
        FolderInUse: another process, or another service of this one, holds it.
    """

    def __init__(self, data: Path) -> None:
        self._file = os.open(data / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 20, 0).decode()
            os.close(self._file)
            raise FolderInUse(f"{data} is in use by process {holder or '(unknown)'}; stop that first") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def let_go(self) -> None:
        os.close(self._file)


@contextmanager
def held(data: Path) -> Iterator[None]:
    hold = Hold(data)
    try:
        yield
    finally:
        hold.let_go()
