"""What comes in: the entries of a folder, filtered as asked, and the frames that they become. Used by all importers."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, SupportsIndex
from urllib.parse import unquote

from hyperdatasets.core import registering
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.wording import counted
from hyperdatasets.formats import registry
from hyperdatasets.formats.agreement import Agreement
from hyperdatasets.formats.counting import held_of, kept_of
from hyperdatasets.formats.detection import Found, detect, given
from hyperdatasets.formats.entry import Entry, Made, to_frame
from hyperdatasets.formats.folder import Folder, parent, suffix
from hyperdatasets.formats.ledger import Kind, Ledger, listed
from hyperdatasets.formats.media import Media
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.suffixes import ANNOTATIONS, ARCHIVES, MEDIA

NOT_ASKED_FOR = "annotations of classes that `option classes` does not list"
WITHOUT_CLASSES = "frames without any of the classes that `option classes` lists"
OF_ANOTHER_FORMAT = "annotations of another format, not read; import again with `option format` to add them"
LEFT_OUT = "files that cannot be read, left out"
LEFT_OUT_WITH = "annotations and metadata of a frame that is left out"
INVALID = "frames that are not valid"
STORED_KEPT = (
    "stored annotations or metadata differ from the files, and were kept; `option replace_annotations` takes the files'"
)
NONE_CAME = (
    "stored annotations were kept, since the files have none for these frames; delete them from the draft if that is "
    "meant"
)
METADATA_STAYS = "stored metadata that the files do not have was kept; delete it from the draft if that is meant"
DISAPPEARED = "frames whose files have disappeared; `option prune` removes them from the draft"
NAMELESS = "relative URIs that name no file of the folder, kept as they are"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/")
PACKED = "archives and compressed files, not unpacked"
COMPRESSED = "compressed annotation files, not read; unpack them"
REPAIR = "Repair it and import again: frames without annotations get them, for others say `option replace_annotations`"
NO_PICTURES = "none of the pictures is in this folder; give the folder that holds pictures and annotations"
BROKEN = "links that lead nowhere"
OUTWARD = "links that lead out of the folder, and are followed"
PRUNED = "frames whose files have disappeared, removed from the draft (`option prune`)"
WITHOUT_DOCUMENT = "frames of documents that were not found in their file; `option prune` removes them from the draft"
DOCUMENT_PRUNED = "frames of documents that were not found in their file, removed from the draft (`option prune`)"
NOT_PRUNED = "Whole frames have URIs of their own, so none can be missed: `option prune` removed nothing."


def check_limit(limit: int | None) -> None:
    """Raises InvalidArgument: it is no whole number, or no frame could be read."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, SupportsIndex) or int(limit) < 1):
        raise InvalidArgument(f"`option limit`: expected a whole number above 0, got {limit!r:.60}")


@dataclass(frozen=True, slots=True)
class Options:
    """How a folder is read.

    Attributes:
        format: name of a format; `auto` or empty: found out.
        classes: only annotations with one of these labels, and only frames that have one; empty = all.
        limit: read so many frames and stop; None = all.
        agreement: how coordinates are read that do not fit their picture.
    """

    format: str = "auto"
    classes: frozenset[str] = frozenset()
    limit: int | None = None
    agreement: Agreement = field(default_factory=Agreement)

    def __post_init__(self) -> None:
        check_limit(self.limit)


