"""Which text file belongs to which picture: in `labels` as the picture lies in `images`, beside it, or by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, lru_cache

from hyperdatasets.formats.folder import Folder, is_role, parent, split_of, stem, suffix
from hyperdatasets.formats.nearness import bare
from hyperdatasets.formats.suffixes import PICTURES
from hyperdatasets.formats.yolo.data_files import is_data_file

_PICTURES, _LABELS = "images", "labels"
_FOLDERS = 4_096  # remembered
_Key = tuple[str, ...]
_bare = lru_cache(_FOLDERS)(bare)


class LabelFiles:
    """The label files of a folder.

    Attributes:
        of: picture -> its label file.
        guessed: those of them that lie elsewhere and have the only fitting name: `images/train/a.jpg`, `labels/a.txt`.
    """

    def __init__(self, folder: Folder, apart: Collection[str] = ()) -> None:
        """`apart`: text files that are known to be something else."""
        self._folder = folder
        self._files = [
            path for path in folder.with_suffix(".txt") if path not in apart and not is_data_file(folder, path)
        ]
        self._there = {_base(path): path for path in reversed(self._files)}
        self.of = {picture: path for picture in folder.pictures if (path := self._find(picture))}
        self.guessed = dict(self._by_name()) if len(self.of) < len(folder.pictures) else {}
        self.of |= self.guessed

    def may_belong_to(self, path: str) -> list[str]:
        """The pictures whose name a label file has, in folders that do not speak against it."""
        pictures = self._folder.by_stem.get(stem(path), ())
        return [each for each in pictures if suffix(each) in PICTURES and _agree(parent(path), parent(each))]

    def _by_name(self) -> Iterator[tuple[str, str]]:
        taken = set(self.of.values())
        fitting = {path: found for path in self._files if path not in taken and (found := self.may_belong_to(path))}
        times = Counter(picture for found in fitting.values() for picture in found)
        for path, found in fitting.items():
            one = len({_base(picture) for picture in found}) == 1
            if one and all(times[picture] == 1 and picture not in self.of for picture in found):
                yield from ((picture, path) for picture in found)

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


@lru_cache(_FOLDERS)
def _agree(labels: str, pictures: str) -> bool:
    """Whether a folder of label files may be for a folder of pictures: of one split, or one of none, and with no other
    names in its path: `labels/a.txt` may be for `images/train/a.jpg`, `notes/a.txt` is not.
    """
    splits = {split for each in (labels, pictures) if (split := split_of(f"{each}/x"))}
    return len(splits) < 2 and _names(labels) <= _names(pictures)


@lru_cache(_FOLDERS)
def _names(folder: str) -> frozenset[str]:
    return frozenset(name for name in folder.split("/") if name and not is_role(name))


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
