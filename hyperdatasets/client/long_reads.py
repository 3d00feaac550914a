"""Reads that outlast their streams: a new stream goes on where the last one stood, nothing missing, nothing twice.

A stream ends at its deadline, or when the service is restarted. What is left of a read (`Rest`) is asked for again;
published views by position, frames of a version by the revision of the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.patience import Patience
from hyperdatasets.core.errors import DeadlineExceeded, LimitExceeded, Unavailable
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import frame_service_pb2 as frames_pb

Result = TypeVar("Result")


class Rest(Protocol):
    """What is still to come of a read."""

    taken: int
    """Entries that came."""

    @property
    def request(self) -> Any:
        """Asks for the rest; None if there is none."""

    def take(self, answer: Any) -> Any:
        """Notes what came; the answer without what came before, or None if nothing of it is new."""

    @property
    def place(self) -> str:
        """Where the read stands, for a person."""


def long_read(client: MetadataClient, rest: Rest) -> Iterator[Any]:
    """All messages of a read, however often its stream breaks.

    Raises:
        Unavailable: the service was away for too long.
        DeadlineExceeded: not even one frame came within a stream's deadline.
        ReadingStale: what is read is not published, and was changed meanwhile.
    """
    patience = Patience(client.config.reconnect_s)
    while (request := rest.request) is not None:
        before = rest.taken
        try:
            for answer in client.stream(request):
                fresh = rest.take(answer)
                if rest.taken > before:
                    patience.progress()
                if fresh is not None:
                    yield fresh
        except (Unavailable, DeadlineExceeded, LimitExceeded) as error:
            patience.wait(error, moved=rest.taken > before, place=rest.place)
        else:
            return


def read_at_one_go(client: MetadataClient, request: Any, read: Callable[[Iterator[Any]], Result]) -> Result:
    """What `read` makes of the messages of a stream; read from the beginning again if the stream breaks."""
    patience = Patience(client.config.reconnect_s)
    while True:
        begun = False

        def noted(answers: Iterator[Any]) -> Iterator[Any]:
            nonlocal begun
            for answer in answers:
                begun = True
                yield answer

        try:
            return read(noted(client.stream(request)))
        except Unavailable as error:
            patience.wait(error, moved=begun, place="nothing was lost: call again")


class ViewRest:
    """The rest of a view: from the position on that has not come whole; of a clip that was cut what came is dropped."""

    def __init__(self, asked: views_pb.ReadDataViewRequest) -> None:
        self.taken = 0
        self._asked, self._state = asked, ""
        self._next, self._came = asked.start, 0  # a position, and how many of its entries came
        self._again = 0  # entries of this stream that came before

    @property
    def request(self) -> views_pb.ReadDataViewRequest | None:
        if not self.taken:
            return self._asked
        stop = self._asked.start + self._asked.limit
        if self._asked.limit and self._next >= stop:
            return None
        request = views_pb.ReadDataViewRequest()
        request.CopyFrom(self._asked)
        request.start, request.continues = self._next, self._state
        request.limit = stop - self._next if self._asked.limit else 0
        self._again = self._came
        return request

    def take(self, answer: views_pb.ReadDataViewResponse) -> views_pb.ReadDataViewResponse | None:
        if not answer.entries:  # the head
            self._state = answer.state
            return None if self.taken else answer
        again = min(self._again, len(answer.entries))
        self._again -= again
        del answer.entries[:again]
        for entry in answer.entries:
            self._next, self._came = (entry.position, self._came + 1) if entry.frames_left else (entry.position + 1, 0)
        self.taken += len(answer.entries)
        return answer if answer.entries else None

    @property
    def place(self) -> str:
        return (
            f"the view was read up to position {self._next}: once the service answers, read on with start={self._next}"
        )


class FramesRest:
    """The rest of a version's frames: those after the last one that came."""

    def __init__(self, asked: frames_pb.QueryFramesRequest) -> None:
        self.taken = 0
        self._asked, self._state, self._last = asked, "", 0

    @property
    def request(self) -> frames_pb.QueryFramesRequest | None:
        if not self.taken:
            return self._asked
        if self._asked.limit and self.taken >= self._asked.limit:
            return None
        request = frames_pb.QueryFramesRequest()
        request.CopyFrom(self._asked)
        request.continues, request.after_revision = self._state, self._last
        request.limit = self._asked.limit - self.taken if self._asked.limit else 0
        return request

    def take(self, answer: frames_pb.QueryFramesResponse) -> frames_pb.QueryFramesResponse | None:
        if not answer.frames:
            self._state = answer.state
            return None if self.taken else answer
        self.taken += len(answer.frames)
        self._last = answer.frames[-1].revision
        return answer

    @property
    def place(self) -> str:
        return f"{counted(self.taken, 'frame was', 'frames were')} read: once the service answers, read again"
