"""A site's node as its clients see it: sessions over published views, samples with their bytes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import orjson

from hyperdatasets import allocator
from hyperdatasets.client.clips import positions
from hyperdatasets.client.config import load
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.frame_messages import read_ahead, read_frames, split
from hyperdatasets.client.patience import Patience
from hyperdatasets.core.errors import (
    DeadlineExceeded,
    DigestMismatch,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    Refused,
    SelectionMismatch,
    SourceUnreadable,
    Unavailable,
)
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub


class SampleSource:
    """One source of a sample; `bytes` are its whole content."""

    __slots__ = ("_number", "_part", "_sample")

    def __init__(self, sample: Sample, number: int, part: int) -> None:
        self._sample, self._number, self._part = sample, number, part

    @property
    def bytes(self) -> bytes:
        return bytes(self._sample.parts[self._part])

    @property
    def plain(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._sample.plain["sources"][self._number])

    @property
    def id(self) -> str:
        return str(self.plain["id"])

    @property
    def content_type(self) -> str:
        return str(self.plain.get("content_type", ""))


class Sample:
    """A frame of a session with its content, at its position in the session's order.

    Attributes:
        position: in the session's order, from 0.
        parts: the content of each source, followed by that of its masks.
    """

    __slots__ = ("_plain", "_text", "parts", "position")

    def __init__(self, position: int, frame: bytes | dict[str, Any], parts: Sequence[bytes | memoryview]) -> None:
        self.position, self.parts = position, parts
        self._text = frame if isinstance(frame, bytes) else b""
        self._plain: dict[str, Any] | None = None if isinstance(frame, bytes) else frame

    @property
    def plain(self) -> dict[str, Any]:
        """The frame in its plain form, labels mapped; read when it is first asked for."""
        if self._plain is None:
            self._plain = orjson.loads(self._text)
        return cast("dict[str, Any]", self._plain)

    @property
    def id(self) -> str:
        return str(self.plain["id"])

    @property
    def context_id(self) -> str:
        return str(self.plain.get("context_id", ""))

    @property
    def timestamp(self) -> int | None:
        return self.plain.get("timestamp")

    @property
    def meta(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain.get("meta", {}))

    @property
    def annotations(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.plain.get("annotations", []))

    @property
    def label_ids(self) -> list[list[int]]:
        """For each annotation the numbers of its labels; -1 for a label without a number."""
        return [annotation["label_ids"] for annotation in self.annotations]

    def source(self, name: str = "") -> SampleSource:
        """The source of this name; without a name the first."""
        if not name and self.parts:
            return SampleSource(self, 0, 0)
        for number, (source, part) in enumerate(self._placed()):
            if source["id"] == name:
                return SampleSource(self, number, part)
        raise NotFound(f"the frame has no source `{name}`", kind="source", name=name)

    def mask(self, name: str = "") -> bytes:
        """The content of the mask of this id; without one the first."""
        for source, part in self._placed():
            for offset, mask in enumerate(source.get("masks", []), start=1):
                if mask["id"] == name or not name:
                    return bytes(self.parts[part + offset])
        raise NotFound(f"the frame has no mask `{name}`", kind="mask", name=name)

    def _placed(self) -> Iterator[tuple[dict[str, Any], int]]:
        part = 0
        for source in self.plain["sources"]:
            yield source, part
            part += 1 + len(source.get("masks", []))

    def __repr__(self) -> str:
        return f"Sample({self.position}, {self.id!r})"


class _Part(NamedTuple):
    """A frame of a position, None if it is left out; with how many of its clip follow."""

    position: int
    sample: Sample | None
    left: int


@dataclass(slots=True)
class _Reach:
    """The position that is read next."""

    position: int

    def reached(self, parts: Iterable[_Part]) -> Iterator[tuple[Sample | None, int]]:
        for position, sample, left in parts:
            if not left:
                self.position = position + 1
            yield sample, left


class NodeClient:
    """A node at `host:port`; certificates are needed unless it is an open one on loopback."""

    def __init__(
        self, address: str, *, ca: str = "", cert: str = "", key: str = "", timeout_s: float = 60,
        stream_timeout_s: float = 86_400, reconnect_s: float = 300,
    ) -> None:  # fmt: skip
        """`stream_timeout_s`, `reconnect_s`: see ClientConfig."""
        self._connection = Connection(
            address, ca=ca, cert=cert, key=key, timeout_s=timeout_s, stream_timeout_s=stream_timeout_s, what="node"
        )
        self._reconnect_s = reconnect_s

    def open(
        self,
        *,
        view: str,
        experiment: str = "",
        purpose: str = "",
        partition: tuple[int, int] = (0, 1),
        epoch: int | None = None,
    ) -> Session:
        """Opens a session over the frames of this site that a published view selects.

        Args:
            view: `name@sha256:<digest>`.
            purpose: what the frames are for; the site's policy may ask for it.
            partition: (rank, ranks): this reader's part of the order.
            epoch: read exactly this epoch; None = the whole order.

        Raises:
            Refused: unknown, or not allowed at this site; its operator sees the reason.
        """
        request = pb.OpenSessionRequest(
            view=view, purpose=purpose, experiment=experiment, partition=partition[0], partitions=partition[1],
            epoch=epoch,
        )  # fmt: skip
        return Session(
            self._connection, lambda: self._call("OpenSession", request, timeout_s=600),
            whole=partition[1] == 1 and epoch is None, reconnect_s=self._reconnect_s,
        )  # fmt: skip

    def status(self) -> pb.GetStatusResponse:
        answer: pb.GetStatusResponse = self._call("GetStatus", pb.GetStatusRequest())
        return answer

    def register(self, request: pb.RegisterRequest, *, operator_secret: str = "") -> Iterator[pb.RegisterResponse]:
        """Progress of a registration, as the node's operator; a strict node asks for its `operator.secret`."""
        more = [("hd-operator", operator_secret)] if operator_secret else []
        return self._connection.stream(lambda channel: NodeServiceStub(channel).Register, request, metadata=more)

    def close(self) -> None:
        self._connection.close()

    def _call(self, method: str, request: Any, **more: Any) -> Any:
        return self._connection.call(lambda channel: getattr(NodeServiceStub(channel), method), request, **more)


