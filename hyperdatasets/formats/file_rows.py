"""Rows of tables by the file that they describe."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hyperdatasets.formats.folder import parent, posix, split_of
from hyperdatasets.formats.ledger import Kind, Ledger, listed
from hyperdatasets.formats.lookup import Lookup
from hyperdatasets.formats.rows import Row

NO_FILE = "rows that name no file of this folder"
SEVERAL = "rows that name several files of this folder"
TWICE = "further rows for a file; the first was taken"
NAMELESS = "rows that name no file"
SPELLED = "names of files in other letters (upper or lower case, composed or not) than the file has"
_LONGEST = 4_096  # characters of a name


class _Names:
    """Finds files by name, also where only the case of letters differs."""

    def __init__(self, files: Sequence[str]) -> None:
        self._exact = Lookup(files)
        self._files: dict[str, list[str]] = {}
        for path in files:
            self._files.setdefault(_folded(path), []).append(path)
        self._folded = Lookup(self._files)

    def find(self, name: str, beside: str) -> tuple[list[str], bool]:
        """The paths that a name may mean, and whether they are spelled so; in another split it is another file."""
        split = split_of(posix(name))
        near = split or split_of(beside)
        exact = self._exact.find(name, beside=parent(beside), split=near)
        folded = [] if exact else self._folded.find(_folded(name), beside=_folded(parent(beside)), split=near)
        found = exact or [path for each in folded for path in self._files[each]]
        return [path for path in found if not split or split_of(path) in {"", split}], bool(exact)


@dataclass(slots=True)
class FileRows:
    """Rows by path; what fits no file goes into the ledger.

    Attributes:
        files: those that a row may name.
        asked: whether any row came.
    """

    files: Sequence[str]
    ledger: Ledger
    rows: dict[str, Row] = field(default_factory=dict)
    asked: bool = False
    _names: _Names | None = None

    def add(self, row: Row, column: str, beside: str) -> str:
        """The file that a column of a row names; empty if that is not clear.

        Args:
            beside: the path of the file that the row comes from.
        """
        self.asked = True
        path = self.named(row.values.get(column), row.place, beside)
        if not path:
            return ""
        if path in self.rows:
            self.ledger.lose("table rows", row.place, TWICE, path)
            return ""
        self.rows[path] = row
        return path

    def named(self, name: object, place: str, beside: str, *, kind: Kind = "table rows") -> str:
        """The same for a name; `kind`: what is lost where it is not clear."""
        if not isinstance(name, str) or not name.strip():
            self.ledger.lose(kind, place, NAMELESS, f"{name!r:.60}" if name else "")
            return ""
        found, exact = self._found(name, beside)
        if len(found) != 1:
            self.ledger.lose(kind, place, SEVERAL if found else NO_FILE, listed(found) or f"`{name[:200]}`")
            return ""
        if not exact:
            self.ledger.notice(kind, place, SPELLED, f"`{name[:200]}`: {found[0]}")
        return found[0]

    def fits(self, name: object, beside: str) -> bool:
        """Whether a name means one file."""
        return isinstance(name, str) and bool(name.strip()) and len(self._found(name, beside)[0]) == 1

    def without(self, paths: Iterable[str]) -> list[str]:
        """Those of some files that have no row."""
        return [path for path in paths if path not in self.rows]

    def _found(self, name: str, beside: str) -> tuple[list[str], bool]:
        if len(name) > _LONGEST:
            return [], True
        if self._names is None:
            self._names = _Names(self.files)
        return self._names.find(name, beside)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).lower()