class Intake:
    """One run over a folder; its ledger has every file and annotation that was met.

    Attributes:
        looked_at: how many entries the reader has given so far, also those that become no frame.
    """

    def __init__(self, folder: Folder, options: Options) -> None:
        """Raises InvalidArgument: the format is unknown, or cannot be told."""
        self.options = options
        chosen = _chosen(folder, options.format)
        self._format = chosen.format
        self.ledger = Ledger(self._format.name)
        self.ledger.about += chosen.about
        self.reading = Reading(folder, self.ledger, unread=chosen.unread)
        self.looked_at = 0
        self._used = chosen.used
        self._unknown: Counter[str] = Counter()
        self._plain: Counter[str] = Counter()  # content types of files without annotations
        self._taken: set[str] = set()  # files of another format that became frames all the same
        _tell_of_folder(folder, self.ledger)

    def entries(self) -> Iterator[Entry]:
        """What is to become frames."""
        count = 0
        for entry in self._format.read(self.reading):
            self.looked_at += 1
            if entry.path in self.reading.unread:
                self._taken.add(entry.path)
            if problem := problem_of_name(entry.path):
                self.leave_out(entry, *problem)
                continue
            chosen = self._of_classes(entry)
            if chosen is None:
                continue
            yield chosen
            count += 1
            if count == self.options.limit:
                self.ledger.about.append(
                    f"Stopped after {counted(count, 'frame')} (`option limit`); the rest was not read."
                )
                return

    @property
    def expected(self) -> int | None:
        """How many entries will be looked at; None where that is not known (yet)."""
        total, limit = self.reading.expected, self.options.limit
        if total is None or limit is None:
            return total
        return None if self.options.classes else min(total, limit)

    def frame(self, entry: Entry, media: Media, uri_of: Callable[[str], str]) -> Made:
        """The frame of a file whose content is known."""
        for note in media.notes:
            self.ledger.notice("frames", entry.path, note)
        if media.unknown:
            self._unknown[suffix(entry.path)] += 1
        if not entry.items:
            self._plain[media.content_type] += 1
        return to_frame(entry, media, uri_of=uri_of, ledger=self.ledger, agreement_rules=self.options.agreement)

    def whole_frame(self, entry: Entry, uri_of: Callable[[str], str] = str) -> Made | None:
        """The frame of a format that holds whole frames; None if it is not valid, with all that it had.

        Args:
            uri_of: path of a file of the folder, which a relative URI names, -> its URI.
        """
        try:
            frame, warnings = normalise(self._located(entry, uri_of))
        except HyperdatasetsError as error:
            self._lose(entry, entry.where, INVALID, error.message)
            return None
        for warning in warnings:
            self.ledger.notice("frames", entry.where, "frames that look wrong", warning)
        return Made(dict(frame), kept_of(frame))

    def _located(self, entry: Entry, uri_of: Callable[[str], str]) -> dict[str, Any]:
        """The plain frame with whole URIs for the files of the folder that it names."""
        plain = dict(entry.frame or {})
        if isinstance(plain.get("sources"), list):
            plain["sources"] = [self._file(each, entry, uri_of) for each in plain["sources"]]
        return plain

    def _file(self, file: Any, entry: Entry, uri_of: Callable[[str], str]) -> Any:
        """A source or a mask, unchecked."""
        if not isinstance(file, dict):
            return file
        if isinstance(file.get("masks"), list):
            file = file | {"masks": [self._file(each, entry, uri_of) for each in file["masks"]]}
        uri = file.get("uri")
        if not isinstance(uri, str) or not uri or _ABSOLUTE.match(uri):
            return file
        name, hash_sign, fragment = uri.partition("#")
        path = posixpath.normpath(posixpath.join(parent(entry.path), unquote(name)))
        if path not in self.reading.folder.there:
            self.ledger.notice("frames", entry.where, NAMELESS, uri[:200])
            return file
        self.reading.used.add(path)
        return file | {"uri": f"{uri_of(path)}{hash_sign}{fragment}"}

    def leave_out(self, entry: Entry, reason: str, detail: str = "") -> None:
        """A file becomes no frame: all that was read of it is lost, less what is in the ledger already."""
        self._lose(entry, entry.path, reason, detail)

    def finish(self) -> Ledger:
        """Called when all entries were read."""
        for path, title in self.reading.unread.items():
            if path not in self.reading.used and path not in self._taken:
                self.ledger.lose("annotation files", path, OF_ANOTHER_FORMAT, title)
        for ending, count in sorted(self._unknown.items()):
            place = f"*{ending}" if ending else "files without a suffix"
            self.ledger.notice("frames", place, "files of an unknown type, kept as bytes", count=count)
        self._tell_broken()
        if self._format is registry.FALLBACK:
            self.ledger.about += [
                f"{counted(count, 'file')} of {kind}, no annotations" for kind, count in sorted(self._plain.items())
            ]
        self.ledger.why = self._why_nothing()
        return self.ledger

    def _tell_broken(self) -> None:
        """Corrects what was said of files before they were read, and says what to do."""
        broken = [place for place in self.ledger.broken if place not in self.reading.folder.closed]
        if not broken:
            return
        if self._used and self._used.issubset(broken):
            files = counted(len(self._used), "annotation file")
            self.ledger.about[0] = f"{self._format.title}: {files} that cannot be read"
        if self.ledger.read.get("frames"):
            bare = counted(sum(self._plain.values()), "frame")
            told = f"so frames came in without what it says ({bare} without annotations)"
            self.ledger.about.append(f"{listed(broken)} cannot be read, {told}. {REPAIR}")

    def _why_nothing(self) -> str:
        """Why no frame came in, where that can be told."""
        folder = self.reading.folder
        if not folder.files and not folder.closed:
            return "the folder is empty" + (", but for hidden files" if folder.junk else "")
        reasons = {note.reason for note in self.ledger.losses()}
        return NO_PICTURES if not folder.media and not reasons.isdisjoint(registry.MISSING) else ""

    def _lose(self, entry: Entry, place: str, reason: str, detail: str) -> None:
        self.ledger.lose("frames", place, reason, detail)
        for kind, count in entry.held().items():
            if kind != "frames":
                self.ledger.lose(kind, place, LEFT_OUT_WITH, count=count)

    def _of_classes(self, entry: Entry) -> Entry | None:
        """The entry with the annotations that are asked for; None if it has none of them."""
        if not self.options.classes:
            return entry
        chosen, others, is_empty = _divided(entry, self.options.classes)
        for kind, count in others.items():
            self.ledger.skip(kind, entry.where, NOT_ASKED_FOR, count=count)
        if is_empty:
            for kind, count in chosen.held().items():
                self.ledger.skip(kind, entry.where, WITHOUT_CLASSES, count=count)
            return None
        return chosen


