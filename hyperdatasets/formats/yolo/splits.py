"""Splits of YOLO: folders or lists of pictures that a YAML file or Darknet names, or lists called `train.txt`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, Unreadable, parent, posix, split_of, stem, suffix
from hyperdatasets.formats.ledger import listed
from hyperdatasets.formats.lookup import Lookup
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.splits import ListedSplits
from hyperdatasets.formats.suffixes import PICTURES
from hyperdatasets.formats.yolo.data_files import DataFile

NOT_THERE = "folders or lists of a split that are not there"
AMBIGUOUS = "names in a list that several pictures have"
ABSENT = "lines of a list of pictures that are not there"


class Splits:
    """The splits of pictures."""

    def __init__(self, reading: Reading, data_files: Sequence[DataFile], unpaired: Sequence[str]) -> None:
        self._reading, self._pictures = reading, Lookup(reading.folder.pictures)
        self._files = Lookup(reading.folder.with_suffix(".txt"))
        self._folders = {folder for path in reading.folder.pictures for folder in _above(path)}
        self._listed = ListedSplits()
        self._own = any(each.own for each in data_files)
        for data in data_files:
            for split, entries in data.splits.items():
                for entry in entries:
                    self._add(data, split, entry)
        for path in unpaired:
            if path not in reading.used and _is_list(reading.folder, path):
                self._read(path, split_of(f"{stem(path)}/x"))

    def give(self, entry: Entry) -> None:
        """Says the splits of a picture: by its lists, and then by its folder."""
        self._listed.give(entry)
        if not self._own:
            entry.add_split(split_of(entry.path))

    def _add(self, data: DataFile, split: str, entry: str) -> None:
        lists = _lists_of(self._files, data, entry)
        folders = [] if _is_text(entry) else self._folders_of(data, posix(entry))
        if len(lists) == 1:
            self._read(lists[0], split)
        elif len(folders) == 1:
            for picture in self._reading.folder.pictures:
                if not folders[0] or picture.startswith(f"{folders[0]}/"):
                    self._listed.add(picture, split, f"{data.path} ({entry})")
        else:
            detail = f"{split}: {entry[:100]}" + (f" may be {listed(lists or folders)}" if lists or folders else "")
            self._reading.ledger.notice("splits", data.path, NOT_THERE, detail)

    def _folders_of(self, data: DataFile, entry: str) -> list[str]:
        """Folders that an entry may mean: below `path`, beside the file, at the top; else by the end of its path."""
        for text in (posixpath.join(posix(data.root), entry), entry):
            for base in (parent(data.path), ""):
                folder = posixpath.normpath(posixpath.join(base, text))
                if (folder := "" if folder == "." else folder) in self._folders:
                    return [folder]
        for tail in _tails(posix(posixpath.join(posix(data.root), entry))):
            if found := sorted(folder for folder in self._folders if f"/{folder}".endswith(f"/{tail}")):
                return found
        return []

    def _read(self, path: str, split: str) -> None:
        self._reading.used.add(path)
        try:
            lines = [line.strip() for line in self._reading.folder.text(path).split("\n")]
        except Unreadable as error:
            self._reading.ledger.unreadable(path, "lists of pictures that cannot be read", str(error))
            return
        missing = []
        for number, line in enumerate(lines, start=1):
            found = self._found(path, split, posix(line)) if line else []
            if len(found) == 1:
                self._listed.add(found[0], split, path)
            elif found:
                self._reading.ledger.lose("splits", f"{path}, line {number}", AMBIGUOUS, listed(found))
            elif line:
                missing.append(line)
        if missing:
            self._reading.ledger.lose("splits", path, ABSENT, listed(missing), count=len(missing))

    def _found(self, path: str, split: str, name: str) -> list[str]:
        """The pictures that a line may mean; one that shares its bare name only is not taken from another split."""
        end = "/".join(name.split("/")[-2:])
        return [each for each in self._pictures.find(name, beside=parent(path), split=split)
                if f"/{each}".endswith(f"/{end}") or split_of(each) in {"", split}]  # fmt: skip


def lists_in(folder: Folder, data_files: Sequence[DataFile]) -> set[str]:
    """Text files that are named as lists of splits, and so are no label files."""
    files = Lookup(folder.with_suffix(".txt"))
    entries = [(data, entry) for data in data_files for each in data.splits.values() for entry in each]
    return {path for data, entry in entries for path in _lists_of(files, data, entry)}


def _lists_of(files: Lookup, data: DataFile, entry: str) -> list[str]:
    return files.find(posixpath.join(posix(data.root), entry), beside=parent(data.path)) if _is_text(entry) else []


def _is_list(folder: Folder, path: str) -> bool:
    """Whether a text file has the name of a split and its first line names a picture."""
    if not split_of(f"{stem(path)}/x"):
        return False
    text = folder.head(path).decode("utf-8-sig", "replace")
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return suffix(posix(first)) in PICTURES


def _is_text(entry: str) -> bool:
    return entry.lower().endswith(".txt")


def _above(path: str) -> Iterator[str]:
    """All folders above a file; the top is empty."""
    while path:
        path = parent(path)
        yield path


def _tails(path: str) -> Iterator[str]:
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    return ("/".join(parts[place:]) for place in range(len(parts)))
