"""A session: an opened, short-lived use of a published view at a site, and the frames that it reads."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.util import Finalize
from types import TracebackType
from typing import Any, Self

from hyperdatasets.client.clips import Delivered, position_of, positions
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.delivered_frames import Entry, entries
from hyperdatasets.client.frame_messages import read_frames
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.left_out import LeftOut
from hyperdatasets.client.patience import Patience
from hyperdatasets.client.pending import Pending, PendingPositions, PendingRange
from hyperdatasets.core.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    Refused,
    SelectionMismatch,
    Unavailable,
)
from hyperdatasets.core.mapping import by_number
from hyperdatasets.core.order import MAX_POSITIONS, check_epoch, partition_length
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub

_OPENING_S = 600  # deadline: the node may evaluate the view first


@dataclass(frozen=True, slots=True)
class _Reading:
    """How frames are read.

    Attributes:
        left_out: counts what does not come.
        strict: what does not come is an error.
        metadata_only: frames come without their bytes.
    """

    left_out: LeftOut
    strict: bool = False
    metadata_only: bool = False


@dataclass(slots=True)
class _Handle:
    """The node's id of a session, which changes when it is opened again.

    Attributes:
        opened_by: id of the process that opened it and ends it; 0 for a copy.
        open: it has still to be ended.
    """

    session_id: str
    opened_by: int = field(default_factory=os.getpid)
    open: bool = True


class Session:
    """An opened, short-lived use of a view at a site.

    It can be sent to another process, which then reads from the same session over a connection of its own. It ends with
    `close`, or when the process that opened it does not need it any more. A process that had to open it again, as the
    node was restarted, ends what it opened.

    Attributes:
        count: positions of this reader; -1 if the order has no end.
        epoch_length: positions of one epoch of this reader; a rank of a view without end may have one more or less in
            others, see `epoch`.
        labels: label -> number.
        clips: whether a position delivers a list of frames, those of a clip.
        digest: selection digest of the site.
        without_site: frames of the view that no node serves; they are read by their URIs.
        mismatched: frames left out since their files changed after registration.
        withdrawn: frames left out since they were withdrawn.
    """

    def __init__(self, connection: Connection, request: pb.OpenSessionRequest, *, reconnect_s: float) -> None:
        self._connection, self._request, self._reconnect_s = connection, request, reconnect_s
        opened = self._opened()
        self._handle, self._lock = _Handle(opened.session_id), threading.Lock()
        self._end_with_this_process()
        self.count, self.epoch_length = opened.count, opened.epoch_length
        self._site_epoch_length = opened.site_epoch_length or opened.epoch_length  # older nodes tell the latter alone
        self._seed = opened.seed
        self.labels = by_number(opened.labels)
        self.digest, self.view_digest, self.site = opened.site_digest, opened.view_digest, opened.site
        self.clips, self.without_site = opened.clips, opened.without_site
        self._delivers = opened.delivers
        self._versions = [(each.dataset_id, each.version_id) for each in opened.versions]
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
        metadata_only: bool = False,
        left_out: LeftOut | None = None,
    ) -> Iterator[Delivered]:
        """Frames from a position on; of a view of clips lists of them.

        It goes on in a new stream after a broken connection or a restart of the node, and in a new session when the
        node has ended this one, unless the site does not allow it any more.

        A frame whose file changed is left out and counted, or raised with `strict`.

        Args:
            limit: stop after so many positions; 0 = at the end of the order.
            epoch: exactly this epoch, and `start` counts from its beginning; without `repeat` there is one, read again.
            worker, workers, block: of so many readers this one takes the blocks k with k % workers == worker.
            metadata_only: frames come without their bytes, which are then not read at the site.
            left_out: counts what this reading leaves out.

        Raises:
            DigestMismatch, SourceUnreadable: with `strict`.
            InvalidArgument: the session was opened for one epoch, or the order has no such epoch.
        """
        if epoch is not None:
            start, limit = self._of_epoch(epoch, start, limit)
        wanted = PendingRange(start, start + limit if limit else None, worker, workers, block)
        return self._read(wanted, _Reading(left_out or LeftOut(), strict=strict, metadata_only=metadata_only))

    def read(
        self, positions: Sequence[int], *, strict: bool = False, left_out: LeftOut | None = None
    ) -> dict[int, Delivered]:
        """The frames at these positions, wherever they are in the order, by position.

        A frame whose file changed, and one that was withdrawn, is left out and counted, or raised with `strict`.

        Args:
            left_out: counts what this reading leaves out.

        Raises:
            DigestMismatch, SourceUnreadable: with `strict`.
            InvalidArgument: the order has no such position.
        """
        found: dict[int, Delivered] = {}
        wanted, how = sorted(set(positions)), _Reading(left_out or LeftOut(), strict=strict)
        for first in range(0, len(wanted), MAX_POSITIONS):
            named = PendingPositions(wanted[first : first + MAX_POSITIONS])
            for delivered in self._read(named, how):
                found[position_of(delivered)] = delivered
        return found

    def epoch(self, number: int) -> range:
        """The positions of this reader in an epoch; without `repeat` there is one, read again.

        Raises:
            InvalidArgument: the order has no such epoch.
        """
        if self.count >= 0:
            return range(self.count)
        rank, ranks, length = self._request.partition, self._request.partitions, self._site_epoch_length
        check_epoch(number, length)
        first, end = (partition_length(each * length, rank, ranks, self._seed) for each in (number, number + 1))
        return range(first, end)

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
            raise Entry(position, None, 0, verdict).error
        return b"".join(pieces)

    def preview(self, position: int, *, part: int = 0) -> bytes:
        """A small JPEG of the frame at a position, made when it was registered."""
        request = pb.GetPreviewRequest(session_id=self._id, position=position, part=part)
        answer = self._connection.call(lambda channel: NodeServiceStub(channel).GetPreview, request)
        return bytes(answer.image)

    def close(self) -> None:
        """Ends the session at the node, which then reports it; one that the node has ended already is ended."""
        self._handle.open = False
        request = pb.CloseSessionRequest(session_id=self._id)
        with suppress(Refused):
            self._connection.call(lambda channel: NodeServiceStub(channel).CloseSession, request)

    def __iter__(self) -> Iterator[Delivered]:
        return self.stream()

    def __len__(self) -> int:
        """Positions of this reader.

        Raises:
            InvalidArgument: the order has no end.
        """
        if self.count < 0:
            raise InvalidArgument(
                f"the view repeats without end, so it has no length; open it for one epoch (`epoch=0`, "
                f"{self.epoch_length} positions), or iterate and stop when you have enough"
            )
        return self.count

    def __bool__(self) -> bool:
        return True  # also without frames, and without an end

    def __repr__(self) -> str:
        return f"Session({self.site!r}, {'without end' if self.count < 0 else counted(self.count, 'position')})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _handle=replace(state["_handle"], opened_by=0))

    def _opened(self) -> pb.OpenSessionResponse:
        try:
            answer: pb.OpenSessionResponse = self._connection.call(
                lambda channel: NodeServiceStub(channel).OpenSession, self._request, timeout_s=_OPENING_S
            )
        except Refused as error:
            if self._request.purpose.strip():
                raise
            hint = "No purpose was given, and the policy of a site may ask for one (`purpose`)"
            raise Refused(f"{error.message}. {hint}", **error.fields) from None
        return answer

    def _read(self, pending: Pending, how: _Reading) -> Iterator[Delivered]:
        patience, renewed = Patience(self._reconnect_s), -1
        while (request := pending.request) is not None:
            session_id, before = self._id, pending.reached
            request.session_id, request.metadata_only = session_id, how.metadata_only
            try:
                yield from positions(self._taken(request, pending, how), clips=self.clips)
            except (Unavailable, DeadlineExceeded, LimitExceeded) as error:
                if pending.reached > before:
                    patience.progress()
                patience.wait(error, moved=pending.reached > before, place=pending.place)
            except Refused:
                if renewed == pending.reached:
                    raise
                renewed = pending.reached
                self._renew(session_id)
            else:
                return

    def _taken(
        self, request: pb.ReadFramesRequest, pending: Pending, how: _Reading
    ) -> Iterator[tuple[AnyFrame | None, int]]:
        messages = self._connection.stream(read_frames, request)
        for entry in entries(messages, self._versions, metadata_only=request.metadata_only):
            if entry.bad is not None:
                self._count_bad(entry, how)
            pending.take(entry)
            yield entry.frame, entry.left

    def _count_bad(self, entry: Entry, how: _Reading) -> None:
        if entry.bad == pb.VERDICT_WITHDRAWN:
            self.withdrawn += 1
            how.left_out.withdrawn += 1
            return
        self.mismatched += 1
        how.left_out.mismatched += 1
        if how.strict:
            raise entry.error
        warnings.warn(f"{entry.error}; the frame is left out", stacklevel=5)

    def _renew(self, ended: str) -> None:
        """Opens the session again after the node has ended it, by a restart or because its time was over."""
        with self._lock:
            if self._id != ended:  # another stream saw to it
                return
            if not self._handle.open:
                raise FailedPrecondition("this session was closed; open a new one")
            opened = self._opened()
            now = (opened.site_digest, opened.delivers, opened.count)
            if now != (self.digest, self._delivers, self.count):
                _end(self._connection, _Handle(opened.session_id))
                raise SelectionMismatch(
                    "the view selects other frames at this site than when reading began, as private columns or the "
                    "site's policy have changed; open a new session and read from the beginning"
                )
            self._handle.session_id = opened.session_id
            if self._handle.opened_by != os.getpid():  # such as a loader's worker, or a copy
                self._handle.opened_by = os.getpid()
                self._end_with_this_process()

    def _end_with_this_process(self) -> None:
        """Ends it when this object is not needed any more, or at the end of this process, be it a forked one."""
        Finalize(self, _end, (self._connection, self._handle), exitpriority=0)

    @property
    def _id(self) -> str:
        return self._handle.session_id

    def _of_epoch(self, epoch: int, start: int, limit: int) -> tuple[int, int]:
        """The position in the whole order where a part of an epoch begins, and its length."""
        if self._request.HasField("epoch"):
            raise InvalidArgument("this session was opened for one epoch; say the epoch when opening it")
        mine = self.epoch(epoch)
        if not 0 <= start < max(1, len(mine)):
            raise InvalidArgument(f"epoch {epoch}, start {start}: an epoch has positions 0 to {len(mine) - 1}")
        left = len(mine) - start
        return mine.start + start, min(limit, left) if limit else left


def _end(connection: Connection, handle: _Handle) -> None:
    """Ends a session that was not closed; without waiting, since the node ends it later in any case."""
    if not handle.open:
        return
    request = pb.CloseSessionRequest(session_id=handle.session_id)
    with suppress(Exception):
        connection.tell(lambda channel: NodeServiceStub(channel).CloseSession, request)
