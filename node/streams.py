"""Streams that are open at a node: how many each client has, and whether somebody still reads them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hyperdatasets.core.errors import LimitExceeded

PER_CLIENT = 16
IN_ALL = 40  # fewer than the server has threads, so that calls are answered beside them
STALLED_S = 120  # how long a message may wait for its reader

Message = TypeVar("Message")


@dataclass(slots=True, eq=False)
class _Stream:
    client: str
    cancel: Callable[[], object]
    waiting_since_s: float | None = None


class Streams:
    """Counts and watches; beyond a cap a client is told at once, and a reader that stalled loses its stream."""

    def __init__(self) -> None:
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()

    def counted(self, client: str, messages: Iterable[Message], cancel: Callable[[], object]) -> Iterator[Message]:
        """The same messages, while the stream counts as one of its client's.

        Args:
            cancel: ends the call; its client may go on in another one.

        Raises:
            LimitExceeded: too many are open.
        """
        stream = self._entered(client, cancel)
        try:
            for message in messages:
                stream.waiting_since_s = time.monotonic()
                yield message
                stream.waiting_since_s = None
        finally:
            with self._lock:
                self._open.discard(stream)

    def cut_stalled(self) -> None:
        """Ends the streams whose message nobody took for too long; each holds memory and a thread."""
        latest = time.monotonic() - STALLED_S
        with self._lock:
            stalled = [
                each for each in self._open if each.waiting_since_s is not None and each.waiting_since_s < latest
            ]
        for each in stalled:
            each.cancel()

    def _entered(self, client: str, cancel: Callable[[], object]) -> _Stream:
        stream = _Stream(client, cancel)
        with self._lock:
            if Counter(each.client for each in self._open)[client] >= PER_CLIENT:
                raise LimitExceeded(f"a client has at most {PER_CLIENT} streams open; end one first")
            if len(self._open) >= IN_ALL:
                raise LimitExceeded(f"this node has {IN_ALL} streams open; try again when one has ended")
            self._open.add(stream)
        return stream
