"""Zip and tar files as input: unpacked beside themselves, once."""

from __future__ import annotations

import lzma
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument
from hyperdatasets.formats.folder import Folder, suffix
from hyperdatasets.formats.suffixes import ARCHIVES

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 10_000_000
_SPARE = 64 << 20  # bytes that stay free on the disk
_COPIED = 1 << 20


class Member(NamedTuple):
    """A regular file in an archive.

    Attributes:
        crc: its CRC-32, where the archive has it.
    """

    name: str
    size: int
    crc: int | None = None


class _Archive(Protocol):
    def members(self) -> Iterator[Member]: ...

    def open(self, name: str) -> BinaryIO: ...


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def check_read(path: Path) -> None:
    """Refuse a file that holds others, or one other, in a way that is not read here.

    Raises:
        InvalidArgument: always with what to do.
    """
    if suffix(path.name) in ARCHIVES:
        raise InvalidArgument(
            f"{path} is an archive or a compressed file of a kind that is not read; unpack it yourself"
        )


def unpacked(archive: Path, into: Path | None = None) -> Path:
    """The folder with the content of an archive; unpacked beside it unless it is there already.

    Args:
        into: another place for the folder.

    Raises:
        InvalidArgument: it cannot be read, has a name twice, or a name in it would lead out of the folder.
        FailedPrecondition: the disk has not enough room, or the folder is there with other content.
    """
    folder = into or archive.with_name(_stem(archive))
    with _opened(archive) as content:
        members = list(_checked(archive, content))
        if folder.exists():
            _check_same(archive, content, folder, members)
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
    names: set[str] = set()
    for member in content.members():
        parts = member.name.replace("\\", "/").split("/")
        if member.name.startswith("/") or ".." in parts or "\0" in member.name:
            raise InvalidArgument(f"{archive}: `{member.name[:80]}` would lead out of its folder; it is not unpacked")
        if len(names) >= MAX_MEMBERS:
            raise InvalidArgument(f"{archive}: more than {MAX_MEMBERS} files")
        if (name := posixpath.normpath(member.name)) in names:
            raise InvalidArgument(
                f"{archive}: `{name[:80]}` is in it more than once; unpack it yourself and give the folder"
            )
        names.add(name)
        yield member


def _check_same(archive: Path, content: _Archive, folder: Path, members: list[Member]) -> None:
    """The folder of an earlier run has the same files, by name and content, and no others."""
    names = {posixpath.normpath(each.name) for each in members}
    more = (name for name in Folder(folder).files if name not in names)
    changed = (each.name for each in members if not _is_same(content, each, folder / each.name))
    if (other := next(chain(more, changed), None)) is not None:
        raise FailedPrecondition(
            f"{folder} is there already, and `{other}` in it is not that of {archive.name}; import the folder, or "
            "move it away"
        )


def _is_same(content: _Archive, member: Member, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != member.size:
        return False
    with path.open("rb") as file:
        if member.crc is not None:
            return _crc(file) == member.crc
        with content.open(member.name) as source:
            return all(piece == file.read(len(piece)) for piece in iter(lambda: source.read(_COPIED), b""))


def _crc(file: BinaryIO) -> int:
    state = 0
    while piece := file.read(_COPIED):
        state = zlib.crc32(piece, state)
    return state


def _special(archive: Path, name: str) -> InvalidArgument:
    detail = "is a link or a device, which is not unpacked; unpack the archive yourself"
    return InvalidArgument(f"{archive}: `{name[:80]}` {detail}")


class _Zip:
    def __init__(self, archive: Path, file: zipfile.ZipFile) -> None:
        self._archive, self._file = archive, file

    def members(self) -> Iterator[Member]:
        for each in self._file.infolist():
            if stat.S_IFMT(each.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _special(self._archive, each.filename)
            if not each.is_dir():
                yield Member(each.filename, each.file_size, each.CRC)

    def open(self, name: str) -> BinaryIO:
        return cast("BinaryIO", self._file.open(name))


class _Tar:
    def __init__(self, archive: Path, file: tarfile.TarFile) -> None:
        self._archive, self._file = archive, file
        self._known: dict[str, tarfile.TarInfo] = {}

    def members(self) -> Iterator[Member]:
        for each in self._file:
            name = each.name.removeprefix("./")
            if each.isreg():
                self._known[name] = each
                yield Member(name, each.size)
            elif not each.isdir():
                raise _special(self._archive, name)

    def open(self, name: str) -> BinaryIO:
        return cast("BinaryIO", self._file.extractfile(self._known[name]))


@contextmanager
def _opened(archive: Path) -> Iterator[_Archive]:
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as file:
                yield _Zip(archive, file)
        else:
            with tarfile.open(archive) as tar:
                yield _Tar(archive, tar)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidArgument(f"{archive} cannot be read as an archive: {error}") from None


def _stem(archive: Path) -> str:
    name = archive.name
    ending = max((each for each in SUFFIXES if name.lower().endswith(each)), key=len)
    return name[: len(name) - len(ending)] or f"{name}.files"
