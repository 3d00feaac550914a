"""Folders that only their owner can read: data folders of services and nodes, and backups of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hyperdatasets.core.errors import InvalidConfig

_OTHERS = 0o077  # rights of the group and of everybody else


def make_private(folder: Path) -> None:
    """Make the folder, or take from others what rights they have to it and to everything in it.

    Links are left as they are.

    Raises:
        InvalidConfig: another user owns something that others can read; the message has the command to run.
        OSError: the folder cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in _within(folder):
        mode = path.lstat().st_mode
        if mode & _OTHERS and not stat.S_ISLNK(mode):
            _close(folder, path, stat.S_IMODE(mode) & ~_OTHERS)


def private_file(path: Path) -> Path:
    """The same path; a file that is not there yet is made so that only its owner can read it."""
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return path


def keep_new_files_private() -> None:
    """From now on, files and folders that this process makes can be read by its user alone."""
    os.umask(_OTHERS)


def _within(folder: Path) -> Iterator[Path]:
    """The folder and everything in it; what disappears meanwhile is left out."""
    yield folder
    for place, folders, files in os.walk(folder):
        yield from (path for name in (*folders, *files) if os.path.lexists(path := Path(place) / name))


def _close(folder: Path, path: Path, mode: int) -> None:
    try:
        path.chmod(mode)
    except FileNotFoundError:  # a file of a database that was just closed
        return
    except PermissionError:
        _refuse(folder, path)
    if path.stat().st_mode & _OTHERS:  # a file system without rights
        _refuse(folder, path)


def _refuse(folder: Path, path: Path) -> None:
    raise InvalidConfig(
        f"{path} can be read by other users, and its rights cannot be changed by this one; as its owner or root run "
        f"`chown -R {os.getuid()} {folder} && chmod -R go-rwx {folder}`"
    )
