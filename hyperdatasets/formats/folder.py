"""The files below a folder, listed once: all that readers see of a disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hyperdatasets.core.errors import NotFound
from hyperdatasets.formats.suffixes import ANNOTATIONS, ARCHIVES, DOCUMENTS, MEDIA, NO_DATA, PICTURES, TABLES

Opener = Callable[[str], BinaryIO]
"""Opens the file at a relative path for reading; raises OSError."""
NOT_REGULAR = "it is no regular file"
_NEVER_DATA = ANNOTATIONS | TABLES | NO_DATA
_TEXTS = frozenset({".txt", ".lst", ".list"})
_WRITTEN = frozenset({".md", ".rst", ".html", ".htm"})
_MANUALS = frozenset({"doc", "docs", "documentation", "wiki"})  # names of folders
JUNK = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"})
"""Files and folders that operating systems leave, in lower case; hidden ones begin with a dot."""
ROLES = frozenset({
    "images", "image", "img", "imgs", "labels", "label", "masks", "mask", "annotations", "annotation", "ann", "anns",
    "jpegimages", "segmentationclass", "segmentationobject", "imagesets", "main", "data", "dataset", "datasets",
    "frames", "pictures", "files", "obj_train_data", "default", "vocdevkit",
})  # fmt: skip
"""Names of folders that say what lies in them, in lower case: never labels."""
SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "dev",
    "test": "test", "testing": "test", "unlabeled": "unlabeled",
}  # fmt: skip
"""Names of folders and lists that are splits, in lower case -> the split."""


class Unreadable(ValueError):
    """A file that cannot be read as what it should be; the message says why."""


class Folder:
    """Relative paths with `/`, sorted.

    Attributes:
        files: all that may be data or annotations.
        junk: hidden files and folders, and what operating systems leave.
        links: links to folders, which are not followed.
        broken: links that lead nowhere, or to themselves.
        outward: links to files outside of the folder; they are among `files`, too.
        closed: folders that may not be read.
    """

    def __init__(
        self, path: Path, opener: Opener | None = None, *, only: str = "", without: Collection[str] = ()
    ) -> None:
        """
        Args:
            opener: opens files instead of the operating system, by their relative paths.
            only: name of the one file that counts.
            without: paths of files that are read apart: no reader sees them.
        """
        if not path.is_dir():
            raise NotFound(f"there is no folder {path}", kind="folder", name=str(path))
        self.path = path
        self._opener, self._only = opener, only
        self._sizes: dict[str, int] = {}
        self.junk: list[str] = []
        self.links: list[str] = []
        self.broken: list[str] = []
        self.outward: list[str] = []
        self.closed: list[str] = []
        self._real_folder = cache(os.path.realpath)
        self.files: list[str] = [only] if only else sorted(set(self._walk()).difference(without))

    def _walk(self) -> Iterator[str]:
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            try:
                with os.scandir(os.path.join(self.path, prefix)) as found:  # noqa: PTH118  # half the time of Path
                    for each in found:
                        path = f"{prefix}{each.name}"
                        if self._is_file(each, path, waiting):
                            yield path
            except OSError:
                self.closed.append(prefix.rstrip("/") or ".")

    def _is_file(self, found: os.DirEntry[str], path: str, waiting: list[str]) -> bool:
        """Whether it is a file, or a link to one; the path of anything else is kept where it belongs."""
        if found.name.startswith(".") or found.name.lower() in JUNK:
            self.junk.append(path)
            return False
        if found.is_dir(follow_symlinks=False):
            waiting.append(f"{path}/")
            return False
        return not found.is_symlink() or self._leads_to_file(found.path, path)

    def _leads_to_file(self, link: str, path: str) -> bool:
        try:
            is_folder = stat.S_ISDIR(os.stat(link).st_mode)  # noqa: PTH116  # raises for a link to itself
            is_inside = is_folder or self._is_inside(link)
        except OSError:
            self.broken.append(path)
            return False
        if is_folder:
            self.links.append(path)
        elif not is_inside and self._opener is None:  # an opener decides itself whether it follows links
            self.outward.append(path)
        return not is_folder

    def _is_inside(self, link: str) -> bool:
        """Whether a link to a file stays in the folder; other folders are resolved once for all of their files."""
        folder, name = os.path.split(os.path.join(os.path.dirname(link), os.readlink(link)))  # noqa: PTH115, PTH118, PTH120
        target = os.path.join(self._real_folder(folder), name)  # noqa: PTH118
        real = os.path.realpath(target) if os.path.islink(target) else target  # noqa: PTH114
        return real.startswith(os.path.join(self._real_folder(os.fspath(self.path)), ""))  # noqa: PTH118

    def may_hold(self, path: str) -> bool:
        """Whether a file is there, or may be there where nothing was looked at, or nothing can be read now."""
        if self._only:
            return True
        unread = (*self.closed, *self.links)
        return path in self._perhaps_there or any(place == "." or path.startswith(f"{place}/") for place in unread)

    @cached_property
    def _perhaps_there(self) -> frozenset[str]:
        """Also links that lead nowhere, whose files may come back."""
        return frozenset(self.files).union(self.broken)

    def open(self, path: str) -> BinaryIO:
        """Open a regular file, and never wait for a pipe. Raises OSError."""
        return self._opener(path) if self._opener else opened(self.path / path)

    def head(self, path: str, size: int = 4_096) -> bytes:
        """The first bytes of a file; nothing if it cannot be read."""
        try:
            with self.open(path) as file:
                return file.read(size)
        except OSError:
            return b""

    def size(self, path: str) -> int:
        """The bytes of a file as the folder lists it; 0 if that is not known."""
        if path not in self._sizes:
            try:
                self._sizes[path] = os.lstat(os.path.join(self.path, path)).st_size  # noqa: PTH118  # as in `_walk`
            except (OSError, ValueError):
                self._sizes[path] = 0
        return self._sizes[path]

    def read(self, path: str) -> bytes:
        """Raises Unreadable."""
        try:
            with self.open(path) as file:
                return file.read()
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from None

    def text(self, path: str) -> str:
        """The text of a file in UTF-8 or, with a mark, UTF-16; without its mark; line ends are `\\n`.

        Raises:
            Unreadable: it cannot be read, or is in another encoding.
        """
        return decoded(self.read(path))

    @cached_property
    def there(self) -> frozenset[str]:
        """The paths of all files, to ask whether one is there."""
        return frozenset(self.files)

    @cached_property
    def pictures(self) -> list[str]:
        """Files named like pictures."""
        return self.with_suffix(*PICTURES)

    @cached_property
    def media(self) -> list[str]:
        """Files named like pictures, recordings, videos, scans, point clouds."""
        return self.with_suffix(*MEDIA)

    @cached_property
    def data(self) -> list[str]:
        """Media; and where a folder has none, other files that may be data: texts, arrays, files of unknown types.

        Texts are data only where there are no media at all: beside media they are lists of names or label files.
        Those that may be documentation are data only in folders that may be labels.
        """
        with_media = {parent(path) for path in self.media}
        never = MEDIA | (_NEVER_DATA | _TEXTS if with_media else _NEVER_DATA - _WRITTEN)
        more = [
            path
            for path in self.with_suffix(*(ending for ending in self.by_suffix if ending not in never))
            if parent(path) not in with_media and not _is_document(path)
        ]
        return sorted(self.media + more) if more else self.media

    @cached_property
    def by_suffix(self) -> dict[str, list[str]]:
        """Suffix in lower case, with its dot -> paths."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(suffix(path), []).append(path)
        return found

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """Bare name -> paths of media."""
        found: dict[str, list[str]] = {}
        for path in self.media:
            found.setdefault(name_of(path), []).append(path)
        return found

    @cached_property
    def by_stem(self) -> dict[str, list[str]]:
        """Bare name without its last suffix -> paths of media."""
        found: dict[str, list[str]] = {}
        for path in self.media:
            found.setdefault(stem(path), []).append(path)
        return found

    @cached_property
    def packed_annotations(self) -> frozenset[str]:
        """Compressed files that hold annotations by their names, or beside media a table: `instances.json.gz`."""
        inner = ANNOTATIONS | TABLES if self.media else ANNOTATIONS
        return frozenset(path for path in self.with_suffix(*ARCHIVES) if suffix(path[: -len(suffix(path))]) in inner)

    def with_suffix(self, *suffixes: str) -> list[str]:
        return sorted(path for each in suffixes for path in self.by_suffix.get(each, ()))


