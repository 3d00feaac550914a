"""Files of a folder with what annotation files say of them, gathered until all of these were read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from hyperdatasets.formats.entry import Entry, MaskFile
from hyperdatasets.formats.folder import SPLITS, split_of
from hyperdatasets.formats.ledger import listed
from hyperdatasets.formats.lookup import Lookup
from hyperdatasets.formats.mask_sizes import check_sizes
from hyperdatasets.formats.reading import Reading

MISSING = "files that are described, but are not in the folder"
SEVERAL = "files that are described, but several have this name"
OF_MISSING = "annotations of a file that is not in the folder"
OF_SEVERAL = "annotations of a file whose name several have"
TWICE = "files that are described more than once; all annotations were kept"
SIZES = "files that are described with different sizes; the first was taken"
UNNAMED = "files that no annotation file names"


class Described:
    """Entries by path.

    Attributes:
        data: paths of the files that are data, whether they are described or not; `optional` are those that are data
            only if they are.
    """

    def __init__(self, reading: Reading, data: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.reading, self.data, self._optional = reading, data, frozenset(optional)
        self._there = self._optional.union(data)
        self._lookup = Lookup(self._there)
        self._folded: dict[str, list[str]] = {}
        for path in sorted(self._there):
            self._folded.setdefault(_folded(path), []).append(path)
        self._folded_lookup = Lookup(self._folded)
        self._entries: dict[str, Entry] = {}
        self._places: dict[str, str] = {}
        self._masks: set[str] = set()
        self._settled: set[str] = set()

    def is_data(self, path: str) -> bool:
        return path in self._there

    def find(self, name: str, *, folders: Sequence[str], split: str = "") -> Sequence[str]:
        """The files that a name may mean: one if it is clear.

        Args:
            folders: where the file may be, from the most to the least likely; the last one is that of the annotation
                file.
        """
        for folder in folders:
            path = posixpath.normpath(posixpath.join(folder, name.replace("\\", "/")))
            if path in self._there:
                return [path]
        exact = self._lookup.find(name, beside=folders[-1], split=split)
        if exact or not name:
            return exact
        found = self._folded_lookup.find(_folded(name), beside=_folded(folders[-1]), split=split)
        return [path for folded in found for path in self._folded[folded]]

    def lose(self, name: str, found: Sequence[str], said: Entry, place: str) -> None:
        """Writes into the ledger that a name means no file, or several."""
        ledger = self.reading.ledger
        ledger.lose("frames", place, SEVERAL if found else MISSING, listed(found) if found else name[:200])
        for item in said.items:
            ledger.lose(item.kind, item.place, OF_SEVERAL if found else OF_MISSING)
        if count := said.held().get("attributes"):
            ledger.lose("attributes", place, OF_SEVERAL if found else OF_MISSING, count=count)

    def at(self, path: str, place: str) -> Entry:
        """The entry of a file, which may have been described before."""
        if path in self._entries and self._places[path] != place:
            self.reading.ledger.notice("frames", place, TWICE, path)
        self._places.setdefault(path, place)
        return self._entries.setdefault(path, Entry(path, place=place))

    def take_split(self, entry: Entry, split: str, by: str) -> None:
        """Says which split a file belongs to, empty for none, whatever its folder is called."""
        entry.add_split(split, by)
        self._settled.add(entry.path)

    def add_size(self, entry: Entry, size: tuple[int, int] | None, place: str) -> None:
        """Says for which width and height the annotations were made."""
        if size and entry.stated and size != entry.stated:
            told = f"{entry.stated[0]} x {entry.stated[1]} and {size[0]} x {size[1]}"
            self.reading.ledger.notice("frames", place, SIZES, told)
        entry.stated = entry.stated or size

    def add_masks(self, entry: Entry, masks: Any, *, folders: Sequence[str], place: str) -> None:
        """Mask pictures as `extension.frame_fields` writes them."""
        for mask in masks if isinstance(masks, list) else ():
            named = mask if isinstance(mask, dict) else {}
            name = str(named.get("path", ""))
            found = self.find(name, folders=folders)
            if len(found) == 1:
                entry.masks.append(MaskFile(str(named.get("id", "")), found[0]))
                self._masks.add(found[0])
            else:
                self.reading.ledger.lose("masks", place, SEVERAL if found else MISSING, name[:200])

    def entries(self) -> Iterator[Entry]:
        """All files by path, and then the names of those that are neither data nor annotations."""
        chosen = sorted({*self.data, *self._optional.intersection(self._entries)} - self._masks)
        self.reading.expected = len(chosen)
        for path in chosen:
            entry = self._entries.pop(path, None)
            if entry is None:
                entry = Entry(path)
                if self.reading.used:
                    self.reading.ledger.notice("frames", path, UNNAMED)
            check_sizes(self.reading.folder, path, entry.masks, self.reading.ledger)
            if path not in self._settled:
                entry.add_split(split_of(path))
            yield entry
        self.reading.rest({*chosen, *self._masks})


def _folded(path: str) -> str:
    """Paths that differ in case, or in spaces where a tool writes `_`, become one."""
    return path.lower().replace(" ", "_")


def split_named(name: str) -> str:
    """The split that a name in an annotation file means; the name itself if it is no usual one."""
    return SPLITS.get(name.strip().lower(), name.strip())


def split_of_subset(name: str) -> str:
    """The same where `default` means that there is no split."""
    split = split_named(name)
    return "" if split.lower() == "default" else split
