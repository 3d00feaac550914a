"""Frames of a session as messages: small frames together in one buffer that is copied once, large ones in pieces."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.core.errors import Refused
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.engine import views
from hyperdatasets.v1 import node_service_pb2 as pb
from node.content import Contents, Opened, fill
from node.sessions import Session
from node.store import NodeStore, StoredFile

_FIRST, _FULL = 64 << 10, 1 << 20  # bytes of the first batch, and of later ones
_LARGE = 1 << 20  # a part of more bytes comes in pieces
_LOOKED_UP = 256  # positions at once
_DATA = 15 << 3 | 2  # tag of the field `data`
_BATCH, _CHUNK = 1 << 3 | 2, 2 << 3 | 2  # tags of the two kinds of content


@dataclass(frozen=True, slots=True)
class _Unit:
    """A frame as the view shows it, and its parts."""

    text: bytes
    files: Sequence[StoredFile | None]


class Streaming:
    """Reads units of grants; what a unit looks like is made once a view and kept."""

    def __init__(self, store: NodeStore, contents: Contents) -> None:
        self._store, self._contents = store, contents
        self._units: dict[tuple[str, int], _Unit] = {}
        self._lock = threading.Lock()

    def messages(self, session: Session, request: pb.ReadFramesRequest) -> Iterator[bytes]:
        """Serialized ReadFramesResponse messages from an offset on."""
        limit = _FIRST
        batch = _Batch(limit)
        for position, unit in self._positions(session, request):
            if session.stopped:
                raise Refused("the session was ended by the site", rule="stopped", why=session.stopped)
            files = () if request.metadata_only else unit.files
            large = any(file is not None and file.size > _LARGE for file in files)
            if large or not batch.fits(files):
                yield from batch.finish(session)
                batch = _Batch(limit)
            if large:
                yield from self._in_pieces(session, position, unit)
                continue
            batch.add(position, unit.text, map(self._contents.open, files))
            if batch.full:
                yield from batch.finish(session)
                limit = min(_FULL, limit * 4)
                batch = _Batch(limit)
        yield from batch.finish(session)

    def source(self, session: Session, request: pb.ReadSourceRequest) -> Iterator[pb.ReadSourceResponse]:
        """A range of one part."""
        unit = self._unit(session, int(session.units(np.array([request.position], np.int64))[0]))
        opened = self._contents.open(unit.files[request.part] if request.part < len(unit.files) else None)
        if opened.descriptor < 0:
            yield pb.ReadSourceResponse(verdict=opened.verdict)
            return
        end = min(opened.size, request.offset + request.length) if request.length else opened.size
        try:
            for at in range(request.offset, end, _LARGE):
                data = os.pread(opened.descriptor, min(_LARGE, end - at), at)
                yield pb.ReadSourceResponse(data=data, size_bytes=opened.size)
            yield pb.ReadSourceResponse(size_bytes=opened.size, verdict=pb.VERDICT_OK)
        finally:
            os.close(opened.descriptor)

    def thumbnail(self, session: Session, request: pb.GetPreviewRequest) -> bytes | None:
        unit = self._unit(session, int(session.units(np.array([request.position], np.int64))[0]))
        file = unit.files[request.part] if request.part < len(unit.files) else None
        return None if file is None else self._store.thumbnail(file.sha256)

    def _positions(self, session: Session, request: pb.ReadFramesRequest) -> Iterator[tuple[int, _Unit]]:
        end = session.count if session.count >= 0 else None
        if request.limit:
            end = request.offset + request.limit if end is None else min(end, request.offset + request.limit)
        first = request.offset
        while end is None or first < end:
            last = first + _LOOKED_UP if end is None else min(first + _LOOKED_UP, end)
            mine = session.positions(
                first, last, worker=request.worker, workers=request.workers or 1, block=request.block or 1
            )
            if len(mine):
                for position, unit in zip(mine.tolist(), session.units(mine).tolist(), strict=True):
                    yield position, self._unit(session, unit)
            first = last

    def _unit(self, session: Session, number: int) -> _Unit:
        key = (session.grant.view_digest, number)
        found = self._units.get(key)
        if found is None:
            found = self._units[key] = self._made(session, number)
        return found

    def _made(self, session: Session, number: int) -> _Unit:
        grant = session.grant
        version, dataset, revision = grant.units[number]
        canonical, _ = self._store.canonical(dataset, [revision])[revision]
        frame: Any = views.shown_of_version(grant.view, version, from_canonical(canonical))
        numbers = grant.view.labels or {}
        frame["annotations"] = [
            {**each, "label_ids": label_ids(each["labels"], numbers)} for each in frame.get("annotations", ())
        ]
        files = self._store.files(dataset, frame["id"])
        parts: list[StoredFile | None] = []
        for source in frame["sources"]:
            parts.append(files.get(source["id"]))
            parts += [files.get(f"{source['id']}/{mask['id']}") for mask in source.get("masks", ())]
        return _Unit(orjson.dumps(frame), parts)

    def _in_pieces(self, session: Session, position: int, unit: _Unit) -> Iterator[bytes]:
        """A frame with a large part: announced, then each part piece by piece, its verdict with the last piece."""
        head = pb.FrameBatch(
            positions=[position], frames=[unit.text], part_counts=[len(unit.files)],
            part_sizes=[0 if file is None else file.size for file in unit.files], chunked=True,
        )  # fmt: skip
        yield _message(_BATCH, [head.SerializeToString()])
        total, bad = 0, []
        for part, file in enumerate(unit.files):
            opened = self._contents.open(file)
            for offset in range(0, opened.size, _LARGE):
                data = os.pread(opened.descriptor, min(_LARGE, opened.size - offset), offset)
                chunk = pb.PartChunk(position=position, part=part, offset=offset)
                yield _message(_CHUNK, [chunk.SerializeToString(), _field(len(data)), data])
                total += len(data)
            if opened.descriptor >= 0:
                os.close(opened.descriptor)
            if opened.verdict != pb.VERDICT_OK:
                bad = [position]
            end = pb.PartChunk(position=position, part=part, offset=opened.size, verdict=opened.verdict)
            yield _message(_CHUNK, [end.SerializeToString()])
        session.deliver(position, position, total, bad)


class _Batch:
    """Frames that go together: columns, and one buffer that their files are read into."""

    def __init__(self, limit: int) -> None:
        self._head = pb.FrameBatch()
        self._buffer = memoryview(bytearray(limit + _LARGE))
        self._at = 0
        self._limit, self._texts = limit, 0

    @property
    def full(self) -> bool:
        return self._at + self._texts >= self._limit

    def fits(self, files: Sequence[StoredFile | None]) -> bool:
        return self._at + sum(file.size for file in files if file is not None) <= len(self._buffer)

    def add(self, position: int, text: bytes, parts: Iterator[Opened]) -> None:
        count = 0
        for part in parts:
            verdict, size = part.verdict, part.size
            if part.descriptor >= 0 and not fill(part, self._buffer[self._at : self._at + size]):
                verdict, size = pb.VERDICT_DIGEST_MISMATCH, 0  # cut while it was read
            self._head.verdicts.append(verdict)
            self._head.part_sizes.append(size)
            self._at += size
            count += 1
        self._head.positions.append(position)
        self._head.frames.append(text)
        self._head.part_counts.append(count)
        self._texts += len(text)

    def finish(self, session: Session) -> Iterator[bytes]:
        """The message; nothing for an empty batch."""
        positions = list(self._head.positions)
        if positions:
            data = self._buffer[: self._at]
            yield _message(_BATCH, [self._head.SerializeToString(), _field(len(data)), data])
            self._note(session, positions, len(data))

    def _note(self, session: Session, positions: list[int], size: int) -> None:
        bad, part = [], 0
        for position, count in zip(positions, self._head.part_counts, strict=True):
            if any(verdict != pb.VERDICT_OK for verdict in self._head.verdicts[part : part + count]):
                bad.append(position)
            part += count
        start = positions[0]
        for here, after in zip(positions, [*positions[1:], None], strict=True):
            if after != here + 1:
                inside = [each for each in bad if start <= each <= here]
                session.deliver(start, here, size, inside)
                size = 0
                start = after if after is not None else start


def _message(tag: int, parts: Sequence[bytes | memoryview]) -> bytes:
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
