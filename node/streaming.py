"""Frames of a session as messages: small frames together in one buffer that is copied once, large ones in pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.core.errors import Refused
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.engine.view_rois import shown
from hyperdatasets.engine.views import version_of
from hyperdatasets.v1 import node_service_pb2 as pb
from node.content import Contents, Opened, fill
from node.sessions import Session
from node.store import NodeStore, StoredFile

_FIRST, _FULL = 64 << 10, 1 << 20  # bytes of the first batch, and of later ones
_LARGE = 1 << 20  # a part of more bytes comes in pieces
_LOOKED_UP = 256  # positions at once
_KEPT = 200_000  # units whose look is remembered
_DATA = 15 << 3 | 2  # tag of the field `data`
_HEAD_SIZE = bytes([7 << 3 | 5])  # tag of the field `head_size`
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

    def messages(self, session: Session, request: pb.ReadFramesRequest, is_read: Callable[[], bool]) -> Iterator[bytes]:
        """Serialized ReadFramesResponse messages from an offset on, as long as somebody reads them."""
        limit, batch = _FIRST, _Batch()
        for position, unit in self._positions(session, request, is_read):
            files = () if request.metadata_only else unit.files
            if any(file is not None and file.size > _LARGE for file in files):
                yield from batch.finish(session)
                batch = _Batch()
                yield from self._in_pieces(session, position, unit)
                continue
            batch.add(position, unit.text, map(self._contents.open, files))
            if batch.size >= limit:
                yield from batch.finish(session)
                limit, batch = min(_FULL, limit * 4), _Batch()
        yield from batch.finish(session)

    def source(self, session: Session, request: pb.ReadSourceRequest) -> Iterator[pb.ReadSourceResponse]:
        """A range of one part."""
        unit = self._unit(session, int(session.units(np.array([request.position], np.int64))[0]))
        with self._contents.reading(unit.files[request.part] if request.part < len(unit.files) else None) as part:
            end = min(part.size, request.offset + request.length) if request.length else part.size
            for at in range(request.offset, end, _LARGE):
                _check_open(session)
                yield pb.ReadSourceResponse(data=part.at(at, min(_LARGE, end - at)), size_bytes=part.size)
            yield pb.ReadSourceResponse(size_bytes=part.size, verdict=part.verdict())

    def thumbnail(self, session: Session, request: pb.GetPreviewRequest) -> bytes | None:
        unit = self._unit(session, int(session.units(np.array([request.position], np.int64))[0]))
        file = unit.files[request.part] if request.part < len(unit.files) else None
        return None if file is None else self._store.thumbnail(file.sha256)

    def _positions(
        self, session: Session, request: pb.ReadFramesRequest, is_read: Callable[[], bool]
    ) -> Iterator[tuple[int, _Unit]]:
        end = session.count if session.count >= 0 else None
        if request.limit:
            end = request.offset + request.limit if end is None else min(end, request.offset + request.limit)
        first = request.offset
        while (end is None or first < end) and is_read():
            _check_open(session)
            last = first + _LOOKED_UP if end is None else min(first + _LOOKED_UP, end)
            mine = session.positions(
                first, last, worker=request.worker, workers=request.workers or 1, block=request.block or 1
            )
            if len(mine):
                for position, unit in zip(mine.tolist(), session.units(mine).tolist(), strict=True):
                    _check_open(session)
                    yield position, self._unit(session, unit)
            first = last

    def _unit(self, session: Session, number: int) -> _Unit:
        key = (session.grant.view_digest, number)
        found = self._units.get(key)
        if found is None:
            if len(self._units) >= _KEPT:
                self._units.clear()
            found = self._units[key] = self._made(session, number)
        return found

    def _made(self, session: Session, number: int) -> _Unit:
        grant = session.grant
        ((delivered,),) = grant.sequence.delivered(np.array([number], np.int64))
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
            with self._contents.reading(file) as opened:
                for offset in range(0, opened.size, _LARGE):
                    _check_open(session)
                    data = opened.at(offset, min(_LARGE, opened.size - offset))
                    chunk = pb.PartChunk(position=position, part=part, offset=offset)
                    yield _message(_CHUNK, [chunk.SerializeToString(), _field(len(data)), data])
                    total += len(data)
                verdict = opened.verdict()
            if verdict != pb.VERDICT_OK:
                bad = [position]
            end = pb.PartChunk(position=position, part=part, offset=opened.size, verdict=verdict)
            yield _message(_CHUNK, [end.SerializeToString()])
        session.deliver(position, position, total, bad)


class _Batch:
    """Frames that go together: columns, and the content of all parts, joined once."""

    def __init__(self) -> None:
        self._content: list[bytes] = []
        self._verdicts: list[int] = []
        self._positions: list[int] = []
        self._texts: list[bytes] = []
        self._counts: list[int] = []
        self.size = 0

    def add(self, position: int, text: bytes, parts: Iterator[Opened]) -> None:
        count = 0
        for verdict, descriptor, size in parts:
            content = fill(descriptor, size) if descriptor >= 0 else b""
            cut = len(content) != size  # while it was read
            self._verdicts.append(pb.VERDICT_DIGEST_MISMATCH if cut else verdict)
            self._content.append(b"" if cut else content)
            self.size += size
            count += 1
        self._positions.append(position)
        self._texts.append(text)
        self._counts.append(count)
        self.size += len(text)

    def finish(self, session: Session) -> Iterator[bytes]:
        """The message; nothing for an empty batch."""
        if not self._positions:
            return
        sizes = [len(content) for content in self._content]
        head = pb.FrameBatch(
            positions=self._positions, frames=self._texts, part_counts=self._counts, part_sizes=sizes,
            verdicts=self._verdicts,  # type: ignore[arg-type]  # numbers of verdicts
        ).SerializeToString()  # fmt: skip
        total = sum(sizes)
        parts = [_HEAD_SIZE, len(head).to_bytes(4, "little"), head, _field(total), *self._content]
        yield _message(_BATCH, parts)
        self._note(session, self._positions, total)

    def _note(self, session: Session, positions: list[int], size: int) -> None:
        bad, part = [], 0
        for position, count in zip(positions, self._counts, strict=True):
            if any(verdict != pb.VERDICT_OK for verdict in self._verdicts[part : part + count]):
                bad.append(position)
            part += count
        start = positions[0]
        for here, after in zip(positions, [*positions[1:], None], strict=True):
            if after != here + 1:
                inside = [each for each in bad if start <= each <= here]
                session.deliver(start, here, size, inside)
                size = 0
                start = after if after is not None else start


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
