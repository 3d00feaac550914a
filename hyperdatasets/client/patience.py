"""How long a read that was cut off tries to go on, and how often."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from hyperdatasets.core.errors import DeadlineExceeded, HyperdatasetsError, LimitExceeded

_FIRST_S = 3  # for a read that has not begun
_WAIT_S, _LONGEST_WAIT_S = 0.1, 10


@dataclass(slots=True)
class Patience:
    """How long a read without progress tries again; `begun`: something came already, so that there is a server."""

    limit_s: float
    begun: bool = False
    tries: int = 0
    broke_s: float = 0.0

    def progress(self) -> None:
        self.begun, self.tries = True, 0

    def wait(self, error: HyperdatasetsError, *, moved: bool, place: str) -> None:
        """Returns when it is time to try again; raises the error if that makes no sense any more.

        Args:
            moved: something came through the stream that broke.
            place: what was read, and how to read on: told if the server is given up.
        """
        self.begun = self.begun or moved
        if isinstance(error, DeadlineExceeded):
            if not moved:
                raise error
            return
        if isinstance(error, LimitExceeded) and not self.begun:
            raise error
        now = time.monotonic()
        if not self.tries:
            self.broke_s = now
        if now - self.broke_s >= (self.limit_s if self.begun else min(self.limit_s, _FIRST_S)):
            raise self._given_up(error, place) if self.begun else error
        self.tries += 1
        time.sleep(min(_LONGEST_WAIT_S, _WAIT_S * 2**self.tries) * random.uniform(0.5, 1))  # noqa: S311  # jitter

    def _given_up(self, error: HyperdatasetsError, place: str) -> HyperdatasetsError:
        return type(error)(
            f"{error.message} Nothing came for {self.limit_s:g} s (the setting `reconnect_s`); {place}", **error.fields
        )
