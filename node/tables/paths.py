"""The files of a folder by every name that a table may give them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

BELOW_FOLDER = "files are named with the path of the folder"
BARE_NAME = "files are named without their folder"
NO_SUFFIX = "files are named without their suffix"
OTHER_CASE = "file names differ by upper and lower case, or by how accents are stored"
_MOST = 3  # candidates that are named
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


class Found(NamedTuple):
    """Files that a name fits, and how; more than one file = the name is ambiguous."""

    paths: tuple[str, ...]
    how: tuple[str, ...]


class _Level(NamedTuple):
    """One way to name a file.

    Attributes:
        path_key: what a path is called where the table has a path.
        name_key: the same where the table has a bare name.
        asked: of a text in the table.
    """

    how: tuple[str, ...]
    path_key: Callable[[str], str]
    name_key: Callable[[str], str]
    asked: Callable[[str], str]


class Paths:
    """Looks up files by name; looser ways come after the exact ones, and are prepared when they are needed."""

    def __init__(self, paths: Iterable[str], folders: Sequence[str] = ()) -> None:
        self.all = tuple(dict.fromkeys(paths))
        self._exact = frozenset(self.all)
        self._folders = [stripped for each in folders if (stripped := each.replace("\\", "/").strip("/"))]
        self._indexes: dict[Callable[[str], str], Mapping[str, tuple[str, ...]]] = {}

    def find(self, name: str) -> Found | None:
        """The files that a name fits in the most exact way that fits any; None if it fits none."""
        if name in self._exact:
            return Found((name,), ())
        for text, how in self._readings(name):
            if text in self._exact:
                return Found((text,), how)
        for level in _LEVELS:
            for text, how in self._readings(name):
                key = level.path_key if "/" in text else level.name_key
                if paths := self._index(key).get(level.asked(text)):
                    bare = (BARE_NAME,) if "/" not in text and any("/" in path for path in paths) else ()
                    return Found(paths, (*how, *bare, *level.how))
        return None

    def _readings(self, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        plain = _plain(name)
        yield plain, ()
        for folder in self._folders:
            bare = plain.removeprefix("/")
            if bare.startswith(f"{folder}/"):
                yield bare.removeprefix(f"{folder}/"), (BELOW_FOLDER,)

    def _index(self, key: Callable[[str], str]) -> Mapping[str, tuple[str, ...]]:
        """Key -> the first files that have it."""
        if key not in self._indexes:
            found: dict[str, tuple[str, ...]] = {}
            for path in self.all:
                before = found.get(key(path), ())
                if len(before) < _MOST:
                    found[key(path)] = (*before, path)
            self._indexes[key] = found
        return self._indexes[key]


def _plain(name: str) -> str:
    """Without `.` and empty parts."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return "/" * name.startswith("/") + "/".join(parts)


def _itself(text: str) -> str:
    return text


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """Without the suffix; `a.nii.gz` has the suffix `.nii.gz`."""
    folder, slash, name = path.rpartition("/")
    for ending in _COMPRESSED:
        name = name.removesuffix(ending) if name.count(".") > 1 else name
    stem = name.rpartition(".")[0]
    return f"{folder}{slash}{stem or name}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _folded_base(path: str) -> str:
    return _folded(_base(path))


def _folded_stem(path: str) -> str:
    return _folded(_stem(path))


def _base_stem(path: str) -> str:
    return _base(_stem(path))


def _folded_base_stem(path: str) -> str:
    return _folded(_base_stem(path))


_LEVELS = (
    _Level((), _itself, _base, _itself),
    _Level((NO_SUFFIX,), _stem, _base_stem, _itself),
    _Level((OTHER_CASE,), _folded, _folded_base, _folded),
    _Level((NO_SUFFIX, OTHER_CASE), _folded_stem, _folded_base_stem, _folded),
)
