"""Zip and tar files as input: unpacked beside themselves, once."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 10_000_000
_SPARE = 64 << 20  # bytes that stay free on the disk
_COPIED = 1 << 20


class Member(NamedTuple):
    """A regular file in an archive."""

    name: str
    size: int


class _Archive(Protocol):
    def members(self) -> Iterator[Member]: ...

    def open(self, name: str) -> BinaryIO: ...


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def unpacked(archive: Path, into: Path | None = None) -> Path:
    """The folder with the content of an archive; unpacked beside it unless it is there already.

    Args:
        into: another place for the folder.

    Raises:
        InvalidArgument: it cannot be read, or a name in it would lead out of the folder.
        FailedPrecondition: the disk has not enough room, or the folder is there with other content.
    """
    folder = into or archive.with_name(_stem(archive))
    with _opened(archive) as content:
        members = list(_checked(archive, content))
        if folder.exists():
            _check_same(archive, folder, members)
        else:
            _unpack(archive, content, members, folder)
    return folder


def _unpack(archive: Path, content: _Archive, members: list[Member], folder: Path) -> None:
    """Into a folder of another name first, so that what is there under its own name is whole."""
    needed = sum(member.size for member in members)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        if needed + _SPARE > shutil.disk_usage(folder.parent).free:
            raise FailedPrecondition(f"{archive.name} needs {needed >> 20} MiB unpacked; the disk has not enough room")
        part.mkdir()
        for member in members:
            _copy(archive, content, member, part / member.name)
        part.rename(folder)
    except OSError as error:
        detail = f"cannot be unpacked beside itself ({error.strerror or error})"
        raise FailedPrecondition(f"{archive}: {detail}; unpack it yourself and give the folder") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy(archive: Path, content: _Archive, member: Member, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    try:
        with content.open(member.name) as source, to.open("xb") as target:
            while piece := source.read(_COPIED):
                left -= len(piece)
                if left < 0:
                    break
                target.write(piece)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise InvalidArgument(f"{archive}: `{member.name}` cannot be unpacked: {error}") from None
    if left:
        raise InvalidArgument(f"{archive}: `{member.name}` has another size than the archive says; it is damaged")


def _checked(archive: Path, content: _Archive) -> Iterator[Member]:
    for number, member in enumerate(content.members()):
        parts = member.name.replace("\\", "/").split("/")
        if member.name.startswith("/") or ".." in parts or "\0" in member.name:
            raise InvalidArgument(f"{archive}: `{member.name[:80]}` would lead out of its folder; it is not unpacked")
        if number >= MAX_MEMBERS:
            raise InvalidArgument(f"{archive}: more than {MAX_MEMBERS} files")
        yield member


def _check_same(archive: Path, folder: Path, members: list[Member]) -> None:
    """The folder of an earlier run has the same files, by name and size."""
    other = [each.name for each in members if not _has_size(folder / each.name, each.size)]
    if other:
        raise FailedPrecondition(
            f"{folder} is there already, and `{other[0]}` in it is not that of {archive.name}; import the folder, or "
            "move it away"
        )


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


class _Zip:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def members(self) -> Iterator[Member]:
        return (Member(each.filename, each.file_size) for each in self._file.infolist() if not each.is_dir())

    def open(self, name: str) -> BinaryIO:
        return cast("BinaryIO", self._file.open(name))


class _Tar:
    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file
        self._known: dict[str, tarfile.TarInfo] = {}

    def members(self) -> Iterator[Member]:
        for each in self._file:
            name = each.name.removeprefix("./")
            if each.isreg():
                self._known[name] = each
                yield Member(name, each.size)
            elif not each.isdir():
                raise InvalidArgument(
                    f"`{name[:80]}` is a link or a device, which is not unpacked; unpack the archive yourself"
                )

    def open(self, name: str) -> BinaryIO:
        return cast("BinaryIO", self._file.extractfile(self._known[name]))


@contextmanager
def _opened(archive: Path) -> Iterator[_Archive]:
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as file:
                yield _Zip(file)
        else:
            with tarfile.open(archive) as tar:
                yield _Tar(tar)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise InvalidArgument(f"{archive} cannot be read as an archive: {error}") from None


def _stem(archive: Path) -> str:
    name = archive.name
    ending = max((each for each in SUFFIXES if name.lower().endswith(each)), key=len)
    return name[: len(name) - len(ending)] or f"{name}.files"