def opened(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: it cannot be read, or is a pipe, a socket or a device, for which a reader would wait.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # `Path.open` takes no opener
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise OSError(errno.EINVAL, NOT_REGULAR) from None
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, NOT_REGULAR)
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def suffix(path: str) -> str:
    """The last suffix in lower case, with its dot; `.nii.gz` counts as one."""
    dot = path.rfind(".")
    if dot <= path.rfind("/") + 1:  # none in the name, or a hidden file
        return ""
    ending = path[dot:].lower()
    return ".nii.gz" if ending == ".gz" and path[:dot].lower().endswith(".nii") else ending


def name_of(path: str) -> str:
    return path[path.rfind("/") + 1 :]


def stem(path: str) -> str:
    """The bare name without its last suffix."""
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    if name[-3:].lower() == ".gz":
        return name[: len(name) - len(suffix(name))]
    return name[:dot] if dot > 0 else name


def parent(path: str) -> str:
    """The folder of a path; empty for the top."""
    return path[: path.rfind("/")] if "/" in path else ""


def split_of(path: str) -> str:
    """The split that the nearest folder of a path names; empty if none does."""
    parts = map(_unnumbered, reversed(path.lower().split("/")[:-1]))
    return next((SPLITS[part] for part in parts if part in SPLITS), "")


def is_role(name: str) -> bool:
    """Whether the name of a folder says what lies in it, so that it is no label."""
    return not ROLES.union(SPLITS).isdisjoint({name.lower(), _unnumbered(name.lower())})


def _is_document(path: str) -> bool:
    """Whether a file explains the others: `README.txt`; `guide.md`, but not `train/good/guide.md`."""
    name = stem(path).lower()
    if suffix(path) not in _WRITTEN:
        return name in DOCUMENTS
    folders = parent(path).lower().split("/")
    word = name.replace("-", "_").replace(".", "_").partition("_")[0]
    return word in DOCUMENTS or not folders[-1] or is_role(folders[-1]) or not _MANUALS.isdisjoint(folders)


def _unnumbered(name: str) -> str:
    """`train2017` is `train`."""
    return name.rstrip("0123456789_-")


def decoded(content: bytes) -> str:
    """Text in UTF-8, or UTF-16 with its mark.

    Raises:
        Unreadable: it is in another encoding.
    """
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def posix(path: str) -> str:
    """A path that a file names, with `/` and without `./` and empty parts."""
    return str(PurePosixPath(path.strip().replace("\\", "/")))
