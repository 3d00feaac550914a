"""The ledger of a reader or writer: what it met and what it kept, by kind, and everything that it did not keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from hyperdatasets.core.advice import in_python
from hyperdatasets.core.escapes import encodable, on_one_line
from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted

Kind = Literal[
    "frames", "boxes", "polygons", "ellipses", "key points", "masks", "spans", "3-D shapes", "labels", "captions",
    "attributes", "splits", "table rows", "table cells", "annotation files", "media files",
    "other files",
]  # fmt: skip
"""What is counted. `labels` are those of whole frames, and of colours of masks that stay at a site; `annotation files`
count only where one cannot be read; `media files` are those that an export was asked to put beside the annotations;
`other files` are files that are no data of the format."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Weight = Literal["lost", "skipped", "noticed"]
"""lost: not kept. skipped: not kept, because the user or the site's policy asked for that. noticed: kept, but changed
or guessed."""
_ONE: dict[Kind, str] = {"boxes": "box", "key points": "set of key points"}
SHOWN = 10  # entries of each reason on a terminal


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was not kept, or not kept as it was.

    Its texts can always be written: half of a surrogate pair, as in `{"name": "\\ud800"}`, is escaped.

    Attributes:
        kind: of what it is.
        place: a file, or a file with the line or the id in it: `labels/a.txt, line 3`.
        reason: constant text for this kind of note; notes are grouped by it.
        detail: what is special about this one.
        count: how many of the kind it stands for.
    """

    kind: Kind
    place: str
    reason: str
    detail: str = ""
    count: int = 1
    weight: Weight = "lost"

    def __post_init__(self) -> None:
        for name in ("place", "reason", "detail"):
            text = getattr(self, name)
            if not text.isascii():
                object.__setattr__(self, name, encodable(text))

    def to_plain(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "place": self.place, "reason": self.reason, "detail": self.detail, "count": self.count,
            "weight": self.weight,
        }  # fmt: skip

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


class Ledger:
    """Counts and notes of one run. Whatever is read is either kept, or there is a note.

    Attributes:
        format: name of the format that was read or written.
        about: sentences about the whole run, such as why the format was chosen.
        kept: kind -> how many were kept.
        notes: in the order in which they were made.
        why: why no frame came in, where that is known.
        broken: annotation files that could not be read; of a ledger that was made here, not of one from plain data.
        frames: of an import: how many frames the service added, updated, found unchanged.
    """

    def __init__(self, format_name: str = "", *, writes: bool = False) -> None:
        """`writes`: it is that of an export, which may be empty."""
        self.format, self.writes = format_name, writes
        self.about: list[str] = []
        self.kept: Counter[Kind] = Counter()
        self.notes: list[Note] = []
        self.frames: dict[str, int] = {}
        self.why = ""
        self.broken: list[str] = []
        self._unkept: Counter[Kind] = Counter()
        self._failures = 0

    def keep(self, kind: Kind, count: int = 1) -> None:
        self.kept[kind] += count

    def lose(self, kind: Kind, place: str, reason: str, detail: str = "", *, count: int = 1) -> None:
        """Something was met and is not kept."""
        self.add(Note(kind, place, reason, detail, count))

    def skip(self, kind: Kind, place: str, reason: str, detail: str = "", *, count: int = 1) -> None:
        """The same, because somebody asked for that: no loss."""
        self.add(Note(kind, place, reason, detail, count, "skipped"))

    def notice(self, kind: Kind, place: str, reason: str, detail: str = "", *, count: int = 1) -> None:
        """Something is kept, but changed or guessed."""
        self.add(Note(kind, place, reason, detail, count, "noticed"))

    def unreadable(self, place: str, reason: str, detail: str = "") -> None:
        """An annotation file could not be read: the run has failed, though it goes on."""
        self._failures += 1
        if place not in self.broken:
            self.broken.append(place)
        self.lose("annotation files", place, reason, detail)

    def add(self, note: Note) -> None:
        self.notes.append(note)
        if note.weight != "noticed":
            self._unkept[note.kind] += note.count

    def take_back(self, kept: Mapping[Kind, int], place: str, reason: str, detail: str = "") -> None:
        """A frame that was counted as kept was refused later, with all that it had."""
        for kind, count in kept.items():
            self.kept[kind] -= count
            self.lose(kind, place, reason, detail, count=count)

    @property
    def read(self) -> dict[Kind, int]:
        """Kind -> how many were met."""
        return {kind: total for kind in KINDS if (total := self.kept[kind] + self._unkept[kind])}

    @property
    def lost(self) -> dict[Kind, int]:
        """Kind -> how many were lost."""
        totals: Counter[Kind] = Counter()
        for note in self.losses():
            totals[note.kind] += note.count
        return {kind: totals[kind] for kind in KINDS if totals[kind]}

    def losses(self) -> Iterator[Note]:
        return (note for note in self.notes if note.weight == "lost")

    @property
    def complete(self) -> bool:
        """Whether nothing was lost; files that are no data are no loss."""
        return not any(note.kind != "other files" for note in self.losses())

    @property
    def failed(self) -> str:
        """Why the whole run has failed; empty if it has not."""
        if self._failures:
            return f"{counted(self._failures, 'annotation file')} could not be read"
        if self.kept["frames"] or self.writes:
            return ""
        why = f": {self.why}" if self.why else ""
        if self.lost.get("frames"):
            return f"every frame failed{why}"
        if self.read.get("frames"):
            return "nothing came in: every frame was skipped"
        return f"nothing came in: {self.why or 'no frame was found'}"

    def groups(self) -> dict[tuple[Weight, Kind, str], list[Note]]:
        """Notes by weight, kind and reason; losses first."""
        found: dict[tuple[Weight, Kind, str], list[Note]] = {}
        for weight in get_args(Weight):
            for note in self.notes:
                if note.weight == weight:
                    found.setdefault((weight, note.kind, note.reason), []).append(note)
        return found

    def lines(self, shown: int = SHOWN, *, rest: str = "") -> Iterator[str]:
        """For people: a line for each reason, below it the first places; a name with a line end stays on its line.

        Args:
            rest: where the places are that are not shown.
        """
        return map(on_one_line, self._lines(shown, rest))

    def _lines(self, shown: int, rest: str) -> Iterator[str]:
        for (weight, kind, reason), notes in self.groups().items():
            yield headline(weight, kind, reason, notes)
            for note in notes[:shown]:
                times = f" x {note.count}" if note.count > 1 else ""
                yield f"    {note.place}" + (f" ({note.detail})" if note.detail else "") + times
            if len(notes) > shown:
                yield f"    … and {len(notes) - shown} more{rest}"

    def table(self) -> list[tuple[Kind, int, int]]:
        """Rows of kind, read, kept."""
        return [(kind, count, self.kept[kind]) for kind, count in self.read.items()]

    def to_plain(self) -> dict[str, Any]:
        return {
            "format": self.format, "writes": self.writes, "about": [*map(encodable, self.about)], "read": self.read,
            "kept": {kind: self.kept[kind] for kind in self.read}, "lost": self.lost, "frames": self.frames,
            "problem": self.failed, "why": self.why, "unreadable": self._failures, "complete": self.complete,
            "notes": [note.to_plain() for note in self.notes],
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Ledger:
        """Inverse of `to_plain`."""
        ledger = cls(plain["format"], writes=plain["writes"])
        ledger.about, ledger.frames = list(plain["about"]), dict(plain["frames"])
        ledger.kept.update(plain["kept"])
        for each in plain["notes"]:
            ledger.add(Note(**each))
        ledger._failures, ledger.why = plain["unreadable"], plain.get("why", "")
        return ledger

    def __repr__(self) -> str:
        return "\n".join(table.text() for table in self._tables())

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self._tables())

    def _tables(self) -> Iterator[Table]:
        """Counts by kind, then a row for each reason of a note."""
        frames = "".join(f", {count} {what}" for what, count in self.frames.items())
        lost = self.lost
        counts = [(kind, read, kept, lost.get(kind, 0)) for kind, read, kept in self.table()]
        yield Table(f"Ledger({self.format}{frames})", ("kind", "read", "kept", "lost"), counts)
        rows = [
            (weight, sum(note.count for note in notes), kind, in_python(reason), listed(note.place for note in notes))
            for (weight, kind, reason), notes in self.groups().items()
        ]
        if rows:
            yield Table("notes", ("", "count", "kind", "why", "where"), rows, ("why",))


def headline(weight: Weight, kind: Kind, reason: str, notes: Iterable[Note]) -> str:
    """The notes of one reason in a line: `lost: 2 boxes: boxes without a width`."""
    return f"{weight}: {counted_kind(sum(note.count for note in notes), kind)}: {reason}"


def counted_kind(count: int, kind: Kind) -> str:
    """`1 box`, `2 boxes`."""
    return counted(count, _ONE.get(kind, kind.removesuffix("s")), kind)


def listed(places: Iterable[str], shown: int = 3) -> str:
    """The first of some places in words: `a, b, c and 4 more`."""
    every = list(places)
    rest = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + rest
