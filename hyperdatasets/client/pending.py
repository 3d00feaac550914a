"""What a session has still to read after a broken stream: the rest of a range of the order, or of named positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hyperdatasets.client.delivered_frames import Entry
from hyperdatasets.v1 import node_service_pb2 as pb


class Pending(Protocol):
    """The part of a reading that has not come yet; a new stream asks for it."""

    @property
    def request(self) -> pb.ReadFramesRequest | None:
        """The request for what is left; None if nothing is."""

    def take(self, entry: Entry) -> None:
        """Notes an entry that came."""

    @property
    def reached(self) -> int:
        """A number that grows with what comes."""

    @property
    def place(self) -> str:
        """How far the reading has come, in words."""


@dataclass(slots=True)
class PendingRange:
    """What is left of a range of the order; `stop` None = to its end."""

    reached: int
    stop: int | None
    worker: int
    workers: int
    block: int

    @property
    def request(self) -> pb.ReadFramesRequest | None:
        if self.stop is not None and self.reached >= self.stop:
            return None
        return pb.ReadFramesRequest(
            offset=self.reached, limit=0 if self.stop is None else self.stop - self.reached,
            worker=self.worker, workers=self.workers, block=self.block,
        )  # fmt: skip

    def take(self, entry: Entry) -> None:
        if not entry.left:
            self.reached = entry.position + 1

    @property
    def place(self) -> str:
        return f"the view was read up to position {self.reached}: read on with start={self.reached}"


@dataclass(slots=True)
class PendingPositions:
    """What is left of positions that were named; they come in this order."""

    positions: Sequence[int]
    reached: int = 0

    @property
    def request(self) -> pb.ReadFramesRequest | None:
        left = self.positions[self.reached :]
        return pb.ReadFramesRequest(positions=left) if left else None

    def take(self, entry: Entry) -> None:
        if not entry.left:
            self.reached += 1

    @property
    def place(self) -> str:
        return f"{self.reached} of {len(self.positions)} positions were read"
