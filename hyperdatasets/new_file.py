"""A file that somebody asked for: it has its name when it is whole, and never takes the place of another one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hyperdatasets.core.errors import AlreadyExists, InvalidArgument, NotFound, StorageFull


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """The file; it goes away with an error or an interrupt.

    Raises:
        AlreadyExists: there is something of that name.
        NotFound: there is no such folder.
        StorageFull: the disk is full.
        InvalidArgument: it cannot be written there.
    """
    check_free(path)
    part = path.with_name(f"{path.name}.part")
    with written(path):
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)


def check_free(path: Path) -> None:
    with written(path):
        taken = path.exists()
    if taken:
        raise AlreadyExists(f"{path} is there already; choose another name", kind="file", name=str(path))
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}; make it first", kind="folder", name=str(path.parent))


@contextmanager
def written(path: Path) -> Iterator[None]:
    """What the disk does not allow, as an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(f"{path}: the disk is full; nothing was left there") from None
        raise InvalidArgument(f"{path}: cannot be written: {error.strerror or error}") from None
