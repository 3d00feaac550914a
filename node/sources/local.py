"""Files below a root folder, opened so that no path and no link leads out of it."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hyperdatasets.core.errors import InvalidArgument, NotFound, SourceUnreadable

_FOLDERS = 256  # kept open
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


class Identity(NamedTuple):
    """What tells that a file is still the one that was registered."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class LocalRoot:
    """A folder with raw data (NFS too); folders below it are kept open, each reached without following links."""

    def __init__(self, alias: str, folder: Path) -> None:
        self.alias, self.folder = alias, folder
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._checked: set[bytes] = set()
        self._lock = threading.Lock()

    def open(self, path: bytes) -> tuple[int, Identity]:
        """A descriptor of the regular file at this path below the root, which the caller closes, and its identity.

        Raises:
            SourceUnreadable: it is not there, is no regular file, or lies behind a link.
            InvalidArgument: the path would leave the root.
        """
        if path not in self._checked:
            _check(path)
            self._checked.add(path)
        folder, _, name = path.rpartition(b"/")
        try:
            with self._lock:
                descriptor = self._opened(folder, name)
        except OSError as error:
            reason = "it is a link, or lies behind one; links are not followed" if error.errno == errno.ELOOP else None
            raise SourceUnreadable(
                f"a file of root `{self.alias}` cannot be read: {reason or error.strerror}"
            ) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise SourceUnreadable(f"a file of root `{self.alias}` is no regular file")
        return descriptor, identity_of(descriptor)

    def file(self, path: bytes) -> BinaryIO:
        """The same as an open file, for readers of annotations and tables.

        Raises:
            OSError: it cannot be read; its `strerror` says why.
        """
        try:
            descriptor, _ = self.open(path)
        except (SourceUnreadable, InvalidArgument) as error:
            raise OSError(errno.EACCES, error.message) from None
        return os.fdopen(descriptor, "rb")

    def below(self, path: str) -> Path:
        """The folder at a path below the root, or at an absolute path that lies below it.

        Raises:
            InvalidArgument, NotFound: it lies outside, or is no folder.
        """
        folder = (self.folder / path).resolve()
        if not folder.is_relative_to(self.folder.resolve()):
            raise InvalidArgument(f"{path} lies outside of root `{self.alias}`")
        if not folder.is_dir():
            raise NotFound(f"there is no folder {path} below root `{self.alias}`", kind="folder", name=path)
        return folder

    def relative(self, path: Path) -> Path | None:
        """The path below the root of an absolute path without links; None if it lies outside."""
        top = self.folder.resolve()
        return path.relative_to(top) if path.is_relative_to(top) else None

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _opened(self, folder: bytes, name: bytes) -> int:
        """A file in a folder; one that was removed and made again is opened anew."""
        kept = self._open.get(folder)
        if kept is not None:
            try:
                return os.open(name, _FILE_FLAGS, dir_fd=kept)
            except FileNotFoundError:
                self._forget()
        return os.open(name, _FILE_FLAGS, dir_fd=self._folder(folder))

    def _forget(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _folder(self, path: bytes) -> int:
        found = self._open.get(path)
        if found is not None:
            self._open.move_to_end(path)
            return found
        if path:
            parent, _, name = path.rpartition(b"/")
            descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=self._folder(parent))
        else:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        self._open[path] = descriptor
        while len(self._open) > _FOLDERS:
            oldest = next(key for key in self._open if key not in {b"", path})
            os.close(self._open.pop(oldest))
        return descriptor


def identity_of(descriptor: int) -> Identity:
    status = os.fstat(descriptor)
    return Identity(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _check(path: bytes) -> None:
    parts = path.split(b"/")
    if b"\0" in path or path.startswith(b"/") or any(part in {b"", b".", b".."} for part in parts):
        raise InvalidArgument("a path below a root has no `..`, no NUL, and does not begin with `/`")


def read(descriptor: int, into: memoryview) -> int:
    """Fills the buffer from a file; returns how many bytes there were."""
    done = 0
    while done < len(into):
        count = os.readv(descriptor, [into[done:]])
        if not count:
            break
        done += count
    return done
