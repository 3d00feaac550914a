"""Until when an evaluation may run: asked between its steps, so that a query that takes too long really ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import TypeVar

from hyperdatasets.core.errors import DeadlineExceeded
from hyperdatasets.engine import turns

Item = TypeVar("Item")
_STEP = 1_024  # items between two looks at the clock
_PAUSE_S = 0.002  # between two looks at more than the clock


class _Limit:
    """A moment of the monotonic clock, and whether somebody still waits for the answer."""

    def __init__(self, seconds: float, wanted: Callable[[], bool]) -> None:
        self._seconds, self._wanted = seconds, wanted
        self._end = time.monotonic() + seconds
        self._next = 0.0

    def extend(self, seconds: float) -> None:
        self._end += seconds

    def check(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _PAUSE_S
        if now > self._end:
            raise DeadlineExceeded(
                f"the query was stopped after {self._seconds:.3g} s; narrow it (a filter that holds on fewer frames, "
                "a field with fewer values, no fuzzy term or pattern that begins with a wildcard), or allow more time"
            )
        if not self._wanted():
            raise DeadlineExceeded("nobody waits for the answer any more")


_CURRENT: ContextVar[_Limit | None] = ContextVar("limit", default=None)


def begin(seconds: float, wanted: Callable[[], bool] = lambda: True) -> None:
    """From here on in this context an evaluation ends after so many seconds, or when it is not wanted any more."""
    _CURRENT.set(_Limit(seconds, wanted))


@contextmanager
def uncounted() -> Iterator[None]:
    """Around what is not the evaluation's own work, such as an index that is made first: the time does not count."""
    started = time.monotonic()
    try:
        yield
    finally:
        limit = _CURRENT.get()
        if limit is not None:
            limit.extend(time.monotonic() - started)


def check() -> None:
    """Raises DeadlineExceeded if the time is over, without a limit it never is; and lets others have their turn."""
    limit = _CURRENT.get()
    if limit is not None:
        limit.check()
    turns.pass_on()


def checked(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with a look at the clock now and then."""
    left = iter(items)
    while some := list(islice(left, _STEP)):
        check()
        yield from some