def _divided(entry: Entry, wanted: frozenset[str]) -> tuple[Entry, dict[Kind, int], bool]:
    """The entry with the annotations that have a wanted label; counts of the others; whether none has one."""
    if entry.frame is not None:
        listed = entry.frame.get("annotations")
        annotations = listed if isinstance(listed, list) else []
        kept = [each for each in annotations if _has_label(each, wanted)]
        others = held_of({"annotations": [each for each in annotations if not _has_label(each, wanted)]})
        chosen = replace(entry, frame={**entry.frame, "annotations": kept})
    else:
        kept = [item for item in entry.items if _has_label(item.plain, wanted)]
        others = Entry("", items=[item for item in entry.items if not _has_label(item.plain, wanted)]).held()
        chosen = replace(entry, items=kept)
    del others["frames"]
    return chosen, others, not kept


def _has_label(annotation: Any, wanted: frozenset[str]) -> bool:
    labels = annotation.get("labels") if isinstance(annotation, dict) else None
    return isinstance(labels, list | tuple) and any(isinstance(each, str) and each in wanted for each in labels)


def note_difference(ledger: Ledger, place: str, part: str) -> None:
    """Names a part of a known frame that was not taken from the files."""
    if part == registering.NONE_CAME:
        ledger.notice("frames", place, NONE_CAME)
    elif part.startswith(registering.NOT_IN_FILES):
        ledger.notice("attributes", place, METADATA_STAYS, part.removeprefix(registering.NOT_IN_FILES))
    else:
        ledger.notice("frames", place, STORED_KEPT, part)


class Counted:
    """What was kept of each frame on its way to the service, so that it can be taken back if the frame is refused."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._kept: list[tuple[tuple[Kind, int], ...]] = []
        self._places: list[str] = []
        self._equal: dict[tuple[tuple[Kind, int], ...], tuple[tuple[Kind, int], ...]] = {}

    def add(self, kept: dict[Kind, int], place: str = "") -> None:
        """`place`: where the frame was read, for messages."""
        self._places.append(place)
        counts = tuple(kept.items())
        self._kept.append(self._equal.setdefault(counts, counts))
        for kind, count in counts:
            self._ledger.keep(kind, count)

    def __len__(self) -> int:
        return len(self._kept)

    def place(self, index: int) -> str:
        """Where the frame was read that was given `index`-th, from 0."""
        return self._places[index]

    def refused(self, index: int, place: str, message: str) -> None:
        """The frame that was given `index`-th, from 0, was refused."""
        self._ledger.take_back(dict(self._kept[index]), place, "refused by the service", message)


def problem_of_name(path: str) -> tuple[str, str] | None:
    """Why no address can hold the name of a file, and what to do."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "file names that are not UTF-8", "rename the file"
    if any(ord(char) < 32 for char in path):
        return "file names with control characters", "rename the file"
    return None


def _chosen(folder: Folder, name: str) -> Found:
    if name in {"", "auto"}:
        return detect(folder, registry.DETECTED, registry.FALLBACK)
    if name not in registry.READ:
        close = did_you_mean(nearest(name, registry.READ)) or f" There are: {', '.join(registry.READ)}."
        raise InvalidArgument(f"there is no format `{name}`.{close}")
    return given(folder, registry.READ[name], registry.DETECTED)


def _tell_of_folder(folder: Folder, ledger: Ledger) -> None:
    for path in folder.junk:
        ledger.skip("other files", path, "hidden files, and files that operating systems leave")
    for path in folder.links:
        ledger.lose("other files", path, "links to folders, which are not followed")
    for path in folder.broken:
        ledger.lose(_kind_by_name(path), path, BROKEN)
    for path in folder.outward:
        ledger.notice(_kind_by_name(path), path, OUTWARD)
    for path in folder.with_suffix(*ARCHIVES):
        if path in folder.packed_annotations:
            ledger.lose("annotation files", path, COMPRESSED)
        else:
            ledger.notice("other files", path, PACKED)
    for path in folder.closed:
        ledger.unreadable(path, "folders that may not be read")


def _kind_by_name(path: str) -> Kind:
    if suffix(path) in MEDIA:
        return "frames"
    return "annotation files" if suffix(path) in ANNOTATIONS else "other files"
