"""Which text file belongs to which picture: in `labels` as the picture lies in `images`, beside it, or alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache

from hyperdatasets.formats.folder import Folder, parent, stem, suffix
from hyperdatasets.formats.nearness import bare
from hyperdatasets.formats.yolo.data_files import is_data_file

_PICTURES, _LABELS = "images", "labels"
_FOLDERS = 4_096  # remembered
_Key = tuple[str, ...]
_bare = lru_cache(_FOLDERS)(bare)


class LabelFiles:
    """The label files of a folder.

    Attributes:
        of: picture -> its label file.
    """

    def __init__(self, folder: Folder, apart: Collection[str] = ()) -> None:
        """`apart`: text files that are known to be something else."""
        self._files = [
            path for path in folder.with_suffix(".txt") if path not in apart and not is_data_file(folder, path)
        ]
        self._there = {_base(path): path for path in reversed(self._files)}
        self.of = {picture: path for picture in folder.pictures if (path := self._find(picture))}

    @cached_property
    def unpaired(self) -> list[str]:
        """Text files that belong to no picture."""
        taken = set(self.of.values())
        return [path for path in self._files if path not in taken]

    @cached_property
    def shared(self) -> dict[str, list[str]]:
        """Label files that several pictures have."""
        found: dict[str, list[str]] = {}
        for picture, path in self.of.items():
            found.setdefault(path, []).append(picture)
        return {path: several for path, several in found.items() if len(several) > 1}

    @cached_property
    def _alike(self) -> dict[_Key, list[str]]:
        """By name and the folders that are no roles."""
        found: dict[_Key, list[str]] = {}
        for path in self._files:
            found.setdefault(_key(path), []).append(path)
        return found

    def _find(self, picture: str) -> str:
        name = stem(picture)
        for place in _places(parent(picture)):
            if path := self._there.get(place + name):
                return path
        alike = self._alike.get(_key(picture), ())
        return alike[0] if len(alike) == 1 else ""


@lru_cache(_FOLDERS)
def _places(folder: str) -> Sequence[str]:
    """Where the label files of the pictures in a folder may lie, the first place first; with `/` at the end."""
    return [*(f"{each}/" for each in _parallel(folder)), f"{folder}/" if folder else ""]


@lru_cache(_FOLDERS)
def _parallel(folder: str) -> Sequence[str]:
    """Folders in which Ultralytics looks: the last one called `images` is `labels`."""
    parts = folder.split("/")
    for place in range(len(parts) - 1, -1, -1):
        if parts[place].lower() == _PICTURES:
            names = (_LABELS, _LABELS.capitalize(), _LABELS.upper())
            return ["/".join([*parts[:place], name, *parts[place + 1 :]]) for name in names]
    return ()


def label_file_of(picture: str) -> str:
    """Where the label file of a picture is written."""
    base = _base(picture)
    folder, name = parent(base), base[base.rfind("/") + 1 :]
    found = _parallel(folder) if _PICTURES in folder.split("/") else ()
    return f"{found[0]}/{name}.txt" if found else f"{base}.txt"


def _base(path: str) -> str:
    return path[: len(path) - len(suffix(path))]


def _key(path: str) -> _Key:
    return (*_bare(parent(path)), stem(path))
