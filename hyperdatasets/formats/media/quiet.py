"""A switch that ignores the warnings of decoders, safe to use from several threads.

`warnings.catch_warnings` alone is not: two threads that leave it in the order in which they entered it restore each
other's filters, and warnings stay off for ever.
"""

from __future__ import annotations

import threading
import warnings

_lock = threading.Lock()
_inside = 0
_saved: warnings.catch_warnings[None] | None = None


class Quiet:
    """Ignore warnings in the block: the first thread in saves the filters, the last one out restores them."""

    def __enter__(self) -> None:
        _enter()

    def __exit__(self, *_: object) -> None:
        _leave()


def _enter() -> None:
    global _inside, _saved  # noqa: PLW0603  # the filters of the process are global, too
    with _lock:
        if _inside == 0:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.simplefilter("ignore")
        _inside += 1


def _leave() -> None:
    global _inside  # noqa: PLW0603  # the filters of the process are global, too
    with _lock:
        _inside -= 1
        if _inside == 0 and _saved is not None:
            _saved.__exit__(None, None, None)
