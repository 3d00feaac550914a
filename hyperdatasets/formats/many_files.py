"""Any number of files that are written in turns; only a few of them are open at a time."""

from __future__ import annotations

import io
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

_MOST = 64  # open at a time


class ManyFiles:
    """Opens files as they are written, and closes the one that has been open longest where too many are."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._open: dict[_File, BinaryIO] = {}  # in the order in which they were opened
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._temporary = 0

    def new(self, path: Path) -> BinaryIO:
        """A new file, to be written and read. Raises FileExistsError."""
        file = _File(self, path)
        self._keep(file, path.open("x+b"))
        return cast("BinaryIO", file)

    def temporary(self) -> BinaryIO:
        """A file that goes away when it is closed."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="hyperdatasets-")
        self._temporary += 1
        file = _File(self, Path(self._folder.name) / str(self._temporary), goes_away=True)
        self._keep(file, file.path.open("x+b"))
        return cast("BinaryIO", file)

    def close(self) -> None:
        """Closes what is open, and removes temporary files."""
        with ExitStack() as stack:  # goes on after an error
            if self._folder is not None:
                stack.callback(self._folder.cleanup)
            for file in self._open:
                stack.callback(file.close)

    def opened(self, file: _File) -> BinaryIO:
        """The open file, at the place where it was left."""
        found = self._open.get(file)
        if found is None:
            found = file.path.open("r+b")
            found.seek(file.place)
            self._keep(file, found)
        return found

    def drop(self, file: _File) -> None:
        """Closes a file, if it is open."""
        found = self._open.pop(file, None)
        if found is not None:
            with found:
                file.place = found.tell()

    def _keep(self, file: _File, found: BinaryIO) -> None:
        if len(self._open) >= self._most:
            self.drop(next(iter(self._open)))
        self._open[file] = found


class _File(io.RawIOBase):
    """A file that is open only now and then; `place` is where it goes on."""

    def __init__(self, files: ManyFiles, path: Path, *, goes_away: bool = False) -> None:
        self._files, self.path, self._goes_away, self.place = files, path, goes_away, 0

    def write(self, content: Any) -> int:
        return self._opened().write(content)

    def read(self, size: int | None = -1) -> bytes:
        return self._opened().read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._opened().seek(offset, whence)

    def tell(self) -> int:
        return self._opened().tell()

    def close(self) -> None:
        if not self.closed:
            try:
                self._files.drop(self)
            finally:
                super().close()
                if self._goes_away:
                    self.path.unlink(missing_ok=True)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _opened(self) -> BinaryIO:
        if self.closed:
            raise ValueError(f"{self.path} is closed")
        return self._files.opened(self)
