"""Many frames to the service: batches on one stream, acknowledged one by one, sent again after a broken connection."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from hyperdatasets.client import arguments
from hyperdatasets.client.metadata import MetadataClient, new_request_id
from hyperdatasets.core.advice import in_python
from hyperdatasets.core.errors import DeadlineExceeded, HyperdatasetsError, InvalidArgument, InvalidFrame, Unavailable
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub
from hyperdatasets.wire import columns
from hyperdatasets.wire.frames import to_fields

BATCH = 1_000  # frames
BATCH_BYTES = 4 << 20
TABLE_BATCH = 5_000  # rows
TABLE_BYTES = 16 << 20
_WINDOW = 8  # batches that wait for their acknowledgement
_TRIES = 5  # in a row, without an acknowledgement
_STREAM_S = 3_600  # then writing goes on in a new stream
MODES = {
    "upsert": pb.WRITE_MODE_UPSERT,
    "register": pb.WRITE_MODE_REGISTER,
    "register_replacing_annotations": pb.WRITE_MODE_REGISTER_REPLACE_ANNOTATIONS,
    "shared_part": pb.WRITE_MODE_SHARED_PART,
}


Frames = TypeVar("Frames")


class Write(NamedTuple):
    """A plain frame, its vectors by field, and its etag: the revision that the write may replace; None = any."""

    frame: Mapping[str, Any]
    vectors: Mapping[str, Sequence[float]] = {}
    etag: int | None = None


@dataclass(frozen=True, slots=True)
class FailedFrame:
    """A frame that was not kept; `index` counts from 0 in the order in which frames were given."""

    index: int
    id: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a frame (`annotations`, `meta.<name>`) that was not taken, since something else was stored."""

    index: int
    id: str
    part: str


