"""Who computes now: one call, or a few, and the others in the order in which they came.

Python computes in one thread at a time, and a thread that was interrupted waits long for its next go: many calls at
once take far longer together than one after the other, and the short ones suffer most. A call that computes for long
gives its place up now and then, and goes on behind those that have just come, though it is not passed over for ever;
one that waits for something else does not keep its place, and one that does not come to giving it up loses it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_QUANTUM_S = 0.02  # of computing, after which others are let in
_PASSED_OVER = 4  # times that those who came later may go first
_STALLED_S = 0.1  # so long without a look at who waits, and the place is another's: turns are never a deadlock


class Turns:
    """`places`: how many calls compute at once."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._computing: dict[_Turn, float] = {}  # since when
        self._fresh: deque[_Turn] = deque()
        self._long: deque[_Turn] = deque()  # that computed for long before
        self._passed_over = 0  # how often in a row the first of the long ones was
        self._lock = threading.Lock()

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._fresh or self._long)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The caller's turn, in this context."""
        mine = _Turn(self)
        mine.take()
        before = _MINE.set(mine)
        try:
            yield
        finally:
            _MINE.reset(before)
            mine.give()

    def take(self, mine: _Turn, *, again: bool) -> None:
        """Waits for a place, and gives up the one that the caller has; `again`: it computed for long before."""
        with self._lock:
            self._computing.pop(mine, None)
            (self._long if again else self._fresh).append(mine)
            self._call()
        while not mine.called.wait(_STALLED_S):
            with self._lock:
                now = time.monotonic()
                self._computing = {each: since for each, since in self._computing.items() if now - since < _STALLED_S}
                self._call()

    def give(self, mine: _Turn) -> None:
        """To who waits longest of those that have just come, or of the others."""
        with self._lock:
            self._computing.pop(mine, None)
            self._call()

    def _call(self) -> None:
        while len(self._computing) < self._places and self.awaited:
            first = self._first()
            self._computing[first] = time.monotonic()
            first.called.set()

    def _first(self) -> _Turn:
        if self._fresh and (not self._long or self._passed_over < _PASSED_OVER):
            self._passed_over += bool(self._long)
            return self._fresh.popleft()
        self._passed_over = 0
        return self._long.popleft()


class _Turn:
    """Of one call, which computes in one thread."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.called = threading.Event()

    def take(self, *, again: bool = False) -> None:
        self.called.clear()
        self._turns.take(self, again=again)
        self._since = time.monotonic()

    def pass_on(self) -> None:
        if self._turns.awaited and time.monotonic() - self._since > _QUANTUM_S:
            self.take(again=True)

    def give(self) -> None:
        self._turns.give(self)


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
