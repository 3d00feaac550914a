"""Which text file belongs to which picture: in `labels` as the picture lies in `images`, beside it, or alike."""

from __future__ import annotations

from collections.abc import Collection

from hyperdatasets.formats.folder import Folder, parent, stem, suffix
from hyperdatasets.formats.nearness import bare
from hyperdatasets.formats.yolo.data_files import is_data_file

_PICTURES, _LABELS = "images", "labels"
_Key = tuple[str, ...]


class LabelFiles:
    """The label files of a folder.

    Attributes:
        of: picture -> its label file.
        unpaired: text files that belong to no picture.
        shared: label files that several pictures have.
    """

    def __init__(self, folder: Folder, apart: Collection[str] = ()) -> None:
        """`apart`: text files that are known to be something else."""
        files = [path for path in folder.with_suffix(".txt") if path not in apart and not is_data_file(folder, path)]
        self._there = {_base(path): path for path in reversed(files)}
        self._alike: dict[_Key, list[str]] = {}
        for path in files:
            self._alike.setdefault(_key(path), []).append(path)
        self.of = {picture: path for picture in folder.pictures if (path := self._find(picture))}
        taken = set(self.of.values())
        self.unpaired = [path for path in files if path not in taken]
        self.shared: dict[str, list[str]] = {}
        if len(taken) < len(self.of):
            for picture, path in self.of.items():
                self.shared.setdefault(path, []).append(picture)
            self.shared = {path: several for path, several in self.shared.items() if len(several) > 1}

    def _find(self, picture: str) -> str:
        base = _base(picture)
        for place in (*parallel(base), base):
            if place in self._there:
                return self._there[place]
        alike = self._alike.get(_key(picture), ())
        return alike[0] if len(alike) == 1 else ""


def parallel(path: str) -> list[str]:
    """Where Ultralytics looks: the last folder called `images` is `labels`."""
    parts = path.split("/")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() == _PICTURES:
            names = (_LABELS, _LABELS.capitalize(), _LABELS.upper())
            return ["/".join([*parts[:place], name, *parts[place + 1 :]]) for name in names]
    return []


def label_file_of(picture: str) -> str:
    """Where the label file of a picture is written."""
    base = _base(picture)
    parts = base.split("/")
    found = parallel(base) if _PICTURES in parts[:-1] else []
    return f"{found[0] if found else base}.txt"


def _base(path: str) -> str:
    return path[: len(path) - len(suffix(path))]


def _key(path: str) -> _Key:
    return (*bare(parent(path)), stem(path))