class WriteResult(list[FailedFrame]):
    """The frames that failed; with how many were added, updated and unchanged, and what was noticed.

    Attributes:
        changes: of a registration: what changed in frames that were there -> in how many.
        differences: of a registration: what was not taken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.added = self.updated = self.unchanged = 0
        self.warnings: list[str] = []
        self.changes: Counter[str] = Counter()
        self.differences: list[Difference] = []

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        counts = f"{self.added} added, {self.updated} updated, {self.unchanged} unchanged, {len(self)} failed"
        warned = f", {counted(len(self.warnings), 'warning')}" if self.warnings else ""
        rows = [(each.index, each.id, each.reason, in_python(each.message)) for each in self]
        return Table(f"WriteResult({counts}{warned})", ("index", "frame", "reason", "message"), rows, ("message",))


@dataclass(slots=True)
class _Sent:
    request: pb.WriteFramesRequest
    indexes: list[int]


@dataclass(slots=True)
class _Writer:
    """Batches that were sent and not acknowledged are kept, and sent again with the same request id."""

    client: MetadataClient
    result: WriteResult
    waiting: dict[str, _Sent] = field(default_factory=dict)
    acknowledged: int = 0

    def run(self, batches: Iterator[_Sent], progress: Callable[[int], None]) -> None:
        tries = 0
        while True:
            resent = list(self.waiting.values())
            before = self.acknowledged
            try:
                self._stream(resent, batches, progress)
            except (Unavailable, DeadlineExceeded):
                tries = 1 if self.acknowledged > before else tries + 1
                if tries == _TRIES:
                    raise
                time.sleep(0.3 * 2**tries)
            else:
                return

    def _stream(self, resent: list[_Sent], batches: Iterator[_Sent], progress: Callable[[int], None]) -> None:
        outbox: queue.SimpleQueue[pb.WriteFramesRequest | None] = queue.SimpleQueue()
        answers = self.client.connection.stream(
            lambda channel: FrameServiceStub(channel).WriteFrames, iter(outbox.get, None), timeout_s=_STREAM_S
        )
        for sent in resent:
            outbox.put(sent.request)
        in_flight, more = len(resent), True
        try:
            while more or in_flight:
                while more and in_flight < _WINDOW:
                    new = next(batches, None)
                    more = new is not None
                    if new is not None:
                        self.waiting[new.request.request_id] = new
                        outbox.put(new.request)
                        in_flight += 1
                if in_flight:
                    self._take(next(answers), progress)
                    in_flight -= 1
        finally:
            outbox.put(None)
            answers.close()  # type: ignore[attr-defined]  # a generator

    def _take(self, answer: pb.WriteFramesResponse, progress: Callable[[int], None]) -> None:
        sent = self.waiting.pop(answer.request_id)
        self.acknowledged += 1
        self.result.added += answer.added
        self.result.updated += answer.updated
        self.result.unchanged += answer.unchanged
        self.result.extend(
            FailedFrame(sent.indexes[each.index], each.frame_id, each.reason, each.message) for each in answer.failures
        )
        self.result.warnings += [f"{each.where}: {each.message}" for each in answer.warnings]
        self.result.changes.update(answer.changes)
        self.result.differences += [
            Difference(sent.indexes[each.index], each.frame_id, each.part) for each in answer.differences
        ]
        progress(len(sent.indexes))


def write(
    client: MetadataClient,
    frames: Iterable[Mapping[str, Any]],
    *,
    dataset: str,
    version: str,
    mode: str = "upsert",
    normal: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> WriteResult:
    """Writes plain frames into a draft; each is kept exactly once, however often the connection breaks.

    Args:
        frames: any iterable; read as the service takes them.
        mode: one of `MODES`. `upsert` replaces known frames; `register` updates the files of known ones, and adds to
            them only what was not there.
        normal: they are in their normal form, and need not be brought into it.
        progress: called with the number of frames that were acknowledged.

    Returns:
        The frames that failed; an invalid one does not stop the others.

    Raises:
        InvalidArgument: there is no such mode, or these are no frames.
        VersionPublished: the version is no draft.
        Unavailable: the connection broke several times in a row; what was acknowledged is stored.
    """
    return write_each(
        client, map(Write, iterated(frames)), dataset=dataset, version=version, mode=mode, normal=normal,
        progress=progress,
    )  # fmt: skip


def write_each(
    client: MetadataClient,
    frames: Iterable[Write],
    *,
    dataset: str,
    version: str,
    mode: str = "upsert",
    normal: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> WriteResult:
    """Writes frames with vectors and etags, as `write` does; a frame is kept if only its vector is refused."""
    if mode not in MODES:
        raise InvalidArgument(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
    result = WriteResult()
    made = _batches(frames, result, dataset=dataset, version=version, mode=mode, normal=normal)
    _Writer(client, result).run(made, progress)
    result.sort(key=lambda failed: failed.index)
    return result


def with_etag(plain: Mapping[str, Any]) -> Write:
    """Takes the key `etag` of a plain frame, if there is one, out of its fields."""
    if not isinstance(plain, Mapping) or type(plain.get("etag")) is not int:
        return Write(plain)
    return Write({key: value for key, value in plain.items() if key != "etag"}, etag=plain["etag"])


def write_table(
    client: MetadataClient,
    table: Any,
    *,
    dataset: str,
    version: str,
    mode: str = "upsert",
    progress: Callable[[int], None] = lambda _: None,
) -> WriteResult:
    """The same as `write` for a pyarrow table with the columns of `docs/bulk-writes.md`.

    Indexes in the result are rows of the table, from 0.
    """
    result = WriteResult()
    _Writer(client, result).run(_tables(table, dataset=dataset, version=version, mode=mode), progress)
    result.sort(key=lambda failed: failed.index)
    return result


def _tables(table: Any, *, dataset: str, version: str, mode: str) -> Iterator[_Sent]:
    """Slices of the table, as many rows at once as a batch and a message may have."""
    size = max(1, min(TABLE_BATCH, TABLE_BYTES * table.num_rows // max(1, table.nbytes)))
    for start in range(0, table.num_rows, size):
        part = table.slice(start, size)
        sent = _empty(dataset, version, mode)
        sent.request.columns = columns.encode(part)
        yield _Sent(sent.request, list(range(start, start + part.num_rows)))


def _batches(
    frames: Iterable[Write], result: WriteResult, *, dataset: str, version: str, mode: str, normal: bool
) -> Iterator[_Sent]:
    sent, size = _empty(dataset, version, mode), 0
    for index, (plain, vectors, etag) in enumerate(frames):
        try:
            fields = to_fields(cast("Frame", plain) if normal else arguments.normal(_checked(plain)))
        except HyperdatasetsError as error:
            frame_id = str(plain.get("id", "")) if isinstance(plain, Mapping) else ""
            result.append(FailedFrame(index, frame_id, error.reason, error.message))
            continue
        named = [pb.NamedVector(field=field, values=values) for field, values in vectors.items()]
        size += sent.request.frames.add(frame=fields, vectors=named, etag=etag).ByteSize()
        sent.indexes.append(index)
        if size > BATCH_BYTES or len(sent.indexes) == BATCH:
            yield sent
            sent, size = _empty(dataset, version, mode), 0
    if sent.indexes:
        yield sent


def iterated(frames: Iterable[Frames]) -> Iterable[Frames]:
    """The frames as they are. Raises InvalidArgument: these are no frames."""
    if isinstance(frames, str | bytes | Mapping) or not isinstance(frames, Iterable):
        raise InvalidArgument(f"frames: expected a list of frames or another iterable, got {type(frames).__name__}")
    return frames


def _checked(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(plain, Mapping):
        raise InvalidFrame(f"expected a frame in its plain form, a dictionary, got {type(plain).__name__}")
    return plain


def _empty(dataset: str, version: str, mode: str) -> _Sent:
    request = pb.WriteFramesRequest(dataset=dataset, version=version, mode=MODES[mode], request_id=new_request_id())
    return _Sent(request, [])
