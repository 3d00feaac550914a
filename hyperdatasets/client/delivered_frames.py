"""The frames of a node's stream: batches of small ones, large ones in pieces, each with the node's verdict on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise, repeat
from typing import NamedTuple

import orjson

from hyperdatasets.client.frame_content import Parts
from hyperdatasets.client.frame_messages import read_ahead, split
from hyperdatasets.client.groups import AnyFrame, frame_of_plain
from hyperdatasets.core.errors import DigestMismatch, SourceUnreadable
from hyperdatasets.v1 import node_service_pb2 as pb


class Entry(NamedTuple):
    """A frame of a position.

    Attributes:
        frame: None if it does not come.
        left: how many frames of its clip follow at the same position.
        bad: the verdict because of which it does not come; None for a good one.
    """

    position: int
    frame: AnyFrame | None
    left: int
    bad: pb.Verdict.ValueType | None = None

    @property
    def error(self) -> DigestMismatch | SourceUnreadable:
        """Why it does not come, as an error."""
        if self.bad == pb.VERDICT_DIGEST_MISMATCH:
            return DigestMismatch(f"position {self.position}: the file has changed since it was registered")
        return SourceUnreadable(f"position {self.position}: the file cannot be read")


def entries(messages: Iterator[bytes], *, metadata_only: bool) -> Iterator[Entry]:
    """The frames of serialized ReadFramesResponse messages; with `metadata_only` they come without bytes."""
    pending: _InPieces | None = None
    for raw in read_ahead(messages):
        batch, data = split(raw)
        if batch is not None:
            yield from _of_batch(batch, data, metadata_only=metadata_only)
            continue
        message = pb.ReadFramesResponse.FromString(raw)
        if message.HasField("batch"):
            pending = _InPieces(message.batch)
        elif pending is not None and (entry := pending.add(message.chunk)) is not None:
            yield entry
            pending = None


class _InPieces:
    """A frame with a large part, whose parts come piece by piece."""

    def __init__(self, announced: pb.FrameBatch) -> None:
        self._announced = announced
        self._pieces: list[list[bytes]] = [[] for _ in range(announced.part_counts[0])]
        self._verdicts: list[pb.Verdict.ValueType] = []

    def add(self, chunk: pb.PartChunk) -> Entry | None:
        """The frame, once all its parts are there."""
        self._pieces[chunk.part].append(chunk.data)
        if chunk.verdict:
            self._verdicts.append(chunk.verdict)
        if len(self._verdicts) < len(self._pieces):
            return None
        announced = self._announced
        left = announced.frames_left[0] if announced.frames_left else 0
        parts = [b"".join(pieces) for pieces in self._pieces]
        return _judged(announced.positions[0], announced.frames[0], parts, self._verdicts, left)


def _of_batch(batch: pb.FrameBatch, data: memoryview, *, metadata_only: bool) -> Iterable[Entry]:
    verdicts = list(batch.verdicts)
    parts = [data[low:high] for low, high in pairwise([0, *accumulate(batch.part_sizes)])]
    told = zip(
        batch.positions, batch.frames, pairwise([0, *accumulate(batch.part_counts)]),
        list(batch.frames_left) or repeat(0, len(batch.positions)), strict=True,
    )  # fmt: skip
    if metadata_only:
        return [_good(position, frame, None, left) for position, frame, _, left in told]
    if set(verdicts) <= {pb.VERDICT_OK}:
        return [_good(position, frame, parts[low:high], left) for position, frame, (low, high), left in told]
    return [
        _judged(position, frame, parts[low:high], verdicts[low:high], left)
        for position, frame, (low, high), left in told
    ]


def _good(position: int, text: bytes, parts: Parts | None, left: int) -> Entry:
    return Entry(position, frame_of_plain(orjson.loads(text), parts=parts, position=position), left)


def _judged(
    position: int,
    text: bytes,
    parts: Sequence[bytes | memoryview],
    verdicts: Sequence[pb.Verdict.ValueType],
    left: int,
) -> Entry:
    """The frame, unless a verdict is against it; parts that policy leaves out are None."""
    bad = next((verdict for verdict in verdicts if verdict not in {pb.VERDICT_OK, pb.VERDICT_WITHHELD}), None)
    if bad is not None:
        return Entry(position, None, left, bad)
    given = zip(parts, verdicts, strict=True)
    return _good(position, text, [part if verdict == pb.VERDICT_OK else None for part, verdict in given], left)
