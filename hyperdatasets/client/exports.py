"""Exports of what a view or version selects: metadata only, streamed, each frame once, in the view's order."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
from pyroaring import BitMap

from hyperdatasets.client.long_reads import ViewRest, long_read
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.progress import bar
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.formats import croissant, jsonl
from hyperdatasets.formats.coco_writer import CocoWriter
from hyperdatasets.new_file import check_free, new_file, written
from hyperdatasets.v1 import dataview_service_pb2 as pb
from hyperdatasets.wire.frames import from_message

FORMATS = ("jsonl", "coco", "croissant")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is exported.

    Attributes:
        name, description: for people; they enter files that have a place for them.
        identifier: `view@sha256:…` of a published view; else empty.
        published: its date in ISO form; else empty.
        rois_apart: a frame comes once for each of its ROIs (`output_rois: frame_per_roi`).
    """

    target: pb.ViewOrSpec
    name: str
    description: str = ""
    identifier: str = ""
    published: str = ""
    rois_apart: bool = False


@dataclass(slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        frames: frames (with `frame_per_roi`: ROIs) in it.
        again: positions of the view whose frame was there already, since a weighted order may repeat frames.
        withdrawn: frames without content, since they were withdrawn.
        left_out: in words, what the format cannot hold or holds otherwise -> how often.
    """

    format: str
    frames: int = 0
    again: int = 0
    withdrawn: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        return {"format": self.format, "frames": self.frames, "again": self.again, "withdrawn": self.withdrawn,
                "left_out": self.left_out}  # fmt: skip


def export(
    client: MetadataClient, subject: Subject, to: Path | BinaryIO, *, format_name: str, progress: bool = False
) -> Exported:
    """Writes the frames that a view selects.

    Args:
        to: a file that is not there yet (for croissant: a folder), or a stream of bytes.
        format_name: jsonl, coco or croissant.

    Raises:
        AlreadyExists: the file is there already; nothing is ever overwritten.
        InvalidArgument: there is no such format, or it needs a folder.
    """
    if format_name not in FORMATS:
        close = did_you_mean(nearest(format_name, FORMATS)) or f" There are: {', '.join(FORMATS)}."
        raise InvalidArgument(f"there is no export format `{format_name}`.{close}")
    if format_name == "croissant":
        if not isinstance(to, Path):
            raise InvalidArgument("croissant is a folder of two files: say where it is to be made")
        with _new_folder(to):
            reading = _Reading(client, subject, Exported(format_name), progress)
            _croissant(reading, to)
    elif isinstance(to, Path):
        with new_file(to) as file:
            reading = _Reading(client, subject, Exported(format_name), progress)
            _WRITERS[format_name](reading, file)
    else:
        reading = _Reading(client, subject, Exported(format_name), progress)
        _WRITERS[format_name](reading, to)
    return reading.exported


@dataclass
class _Reading:
    """One pass over the view, each frame once; counts as it goes."""

    client: MetadataClient
    subject: Subject
    exported: Exported
    progress: bool
    _frames: dict[str, BitMap] = field(default_factory=dict)  # by dataset: revisions that came
    _rois: set[tuple[str, int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        parts = ("sources", "annotations") if self.exported.format == "coco" else ()  # no more needs to travel
        request = pb.ReadDataViewRequest(target=self.subject.target, projection=parts)
        self._answers = long_read(self.client, ViewRest(request))
        self._first: pb.ReadDataViewResponse = next(self._answers)

    @property
    def labels(self) -> dict[str, int]:
        return dict(self._first.labels)

    def frames(self) -> Iterator[tuple[Hashable, Frame]]:
        """Frames with what tells them apart where one comes several times; None elsewhere."""
        length = self._first.length
        with bar("frames", shown=self.progress, total=length) as advance:
            for answer in self._answers:
                for entry in answer.entries:
                    if entry.position >= length:  # of a view that repeats without end
                        return
                    if self._is_new(entry):
                        self.exported.frames += 1
                        key = (entry.dataset_id, entry.frame.revision) if self.subject.rois_apart else None
                        yield key, cast("Frame", from_message(entry.frame.frame))
                advance(len(answer.entries))

    def _is_new(self, entry: pb.ViewEntry) -> bool:
        if entry.frame.withdrawn:
            self.exported.withdrawn += 1
            return False
        if self.subject.rois_apart:
            roi = (entry.dataset_id, entry.frame.revision, entry.frame.frame.annotations[0].id)
            known = roi in self._rois
            self._rois.add(roi)
        else:
            came = self._frames.setdefault(entry.dataset_id, BitMap())
            known = entry.frame.revision in came
            came.add(entry.frame.revision)
        self.exported.again += known
        return not known


def _jsonl(reading: _Reading, file: BinaryIO) -> None:
    file.writelines(jsonl.write(frame for _, frame in reading.frames()))


def _coco(reading: _Reading, file: BinaryIO) -> None:
    with tempfile.TemporaryFile() as waiting:
        writer = CocoWriter(reading.labels, _info(reading.subject), waiting)
        file.writelines(writer.write(reading.frames()))
    reading.exported.left_out = dict(writer.left_out)


_WRITERS = {"jsonl": _jsonl, "coco": _coco}


def _info(subject: Subject) -> dict[str, str]:
    named = {"description": subject.description or subject.name, "version": subject.identifier,
             "date_created": subject.published}  # fmt: skip
    return {key: text for key, text in named.items() if text}


def _croissant(reading: _Reading, folder: Path) -> None:
    digest, size, keys = hashlib.sha256(), 0, set[str]()
    with new_file(folder / croissant.RECORDS) as file:
        for line in jsonl.write(_noting(reading, keys)):
            file.write(line)
            digest.update(line)
            size += len(line)
    subject = reading.subject
    content = croissant.describe(
        subject.name, description=subject.description, identifier=subject.identifier, published=subject.published,
        records=croissant.RecordsFile(digest.hexdigest(), size, keys),
    )  # fmt: skip
    with new_file(folder / croissant.METADATA) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _noting(reading: _Reading, keys: set[str]) -> Iterator[Frame]:
    """The frames; `keys` gets those that any of them has."""
    for _, frame in reading.frames():
        keys.update(frame)
        yield frame


@contextmanager
def _new_folder(path: Path) -> Iterator[None]:
    """A folder that goes away if nothing is made in it."""
    with written(path):
        if not path.is_dir() or any(path.iterdir()):
            check_free(path)
        path.mkdir(exist_ok=True)
        try:
            yield
        finally:
            if not any(path.iterdir()):
                path.rmdir()
