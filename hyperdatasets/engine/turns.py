"""Who computes now: as many calls at once as there are cores, the others in the order in which they came.

Python computes in one thread at a time, and a thread that was interrupted waits long for its next go: many calls at
once take far longer together than one after the other, and the short ones suffer most. A call that computes for long
gives its place to the next one now and then; one that waits for something else does not keep it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_QUANTUM_S = 0.02  # of computing, after which others are let in
_PATIENCE_S = 1.0  # after so long a call computes beside the others: turns are a courtesy, and never a deadlock


class Turns:
    """`places`: how many calls compute at once."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The caller's turn, in this context."""
        mine = _Turn(self)
        before = _MINE.set(mine)
        try:
            yield
        finally:
            _MINE.reset(before)
            mine.give()

    def take(self) -> bool:
        """Waits for a place; False if it took too long, and the caller goes on without one."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(_PATIENCE_S):
            return True
        with self._lock:
            if called.is_set():
                return True
            self._waiting.remove(called)
        return False

    def give(self) -> None:
        """To who waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


class _Turn:
    """Of one call, which computes in one thread."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.take()

    def take(self) -> None:
        self._held = self._turns.take()
        self._since = time.monotonic()

    def pass_on(self) -> None:
        if self._turns.awaited and time.monotonic() - self._since > _QUANTUM_S:
            self.give()
            self.take()

    def give(self) -> None:
        if self._held:
            self._held = False
            self._turns.give()


_MINE: ContextVar[_Turn | None] = ContextVar("turn", default=None)


def pass_on() -> None:
    """Lets others compute for a while, if this call did so for long; called between the steps of an evaluation."""
    mine = _MINE.get()
    if mine is not None:
        mine.pass_on()


@contextmanager
def aside() -> Iterator[None]:
    """Around waiting for something that others do: meanwhile the turn is theirs."""
    mine = _MINE.get()
    if mine is None:
        yield
        return
    mine.give()
    try:
        yield
    finally:
        mine.take()
