"""Exports of what a view or version selects: streamed, each frame once, in the view's order."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from pyroaring import BitMap

from hyperdatasets.client.export_files import MEDIA, FileNames, Media, Names, PerSplit, opened, with_names
from hyperdatasets.client.ledgers import told
from hyperdatasets.client.local_files import local_copy
from hyperdatasets.client.long_reads import ViewRest, long_read
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.progress import bar
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.formats import writing
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.registry import WRITTEN
from hyperdatasets.formats.writing import Placed, Writer
from hyperdatasets.v1 import dataview_service_pb2 as pb
from hyperdatasets.wire.frames import from_message

WITHOUT = "unassigned"  # the split of frames that have no value
UNSAFE = "parts whose value cannot be the name of a file, and that have another name"
SHARED = "parts whose value would have the name of another part, and that have a number in theirs"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is exported.

    Attributes:
        name, description: for people; they enter files that have a place for them.
        identifier: `view@sha256:…` of a published view; else empty.
        published: its date in ISO form; else empty.
        rois_apart: a frame comes once for each of its ROIs (`output_rois: frame_per_roi`).
        mask_labels: what the colours of masks mean.
    """

    target: pb.ViewOrSpec
    name: str
    description: str = ""
    identifier: str = ""
    published: str = ""
    rois_apart: bool = False
    mask_labels: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class How:
    """How an export is written.

    Attributes:
        format: name of a format.
        media: `copy` or `link` puts the pictures beside their annotations; empty: metadata only.
        split_by: field (`meta.split`, `site`) whose values divide the export; empty: as the format has splits.
        uri_prefix: URIs below it keep their path, so that `import_frames(uri_prefix=…)` gives the same frames again.
    """

    format: str
    media: str = ""
    split_by: str = ""
    uri_prefix: str = ""

    def __post_init__(self) -> None:
        if self.format not in WRITTEN:
            close = did_you_mean(nearest(self.format, WRITTEN)) or f" There are: {', '.join(WRITTEN)}."
            raise InvalidArgument(f"there is no export format `{self.format}`.{close}")
        if self.media not in MEDIA:
            raise InvalidArgument(f"`option media`: expected `copy` or `link`, got {self.media!r}")


def export(
    client: MetadataClient, subject: Subject, to: Path | BinaryIO, how: How, *, progress: bool = False
) -> Ledger:
    """Write the frames that a view selects.

    Args:
        to: a file that is not there yet, a stream of bytes, or, for formats of several files, a new folder.

    Returns:
        What was written, and what the format cannot hold; `frames` has how many frames were `written`, came `again` in
        the order, or are `withdrawn`.

    Raises:
        AlreadyExists: there is something in that place already; nothing is ever overwritten.
        InvalidArgument: the format needs a folder, or cannot hold a frame for each ROI.
        NotFound: there is no folder for the target.
        StorageFull: the disk is full; nothing is left there.
    """
    form = WRITTEN[how.format]
    if subject.rois_apart and not form.holds_rois_apart:
        can = ", ".join(each.name for each in WRITTEN.values() if each.holds_rois_apart)
        raise InvalidArgument(f"this view gives a frame for each ROI; {form.title} cannot hold that, {can} can")
    in_folder = not form.single or bool(how.media) or bool(how.split_by)
    with opened(to, folder=in_folder) as output:
        reading = _Reading(client, subject, Ledger(how.format, writes=True), progress)
        cuts = bool(how.media) and not form.whole  # parts of texts become files of their own
        names = Names(form, how.uri_prefix, in_folder=in_folder, with_media=cuts, ledger=reading.ledger)
        media = Media(how.media, output, local_copy, reading.ledger, whole=form.whole)
        start = form.start if form.divides or not how.split_by else partial(PerSplit, form)
        writer: Writer = start(output, reading.subject(), reading.ledger)
        parts = _Parts(how, form, reading.ledger)
        file_names = FileNames(reading.ledger, at_end=in_folder)
        for key, frame in reading.frames():
            file_names.add(frame)
            named = names.of(frame)
            there = media.put(frame, named)
            written = with_names(frame, there, above="../" if how.split_by else "") if form.whole else frame
            writer.add(Placed(written, named, parts.of(frame), key, names.starts(frame)))
            file_names.tell()
        writer.finish()
        file_names.tell()
    told(reading.ledger, stacklevel=4)
    return reading.ledger


