"""Files by the names that annotation files give them."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import unquote

from hyperdatasets.formats.folder import SPLITS, name_of, parent, posix, split_of


class Lookup:
    """Finds a file: beside the annotation file, in the folder of its split, at the top; then by the end of its path."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._there = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        self._of_split: dict[str, list[str]] = {}
        for path in sorted(self._there):
            self._by_name.setdefault(name_of(path), []).append(path)
        for folder in sorted({parent(path) for path in self._there}):
            if split := split_of(f"{folder}/x"):
                self._of_split.setdefault(split, []).append(folder)

    def find(self, name: str, *, beside: str = "", split: str = "") -> list[str]:
        """The paths that a name may mean: one if it is clear, none if there is no such file.

        Args:
            name: as the annotation file writes it; absolute paths and backslashes are understood.
            beside: folder of the annotation file.
            split: the split that the annotation file is for.
        """
        for tail in _tails(posix(name)):
            for near in ([beside], self._of_split.get(split, []), [""]):
                found = {path for folder in near if (path := _joined(folder, tail)) in self._there}
                if found:
                    return sorted(found)
            ends = [path for path in self._by_name.get(name_of(tail), ()) if path.endswith(f"/{tail}")]
            if ends:
                return _of_split(ends, split)
        return []

    def alike(self, name: str, *, beside: str = "", split: str = "") -> list[str]:
        """The same for names that differ by case, Unicode normalisation or %-escapes: a guess, to be told."""
        lookup, originals = self._alike
        found = lookup.find(_folded(posix(name)), beside=_folded(beside), split=split)
        return sorted(path for each in found for path in originals[each])

    @cached_property
    def _alike(self) -> tuple[Lookup, dict[str, list[str]]]:
        originals: dict[str, list[str]] = {}
        for path in self._there:
            originals.setdefault(_folded(path), []).append(path)
        return Lookup(originals), originals


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()


def _of_split(paths: list[str], split: str) -> list[str]:
    """Of several, those that lie in a folder of the split, if there are any."""
    return [path for path in paths if split_of(path) == split] or paths if split in SPLITS.values() else paths


def _tails(name: str) -> Iterator[str]:
    """`/data/images/a.jpg`, `data/images/a.jpg`, `images/a.jpg`, `a.jpg`."""
    yield name
    rest = name.lstrip("/")
    while "/" in rest:
        if rest != name and not rest.startswith("../"):
            yield rest
        rest = rest.partition("/")[2]
    if rest != name:
        yield rest


def _joined(folder: str, tail: str) -> str:
    return posixpath.normpath(f"{folder}/{tail}" if folder else tail)