def local_node(address: str = "") -> NodeClient:
    """The node of this site: as given, as configured, or on loopback."""
    config = load(node=address)
    return NodeClient(
        config.node, ca=config.node_ca, cert=config.node_cert, key=config.node_key, reconnect_s=config.reconnect_s
    )


def open_session(node: Mapping[str, str], settings: Mapping[str, str], epoch: int | None) -> Session:
    """A session from plain settings, which can be sent to another process.

    Args:
        node: `address`, `ca`, `cert`, `key`.
        settings: `view`, `experiment`, `purpose`.
    """
    client = NodeClient(node["address"], ca=node["ca"], cert=node["cert"], key=node["key"])
    return client.open(
        view=settings["view"], experiment=settings["experiment"], purpose=settings["purpose"], epoch=epoch
    )


class Session:
    """An opened, short-lived use of a view at a site.

    Attributes:
        count: positions of this reader; -1 if the order has no end.
        labels: label -> number.
        clips: whether a position delivers a list of samples, one for each frame of a clip.
        digest: selection digest of the site.
        without_site: frames of the view that no node serves; they are read by their URIs.
        mismatched: frames left out since their files changed after registration.
        withdrawn: frames left out since they were withdrawn.
    """

    def __init__(
        self, connection: Connection, opening: Callable[[], pb.OpenSessionResponse], *, whole: bool, reconnect_s: float
    ) -> None:
        self._connection, self._opening, self._whole, self._reconnect_s = connection, opening, whole, reconnect_s
        opened = opening()
        self._id, self._closed, self._lock = opened.session_id, False, threading.Lock()
        self.count, self.epoch_length = opened.count, opened.epoch_length
        self.labels = dict(opened.labels)
        self.digest, self.view_digest, self.site = opened.site_digest, opened.view_digest, opened.site
        self.clips, self.without_site = opened.clips, opened.without_site
        self._delivers = opened.delivers
        self.mismatched = self.withdrawn = 0

    def stream(
        self,
        *,
        start: int = 0,
        limit: int = 0,
        epoch: int | None = None,
        worker: int = 0,
        workers: int = 1,
        block: int = 1,
        strict: bool = False,
    ) -> Iterator[Any]:
        """Samples from a position on, of a view of clips lists of them.

        It goes on in a new stream after a broken connection or a restart of the node, and in a new session when the
        node has ended this one, unless the site does not allow it any more.

        A frame whose file changed is left out and counted, or raised with `strict`.

        Args:
            epoch: exactly this epoch, and `start` counts from its beginning; without `repeat` there is one, read again.

        Raises:
            DigestMismatch, SourceUnreadable: with `strict`.
            InvalidArgument: the session was opened for one rank or one epoch.
        """
        if epoch is not None:
            start, limit = self._of_epoch(epoch, start, limit)
        at, stop = _Reach(start), start + limit if limit else None
        patience, renewed = Patience(self._reconnect_s), -1
        while stop is None or at.position < stop:
            session_id, before = self._id, at.position
            request = pb.ReadFramesRequest(
                session_id=session_id, offset=at.position, limit=0 if stop is None else stop - at.position,
                worker=worker, workers=workers, block=block,
            )  # fmt: skip
            try:
                yield from positions(at.reached(self._samples(request, strict=strict)), clips=self.clips)
            except (Unavailable, DeadlineExceeded, LimitExceeded) as error:
                if at.position > before:
                    patience.progress()
                place = f"the view was read up to position {at.position}: read on with start={at.position}"
                patience.wait(error, moved=at.position > before, place=place)
            except Refused:
                if renewed == at.position:
                    raise
                renewed = at.position
                self._renew(session_id)
            else:
                return

    def _renew(self, ended: str) -> None:
        """Opens the session again that the node has ended: it was restarted, or the session's time is over."""
        with self._lock:
            if self._id != ended:  # another stream saw to it
                return
            if self._closed:
                raise FailedPrecondition("this session was closed; open a new one")
            opened = self._opening()
            now = (opened.site_digest, opened.delivers, opened.count)
            if now != (self.digest, self._delivers, self.count):
                raise SelectionMismatch(
                    "the view selects other frames at this site than when reading began, as private columns or the "
                    "site's policy have changed; open a new session and read from the beginning"
                )
            self._id = opened.session_id

    def _of_epoch(self, epoch: int, start: int, limit: int) -> tuple[int, int]:
        """Where in the whole order an epoch's part begins, and how long it is."""
        if not self._whole:
            raise InvalidArgument("this session was opened for one rank or one epoch; say the epoch when opening it")
        if epoch < 0 or not 0 <= start < max(1, self.epoch_length):
            raise InvalidArgument(f"epoch {epoch}, start {start}: an epoch has positions 0 to {self.epoch_length - 1}")
        first = epoch * self.epoch_length if self.count < 0 else 0
        left = self.epoch_length - start
        return first + start, min(limit, left) if limit else left

    def read_range(self, position: int, *, part: int = 0, start: int = 0, length: int = 0) -> bytes:
        """Bytes of one part (0 = the first source) of the frame at a position; without `length` to its end.

        Raises:
            DigestMismatch, SourceUnreadable: the part is not what was registered, or cannot be read.
        """
        request = pb.ReadSourceRequest(session_id=self._id, position=position, part=part, offset=start, length=length)
        pieces, verdict = [], pb.VERDICT_UNREADABLE
        for answer in self._connection.stream(lambda channel: NodeServiceStub(channel).ReadSource, request):
            pieces.append(answer.data)
            verdict = answer.verdict
        if verdict != pb.VERDICT_OK:
            raise _bad(position, verdict)
        return b"".join(pieces)

    def preview(self, position: int, *, part: int = 0) -> bytes:
        """A small JPEG of the frame at a position, made when it was registered."""
        request = pb.GetPreviewRequest(session_id=self._id, position=position, part=part)
        answer = self._connection.call(lambda channel: NodeServiceStub(channel).GetPreview, request)
        return bytes(answer.image)

    def close(self) -> None:
        """Ends the session at the node, which then reports it."""
        self._closed = True
        self._connection.call(
            lambda channel: NodeServiceStub(channel).CloseSession,
            pb.CloseSessionRequest(session_id=self._id),
        )

    def __iter__(self) -> Iterator[Any]:
        return self.stream()

    def __len__(self) -> int:
        return max(self.count, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _samples(self, request: pb.ReadFramesRequest, *, strict: bool) -> Iterator[_Part]:
        messages = self._connection.stream(read_frames, request)
        pending: pb.FrameBatch | None = None
        pieces: dict[int, list[bytes]] = {}
        for raw in read_ahead(messages):
            batch, data = split(raw)
            if batch is not None:
                yield from self._of_batch(batch, data, strict=strict)
                continue
            message = pb.ReadFramesResponse.FromString(raw)
            if message.HasField("batch"):
                pending, pieces = message.batch, {}
            elif pending is not None:
                chunk = message.chunk
                pieces.setdefault(chunk.part, []).append(chunk.data)
                if chunk.verdict:
                    pending.verdicts.append(chunk.verdict)
                if len(pending.verdicts) == pending.part_counts[0]:
                    parts = [b"".join(pieces.get(i, ())) for i in range(pending.part_counts[0])]
                    left = pending.frames_left[0] if pending.frames_left else 0
                    position = pending.positions[0]
                    sample = self._checked(position, pending.frames[0], parts, pending.verdicts, strict=strict)
                    yield _Part(position, sample, left)
                    pending = None

    def _of_batch(self, batch: pb.FrameBatch, data: memoryview, *, strict: bool) -> Iterable[_Part]:
        sizes, verdicts, counts = list(batch.part_sizes), list(batch.verdicts), list(batch.part_counts)
        bounds = [0, *accumulate(sizes)]
        ends = [0, *accumulate(counts)]
        parts = [data[low:high] for low, high in pairwise(bounds)]
        lefts = list(batch.frames_left) or repeat(0, len(counts))
        told = zip(batch.positions, batch.frames, pairwise(ends), lefts, strict=True)
        if set(verdicts) <= {pb.VERDICT_OK}:
            return [
                _Part(position, Sample(position, frame, parts[low:high]), left)
                for position, frame, (low, high), left in told
            ]
        return (
            _Part(position, self._checked(position, frame, parts[low:high], verdicts[low:high], strict=strict), left)
            for position, frame, (low, high), left in told
        )

    def _checked(
        self,
        position: int,
        frame: bytes,
        parts: Sequence[bytes | memoryview],
        verdicts: Sequence[int],
        *,
        strict: bool,
    ) -> Sample | None:
        """The sample, or None for one that is counted and left out."""
        bad = next((verdict for verdict in verdicts if verdict not in {pb.VERDICT_OK, pb.VERDICT_WITHHELD}), None)
        if bad is None:
            return Sample(position, frame, parts)
        if bad == pb.VERDICT_WITHDRAWN:
            self.withdrawn += 1
            return None
        self.mismatched += 1
        error = _bad(position, bad)
        if strict:
            raise error
        warnings.warn(f"{error.message}; the frame is left out", stacklevel=4)
        return None


def _bad(position: int, verdict: int) -> DigestMismatch | SourceUnreadable:
    if verdict == pb.VERDICT_DIGEST_MISMATCH:
        return DigestMismatch(f"position {position}: the file has changed since it was registered")
    return SourceUnreadable(f"position {position}: the file cannot be read")


allocator.tune()  # here, since it has to be done before threads are started