@dataclass
class _Reading:
    """One pass over the view, each frame once; counts as it goes."""

    client: MetadataClient
    described: Subject
    ledger: Ledger
    progress: bool
    _frames: dict[str, BitMap] = field(default_factory=dict)  # by dataset: revisions that came
    _rois: set[tuple[str, int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ledger.frames = {"written": 0, "again": 0, "withdrawn": 0}
        request = pb.ReadDataViewRequest(target=self.described.target)
        self._answers = long_read(self.client, ViewRest(request))
        self._first: pb.ReadDataViewResponse = next(self._answers)

    def subject(self) -> writing.Subject:
        given = self.described
        listed = [dict(each) for each in given.mask_labels]
        colours = {"_all_": listed} if listed else {}
        return writing.Subject(
            given.name, dict(self._first.labels), given.description, colours, given.identifier, given.published
        )

    def frames(self) -> Iterator[tuple[Hashable, Frame]]:
        """Frames with what tells them apart where one comes several times; None elsewhere."""
        length = self._first.length
        with bar("frames", shown=self.progress, total=length) as advance:
            for answer in self._answers:
                for entry in answer.entries:
                    if entry.position >= length:  # of a view that repeats without end
                        return
                    if self._is_new(entry):
                        self.ledger.frames["written"] += 1
                        key = (entry.dataset_id, entry.frame.revision) if self.described.rois_apart else None
                        yield key, cast("Frame", from_message(entry.frame.frame))
                advance(len(answer.entries))

    def _is_new(self, entry: pb.ViewEntry) -> bool:
        if entry.frame.withdrawn:
            self.ledger.frames["withdrawn"] += 1
            self.ledger.skip("frames", f"position {entry.position}", "frames that were withdrawn")
            return False
        if self.described.rois_apart:
            roi = (entry.dataset_id, entry.frame.revision, entry.frame.frame.annotations[0].id)
            known = roi in self._rois
            self._rois.add(roi)
        else:
            came = self._frames.setdefault(entry.dataset_id, BitMap())
            known = entry.frame.revision in came
            came.add(entry.frame.revision)
        self.ledger.frames["again"] += known
        return not known


class _Value(NamedTuple):
    text: str
    is_text: bool  # the number 5 is another value than the text `5`


class _Parts:
    """The parts of an export; different values never share one."""

    def __init__(self, how: How, form: writing.WrittenFormat, ledger: Ledger) -> None:
        self._how, self._form, self._ledger = how, form, ledger
        self._named: dict[_Value, str] = {}
        self._taken = {WITHOUT}  # names

    def of(self, frame: Frame) -> str:
        """The name of the part that a frame belongs to."""
        field_name = self._how.split_by
        if not field_name:
            meta = frame.get("meta", {})
            site = meta.get("site")
            split = meta.get("split", site.get("split") if isinstance(site, dict) else None)
            return split if isinstance(split, str) and not self._form.file_for_each_split else ""
        values = list(dict.fromkeys(_values(frame, field_name.split("."))))
        if not values:
            self._ledger.notice("frames", frame["id"], f"frames without `{field_name}`, in the part `{WITHOUT}`")
            return WITHOUT
        if len(values) > 1:
            reason = f"frames with several values of `{field_name}`, in the part of the first"
            self._ledger.notice("frames", frame["id"], reason, listed(value.text[:40] for value in values))
        return self._named.get(values[0]) or self._new(values[0])

    def _new(self, value: _Value) -> str:
        base = writing.file_safe(value.text)
        names = chain([base], (f"{base}-{number}" for number in count(2)))
        self._named[value] = name = next(each for each in names if each not in self._taken)
        self._taken.add(name)
        if name != value.text:
            reason = UNSAFE if name == base else SHARED
            self._ledger.notice("splits", name, reason, f"`{self._how.split_by}` is {value.text!r:.60}")
        return name


def _values(plain: Any, path: Sequence[str]) -> Iterator[_Value]:
    """The values of a field, those of lists one by one; none if it is absent."""
    if isinstance(plain, list):
        for each in plain:
            yield from _values(each, path)
    elif path:
        name = "annotations" if path[0] == "rois" else "labels" if path[0] == "label" else path[0]
        yield from _values(plain.get(name) if isinstance(plain, dict) else None, path[1:])
    elif plain is not None and not isinstance(plain, dict):
        text = str(plain).lower() if isinstance(plain, bool) else str(plain)
        yield _Value(text, is_text=isinstance(plain, str))
