"""The splits that lists of files give, with the lists that give them."""

from __future__ import annotations

from hyperdatasets.formats.entry import Entry


class ListedSplits:
    """The splits of files by path. A file may be in several: the first counts, and the others are told."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str]] = {}
        self._further: dict[str, list[tuple[str, str]]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._first

    def add(self, path: str, split: str, by: str) -> None:
        """Puts a file into a split; `by` is the list that says so, for messages."""
        if self._first.setdefault(path, (split, by))[0] != split:
            self._further.setdefault(path, []).append((split, by))

    def give(self, entry: Entry) -> None:
        """Says all splits of a file, the first one first."""
        if first := self._first.get(entry.path):
            for split, by in (first, *self._further.get(entry.path, ())):
                entry.add_split(split, by)
