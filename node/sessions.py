"""Sessions: short-lived uses of a grant by one client, and what they delivered."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray
from pyroaring import BitMap64

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.errors import InvalidArgument, LimitExceeded, Refused
from hyperdatasets.core.order import MAX_RANKS, check_epoch, partition, partition_length, worker_positions
from node.admission import Grant
from node.clients import Client

SESSION_MS = 12 * 3_600_000
MAX_SESSIONS = 1_000  # of one client


@dataclass
class Session:
    """One reader's part of a grant's order.

    Attributes:
        rank, ranks: this reader's part; epoch: the only one to read, or None for the whole order.
        stopped: why it ended before its time; empty while it is open.
    """

    id: str
    client: Client
    view: str
    purpose: str
    experiment: str
    grant: Grant
    rank: int
    ranks: int
    epoch: int | None
    opened_ms: int
    expires_ms: int
    frames: int = 0
    size_bytes: int = 0
    mismatched: list[int] = field(default_factory=list)
    delivered: BitMap64 = field(default_factory=BitMap64)
    stopped: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def _window(self) -> range | None:
        """Positions of the order that belong to the session; None = without end."""
        order = self.grant.order
        if self.epoch is not None:
            return order.epoch(self.epoch)
        return None if order.length is None else range(order.length)

    @property
    def count(self) -> int:
        """Positions of this reader; -1 = without end."""
        window = self._window
        if window is None:
            return -1
        seed = self.grant.view.iteration.seed
        before = partition_length(window.start, self.rank, self.ranks, seed)
        return partition_length(window.stop, self.rank, self.ranks, seed) - before

    @property
    def epoch_length(self) -> int:
        return partition_length(self.grant.order.epoch_length, self.rank, self.ranks, self.grant.view.iteration.seed)

    def positions(self, start: int, stop: int, *, worker: int, workers: int, block: int) -> NDArray[np.int64]:
        """Positions of this reader from `start` to before `stop` that one of its workers takes."""
        return worker_positions(start, stop, worker=worker, workers=workers, block=block)

    def units(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The unit that stands at each of this reader's positions."""
        seed, window = self.grant.view.iteration.seed, self._window
        before = 0 if window is None else partition_length(window.start, self.rank, self.ranks, seed)
        return self.grant.order.at(partition(positions + before, self.rank, self.ranks, seed))

    def deliver(self, positions: Sequence[int], *, frames: int, size: int, bad: Sequence[int]) -> None:
        """Notes what was delivered with its verdict.

        Args:
            positions: those whose (last) frame was among it.
            frames: how many frames were good; `size` bytes of content.
            bad: positions of the others.
        """
        with self.lock:
            self.delivered.update(positions)
            self.frames += frames
            self.size_bytes += size
            self.mismatched += bad

    def report(self, site: str, now_ms: int) -> bytes:
        """What the node signs: JSON text with sorted keys."""
        with self.lock:
            content = {
                "session": self.id, "site": site, "view": self.view, "view_digest": self.grant.view_digest,
                "purpose": self.purpose, "experiment": self.experiment, "client": self.client.name,
                "frames": self.frames, "bytes": self.size_bytes, "delivered": _ranges(self.delivered),
                "mismatched": self.mismatched, "withdrawn": [],
                "opened_ms": self.opened_ms, "time_ms": now_ms, "stopped": self.stopped,
            }  # fmt: skip
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


class Sessions:
    """The open sessions of a node; a handle works for the client it was made for only."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self, grant: Grant, *, client: Client, view: str, purpose: str, experiment: str, rank: int, ranks: int,
             epoch: int | None) -> Session:  # fmt: skip
        if not 0 <= rank < ranks <= MAX_RANKS:
            raise InvalidArgument(f"partition {rank} of {ranks}: ranks are numbered from 0, at most {MAX_RANKS}")
        if epoch is not None:
            check_epoch(epoch, max(1, grant.order.epoch_length))
        now = _now_ms()
        session = Session(
            secrets.token_urlsafe(24), client, view, purpose, experiment, grant, rank, ranks, epoch, now,
            min(now + SESSION_MS, client.expires_ms),
        )  # fmt: skip
        with self._lock:
            if sum(each.client.name == client.name for each in self._open.values()) >= MAX_SESSIONS:
                raise LimitExceeded(f"a client has at most {MAX_SESSIONS} sessions open; close some first")
            self._open[session.id] = session
        return session

    def get(self, session_id: str, client: Client) -> Session:
        """The session of this handle; unknown, ended and another certificate's are answered alike."""
        session = self._open.get(session_id)
        if session is None or session.client != client or session.stopped or session.expires_ms < _now_ms():
            raise Refused("this session is not open; open a new one", rule="session", why="unknown, ended or foreign")
        return session

    def close(self, session_id: str) -> Session | None:
        """Ends a session and its streams; None if somebody else did."""
        with self._lock:
            session = self._open.pop(session_id, None)
        if session is not None:
            session.stopped = "closed by its client"
        return session

    def ended(self) -> list[Session]:
        """Takes out the sessions that were stopped, and those whose time is over, which ends their streams."""
        now = _now_ms()
        with self._lock:
            for each in self._open.values():
                if each.expires_ms < now and not each.stopped:
                    each.stopped = "its time is over"
            over = [each for each in self._open.values() if each.stopped]
            for each in over:
                del self._open[each.id]
        return over

    def stop_where(self, reason: Callable[[Session], str]) -> None:
        """Ends the sessions that a reason is given for, in the middle of their streams too."""
        with self._lock:
            sessions = list(self._open.values())
        for session in sessions:
            if why := reason(session):
                session.stopped = why

    @property
    def count(self) -> int:
        return len(self._open)

    def all(self) -> list[Session]:
        with self._lock:
            sessions = list(self._open.values())
            self._open.clear()
        return sessions


def _ranges(positions: BitMap64) -> list[list[int]]:
    """First and last position of each stretch without a gap."""
    listed = np.array(positions.to_array(), np.int64)
    if not len(listed):
        return []
    gaps = np.flatnonzero(np.diff(listed) != 1)
    firsts, lasts = listed[np.r_[0, gaps + 1]], listed[np.r_[gaps, len(listed) - 1]]
    return [[first, last] for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
