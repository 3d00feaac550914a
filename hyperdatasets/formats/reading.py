"""Folders of data in any known layout: recognised, and read entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hyperdatasets.core.wording import counted
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, suffix
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.suffixes import ARCHIVES

Colour = tuple[int, int, int]
MaskLabels = dict[str, dict[Colour, list[str]]]
"""Mask id -> RGB value -> labels."""


class Evidence(NamedTuple):
    """What speaks for a format in a folder.

    Attributes:
        annotated: how many data files it gives annotations or labels.
        used: annotation files that it reads.
        told: in words: `364 XML files beside their pictures`.
        weight: below 1 if the evidence is weak, such as names of folders.
    """

    annotated: int
    used: Sequence[str]
    told: str
    weight: float = 1.0

    @property
    def score(self) -> tuple[float, int]:
        return self.annotated * self.weight, len(self.used)


@dataclass(slots=True)
class Reading:
    """One run of a reader over a folder.

    Attributes:
        mask_labels: what the colours of masks mean; complete when all entries were read.
        used: annotation files that were read.
        unread: annotation files of other formats, which are named apart.
        expected: how many entries there will be, as soon as the reader knows it.
    """

    folder: Folder
    ledger: Ledger
    mask_labels: MaskLabels = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    unread: Mapping[str, str] = field(default_factory=dict)
    expected: int | None = None

    def rest(self, data: Sequence[str] | set[str], *, reason: str = "files that are no data of this format") -> None:
        """Names the files that are neither data nor annotations; called once, at the end."""
        told = {note.place for note in self.ledger.losses() if note.kind == "annotation files"}
        known = self.used.union(data, self.unread, told)
        for path in self.folder.files:
            if path not in known and suffix(path) not in ARCHIVES:  # archives are named by the intake
                self.ledger.skip("other files", path, reason)


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of annotations that is read.

    Attributes:
        name: as `--format` takes it; title: for people.
        recognise: what speaks for it; None if nothing does. Opens few files, however many there are.
        read: yields entries by path; writes into the ledger what it does not keep.
    """

    name: str
    title: str
    recognise: Callable[[Folder], Evidence | None]
    read: Callable[[Reading], Iterator[Entry]]


__all__ = ["Colour", "Evidence", "Format", "MaskLabels", "Reading", "counted", "listed"]
