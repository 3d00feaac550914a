"""Frames of a session as messages: small frames together in one buffer that is copied once, large ones in pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.core.errors import Refused
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.engine.orders import Delivered
from hyperdatasets.engine.view_rois import shown
from hyperdatasets.engine.views import version_of
from hyperdatasets.v1 import node_service_pb2 as pb
from node.admission import Grant
from node.content import OTHER_CONTENT, Contents, Opened, fill
from node.keys import Keys
from node.sessions import Session
from node.store import NodeStore, StoredFile

_FIRST, _FULL = 64 << 10, 1 << 20  # bytes of the first batch, and of later ones
_LARGE = 1 << 20  # a part of more bytes comes in pieces
_LOOKED_UP = 256  # positions at once
_KEPT = 200_000  # frames whose look is remembered
_DATA = 15 << 3 | 2  # tag of the field `data`
_HEAD_SIZE = bytes([7 << 3 | 5])  # tag of the field `head_size`
_BATCH, _CHUNK = 1 << 3 | 2, 2 << 3 | 2  # tags of the two kinds of content


class _Place(NamedTuple):
    """A position, and how many more frames of its clip follow."""

    position: int
    left: int


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame as the view shows it, and its parts.

    Attributes:
        version: number of its version in the view.
    """

    text: bytes
    files: Sequence[StoredFile | None]
    version: int
    revision: int


class Streaming:
    """Reads units of grants; what the frames of a unit look like is made once a view and kept."""

    def __init__(self, store: NodeStore, contents: Contents, keys: Keys) -> None:
        self._store, self._contents, self._keys = store, contents, keys
        self._units: dict[tuple[str, int, int], Sequence[_Shown]] = {}
        self._frames = 0
        self._lock = threading.Lock()

    def messages(self, session: Session, request: pb.ReadFramesRequest, is_read: Callable[[], bool]) -> Iterator[bytes]:
        """Serialized ReadFramesResponse messages from an offset on, as long as somebody reads them."""
        new_batch = partial(_Batch, with_content=not request.metadata_only)
        limit, batch = _FIRST, new_batch()
        for place, frame in self._positions(session, request, is_read):
            files = () if request.metadata_only else frame.files
            if any(file is not None and file.size > _LARGE for file in files):
                yield from batch.finish(session)
                batch = new_batch()
                yield from self._in_pieces(session, place, frame)
                continue
            batch.add(place, frame, map(self._contents.open, files))
            if batch.size >= limit:
                yield from batch.finish(session)
                limit, batch = min(_FULL, limit * 4), new_batch()
        yield from batch.finish(session)

    def source(self, session: Session, request: pb.ReadSourceRequest) -> Iterator[pb.ReadSourceResponse]:
        """A range of one part."""
        with self._contents.reading(self._file(session, request.position, request.part)) as part:
            end = min(part.size, request.offset + request.length) if request.length else part.size
            for at in range(request.offset, end, _LARGE):
                _check_open(session)
                yield pb.ReadSourceResponse(data=part.at(at, min(_LARGE, end - at)), size_bytes=part.size)
            yield pb.ReadSourceResponse(size_bytes=part.size, verdict=part.verdict())

    def thumbnail(self, session: Session, request: pb.GetPreviewRequest) -> bytes | None:
        file = self._file(session, request.position, request.part)
        return None if file is None else self._store.thumbnail(file.sha256)

    def _file(self, session: Session, position: int, part: int) -> StoredFile | None:
        """A part of what a position delivers; those of a clip's frames follow each other."""
        unit = self._unit(session, int(session.units(np.array([position], np.int64))[0]))
        files = [file for frame in unit for file in frame.files]
        return files[part] if part < len(files) else None

    def _positions(
        self, session: Session, request: pb.ReadFramesRequest, is_read: Callable[[], bool]
    ) -> Iterator[tuple[_Place, _Shown]]:
        for mine in _wanted(session, request):
            _check_open(session)
            if not is_read():
                return
            if len(mine):
                for position, number in zip(mine.tolist(), session.units(mine).tolist(), strict=True):
                    unit = self._unit(session, number)
                    left = len(unit)
                    for frame in unit:
                        left -= 1
                        _check_open(session)
                        yield _Place(position, left), frame

    def _unit(self, session: Session, number: int) -> Sequence[_Shown]:
        key = (session.view, session.grant.generation, number)
        found = self._units.get(key)
        if found is None:
            if self._frames >= _KEPT:
                self._units.clear()
                self._frames = 0
            (frames,) = session.grant.sequence.delivered(np.array([number], np.int64))
            found = [self._shown(session.grant, each) for each in frames]
            if not any(file == OTHER_CONTENT for frame in found for file in frame.files):  # it may come back
                self._units[key] = found
                self._frames += len(found)
        return found

    def _shown(self, grant: Grant, delivered: Delivered) -> _Shown:
        number_of_dataset, revision, roi = delivered
        dataset = grant.view.datasets[number_of_dataset]
        canonical, _ = self._store.canonical(dataset, [revision])[revision]
        version = version_of(grant.view, grant.slices, number_of_dataset, revision)
        rules = grant.sequence.rules_of(delivered)
        frame: Any = shown(grant.view, version, rules, from_canonical(canonical), roi)
        numbers = grant.view.labels or {}
        frame["annotations"] = [
            {**each, "label_ids": label_ids(each["labels"], numbers)} for each in frame.get("annotations", ())
        ]
        files = self._store.files(dataset, frame["id"])
        parts: list[StoredFile | None] = []
        for source in frame["sources"]:
            parts.append(self._as_selected(files.get(source["id"]), source.get("digest", "")))
            parts += [files.get(f"{source['id']}/{mask['id']}") for mask in source.get("masks", ())]
        return _Shown(orjson.dumps(frame), parts, version, revision)

    def _as_selected(self, file: StoredFile | None, digest: str) -> StoredFile | None:
        """The file, if its content is that of the frame in the view: it may have been registered again since."""
        if file is None or not digest:
            return file
        is_plain = digest.startswith("sha256:")
        shown = f"sha256:{file.sha256.hex()}" if is_plain else self._keys.hidden_digest(file.sha256)
        return file if shown == digest else OTHER_CONTENT

    def _in_pieces(self, session: Session, place: _Place, frame: _Shown) -> Iterator[bytes]:
        """A frame with a large part: announced, then each part piece by piece, its verdict with the last piece."""
        position = place.position
        head = pb.FrameBatch(
            positions=[position], frames=[frame.text], part_counts=[len(frame.files)], chunked=True,
            part_sizes=[0 if file is None else file.size for file in frame.files],
            frames_left=[place.left] if place.left else [], versions=[frame.version], revisions=[frame.revision],
        )  # fmt: skip
        yield _message(_BATCH, [head.SerializeToString()])
        total, bad = 0, False
        for part, file in enumerate(frame.files):
            with self._contents.reading(file) as opened:
                for offset in range(0, opened.size, _LARGE):
                    _check_open(session)
                    data = opened.at(offset, min(_LARGE, opened.size - offset))
                    chunk = pb.PartChunk(position=position, part=part, offset=offset)
                    yield _message(_CHUNK, [chunk.SerializeToString(), _field(len(data)), data])
                    total += len(data)
                verdict = opened.verdict()
            bad |= verdict != pb.VERDICT_OK
            end = pb.PartChunk(position=position, part=part, offset=opened.size, verdict=verdict)
            yield _message(_CHUNK, [end.SerializeToString()])
        session.deliver([] if place.left else [position], frames=1 - bad, size=total, bad=[position] * bad)


