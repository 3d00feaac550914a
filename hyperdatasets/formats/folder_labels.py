"""Labels from names of folders: `cat/1.png`, `train/cat/1.png`, `dog/1.wav`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from hyperdatasets.formats.folder import SPLITS, Folder, is_role, parent, split_of, suffix
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.suffixes import SCANS

_CASES = SCANS | {""}
DEEPER = "labels from the folder directly above the file; other tools (torchvision) take the uppermost folder"
OUTSIDE = "files in no folder of a label, kept without one"
_CACHED = 1 << 14  # names of folders
_WORDS = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class FolderLabels:
    """The labels of files, by path.

    Attributes:
        below_split: whether some lie below a split.
        deeper: files below several folders.
    """

    labels: Mapping[str, str]
    below_split: bool
    deeper: tuple[str, ...]

    def without(self, paths: Collection[str]) -> FolderLabels:
        """The labels of all other files."""
        labels = {path: label for path, label in self.labels.items() if path not in paths}
        return FolderLabels(labels, self.below_split, self.deeper)

    @property
    def clear(self) -> bool:
        """At least two labels, or one below a split: one folder alone may be called anything.

        Scans in folders that all have a number (`patient-001`, `SE000002`) lie by patient, study or series.
        """
        names = set(self.labels.values())
        cases = all(map(_has_digit, names)) and all(suffix(path) in _CASES for path in self.labels)
        return (len(names) > 1 or (self.below_split and bool(names))) and not cases


def folder_labels(folder: Folder) -> FolderLabels:
    labels: dict[str, str] = {}
    deeper: list[str] = []
    below_split = False
    of_folder: dict[str, tuple[str, bool, bool]] = {}
    for path in folder.data:
        place = parent(path)
        if place not in of_folder:
            of_folder[place] = _label_of(place)
        label, is_below_split, is_deeper = of_folder[place]
        if label:
            labels[path] = label
            below_split = below_split or is_below_split
            if is_deeper:
                deeper.append(path)
    return FolderLabels(labels, below_split, tuple(deeper))


def _label_of(folder: str) -> tuple[str, bool, bool]:
    """The label of the files in a folder, empty for none; whether it lies below a split; and below other labels."""
    names = folder.split("/")
    if not folder or says_role(names[-1]):
        return "", False, False
    uppermost = next(name for name in names if not says_role(name))
    return names[-1], any(split_in(name) for name in names), uppermost != names[-1]


def tell(found: FolderLabels, folder: Folder, ledger: Ledger) -> None:
    """What is special about the labels, once for all files."""
    if found.deeper:
        detail = f"`{found.labels[found.deeper[0]]}`: {listed(found.deeper)}"
        ledger.notice("labels", found.deeper[0], DEEPER, detail, count=len(found.deeper))
    for path in folder.media:
        if path not in found.labels:
            ledger.notice("frames", path, OUTSIDE)


def _has_digit(name: str) -> bool:
    return any(map(str.isdigit, name))


@lru_cache(_CACHED)
def says_role(name: str) -> bool:
    """Whether all words of a folder's name are roles or splits: `train_images`, `train2017`, `labels`."""
    words = _WORDS.findall(name.lower())
    return is_role(name) or (bool(words) and all(map(is_role, words)))


@lru_cache(_CACHED)
def split_in(name: str) -> str:
    """The split that the name of a folder says: `train`, `train2017`, `train_images`."""
    if split := split_of(f"{name}/x"):
        return split
    words = _WORDS.findall(name.lower()) if says_role(name) else []
    return next((SPLITS[word] for word in words if word in SPLITS), "")


def nearest_split(path: str) -> str:
    """The split that the nearest folder of a path says; empty if none does."""
    return next((split for name in reversed(path.split("/")[:-1]) if (split := split_in(name))), "")
