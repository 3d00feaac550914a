"""Labels from names of folders: `cat/1.png`, `train/cat/1.png`, `cat/train/1.png`, `dog/1.wav`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from hyperdatasets.formats.folder import SPLITS, Folder, is_role, parent, split_of, suffix
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.suffixes import SCANS

_CASES = SCANS | {""}
DEEPER = "labels from the folder directly above the file; other tools (torchvision) take the uppermost folder"
PASSED = "labels from folders above those that hold the files, which are splits or say what is in them"
OUTSIDE = "files in no folder of a label, kept without one"
_CACHED = 1 << 14  # names of folders
_WORDS = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class FolderLabels:
    """The labels of files, by path.

    Attributes:
        below_split: whether some of the labels lie below a split.
        deeper: files below several folders.
        passed: files whose label lies above a split or a role: `cat/train/1.png`, `cat/images/1.png`.
    """

    labels: Mapping[str, str]
    below_split: bool
    deeper: tuple[str, ...]
    passed: tuple[str, ...] = ()

    def without(self, paths: Collection[str]) -> FolderLabels:
        """The labels of all other files."""
        labels = {path: label for path, label in self.labels.items() if path not in paths}
        return replace(self, labels=labels)

    @property
    def clear(self) -> bool:
        """At least two labels, or one below a split: one folder alone may be called anything."""
        names = set(self.labels.values())
        return (len(names) > 1 or (self.below_split and bool(names))) and not self.cases

    @property
    def cases(self) -> bool:
        """Scans in folders that all have a number (`patient-001`, `SE000002`) lie by patient, study or series."""
        return all(map(_has_digit, self.labels.values())) and all(suffix(path) in _CASES for path in self.labels)


class _Label(NamedTuple):
    """The label of the files in a folder: the nearest folder that is no split and no role; empty for none."""

    name: str = ""
    below_split: bool = False
    deeper: bool = False
    passed: bool = False


def folder_labels(folder: Folder) -> FolderLabels:
    labels: dict[str, str] = {}
    deeper: list[str] = []
    passed: list[str] = []
    below_split = False
    of_folder: dict[str, _Label] = {}
    for path in folder.data:
        place = parent(path)
        if place not in of_folder:
            of_folder[place] = _label_of(place)
        label = of_folder[place]
        if label.name:
            labels[path] = label.name
            below_split = below_split or label.below_split
            if label.deeper:
                deeper.append(path)
            if label.passed:
                passed.append(path)
    return FolderLabels(labels, below_split, tuple(deeper), tuple(passed))


def _label_of(folder: str) -> _Label:
    names = folder.split("/") if folder else []
    places = [place for place, name in enumerate(names) if not says_role(name)]
    if not places:
        return _Label()
    name, above = names[places[-1]], names[: places[-1]]
    return _Label(name, any(map(split_in, above)), names[places[0]] != name, places[-1] < len(names) - 1)


def tell(found: FolderLabels, folder: Folder, ledger: Ledger) -> None:
    """What is special about the labels, once for all files."""
    if found.deeper:
        detail = f"`{found.labels[found.deeper[0]]}`: {listed(found.deeper)}"
        ledger.notice("labels", found.deeper[0], DEEPER, detail, count=len(found.deeper))
    if found.passed:
        detail = f"`{found.labels[found.passed[0]]}`: {listed(found.passed)}"
        ledger.notice("labels", found.passed[0], PASSED, detail, count=len(found.passed))
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