def _wanted(session: Session, request: pb.ReadFramesRequest) -> Iterator[NDArray[np.int64]]:
    """The positions that are asked for, some at a time."""
    if request.positions:
        named = np.array(list(dict.fromkeys(request.positions)), np.int64)
        yield from (named[first : first + _LOOKED_UP] for first in range(0, len(named), _LOOKED_UP))
        return
    end = session.count if session.count >= 0 else None
    if request.limit:
        end = request.offset + request.limit if end is None else min(end, request.offset + request.limit)
    first = request.offset
    while end is None or first < end:
        last = first + _LOOKED_UP if end is None else min(first + _LOOKED_UP, end)
        yield session.positions(
            first, last, worker=request.worker, workers=request.workers or 1, block=request.block or 1
        )
        first = last


class _Batch:
    """Frames that go together: columns, and the content of all parts, joined once."""

    def __init__(self, *, with_content: bool) -> None:
        self._with_content = with_content
        self._content: list[bytes] = []
        self._verdicts: list[int] = []
        self._places: list[_Place] = []
        self._frames: list[_Shown] = []
        self._counts: list[int] = []
        self.size = 0

    def add(self, place: _Place, frame: _Shown, parts: Iterator[Opened]) -> None:
        count = 0
        for verdict, descriptor, size in parts:
            content = fill(descriptor, size) if descriptor >= 0 else b""
            cut = len(content) != size  # while it was read
            self._verdicts.append(pb.VERDICT_DIGEST_MISMATCH if cut else verdict)
            self._content.append(b"" if cut else content)
            self.size += size
            count += 1
        self._places.append(place)
        self._frames.append(frame)
        self._counts.append(count)
        self.size += len(frame.text)

    def finish(self, session: Session) -> Iterator[bytes]:
        """The message; nothing for an empty batch."""
        if not self._places:
            return
        sizes = [len(content) for content in self._content]
        left = [place.left for place in self._places]
        head = pb.FrameBatch(
            positions=[place.position for place in self._places], frames_left=left if any(left) else [],
            frames=[frame.text for frame in self._frames], part_counts=self._counts, part_sizes=sizes,
            versions=[frame.version for frame in self._frames], revisions=[frame.revision for frame in self._frames],
            verdicts=self._verdicts,  # type: ignore[arg-type]  # numbers of verdicts
        ).SerializeToString()  # fmt: skip
        total = sum(sizes)
        parts = [_HEAD_SIZE, len(head).to_bytes(4, "little"), head, _field(total), *self._content]
        yield _message(_BATCH, parts)
        if self._with_content:
            self._note(session, total)

    def _note(self, session: Session, size: int) -> None:
        bad, part = [], 0
        for place, count in zip(self._places, self._counts, strict=True):
            if any(verdict != pb.VERDICT_OK for verdict in self._verdicts[part : part + count]):
                bad.append(place.position)
            part += count
        complete = [place.position for place in self._places if not place.left]
        session.deliver(complete, frames=len(self._places) - len(bad), size=size, bad=bad)


def _check_open(session: Session) -> None:
    """A site that ends a session ends its streams too, within one message."""
    if session.stopped:
        raise Refused("the session was ended by the site", rule="stopped", why=session.stopped)


def _message(tag: int, parts: Sequence[bytes]) -> bytes:
    return b"".join([bytes([tag]), _varint(sum(map(len, parts))), *parts])


def _field(length: int) -> bytes:
    return bytes([_DATA]) + _varint(length)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
