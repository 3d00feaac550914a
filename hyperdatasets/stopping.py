"""How a process that serves is told to stop: SIGTERM, or Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told_to_stop() -> Iterator[Callable[[], None]]:
    """Gives what waits until the process is told to stop, also if it was told before; for the main thread.

    A handler in Python is run by the main thread alone. While that waits for an event it does not notice a signal that
    the system handed to another thread, as happens under load, and while it begins to wait, a handler that sets the
    event finds its lock held. What writes into the pipe is no handler in Python, and a pipe has no lock.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    writes_to = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: _until(told, set(before))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(writes_to)
        os.close(told)
        os.close(tell)


def _until(told: int, numbers: set[signal.Signals]) -> None:
    while os.read(told, 1)[0] not in numbers:
        pass  # some other signal, such as a window that was resized
