"""The frames of a node's stream: batches of small ones, large ones in pieces, each with the node's verdict on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise, repeat
from typing import NamedTuple

import orjson

from hyperdatasets.client.annotated_frame import Kept
from hyperdatasets.client.frame_content import Parts
from hyperdatasets.client.frame_messages import read_ahead, split
from hyperdatasets.client.groups import AnyFrame, frame_of_plain
from hyperdatasets.core.errors import DigestMismatch, SourceUnreadable
from hyperdatasets.v1 import node_service_pb2 as pb

Version = tuple[str, str]
"""Ids of a dataset and of its version."""


class Entry(NamedTuple):
    """A frame of a position.

    Attributes:
        frame: None if it is left out.
        left: how many frames of its clip follow at the same position.
        bad: the verdict that keeps the frame back; None for a good one.
    """

    position: int
    frame: AnyFrame | None
    left: int
    bad: pb.Verdict.ValueType | None = None

    @property
    def error(self) -> DigestMismatch | SourceUnreadable:
        """The error that says why the frame is left out."""
        if self.bad == pb.VERDICT_DIGEST_MISMATCH:
            return DigestMismatch(f"position {self.position}: the file has changed since it was registered")
        return SourceUnreadable(f"position {self.position}: the file cannot be read")


def entries(messages: Iterator[bytes], versions: Sequence[Version], *, metadata_only: bool) -> Iterator[Entry]:
    """The frames of serialized ReadFramesResponse messages.

    Args:
        versions: that the view pins, as the session told when it was opened.
        metadata_only: frames come without bytes.
    """
    pending: _InPieces | None = None
    for raw in read_ahead(messages):
        batch, data = split(raw)
        if batch is not None:
            told = _told(batch, versions)
            yield from [_good(each, None) for each in told] if metadata_only else _of_batch(batch, told, data)
            continue
        message = pb.ReadFramesResponse.FromString(raw)
        if message.HasField("batch"):
            (told_first,) = _told(message.batch, versions)
            pending = _InPieces(told_first, message.batch.part_counts[0])
        elif pending is not None and (entry := pending.add(message.chunk)) is not None:
            yield entry
            pending = None


class _Told(NamedTuple):
    """The fields of a batch for one frame, without its parts."""

    position: int
    text: bytes
    left: int
    kept: Kept | None


def _told(batch: pb.FrameBatch, versions: Sequence[Version]) -> Iterator[_Told]:
    lefts = batch.frames_left or repeat(0, len(batch.positions))
    kepts = (
        Kept(*versions[version], revision) for version, revision in zip(batch.versions, batch.revisions, strict=True)
    )
    return map(_Told, batch.positions, batch.frames, lefts, kepts)


class _InPieces:
    """A frame with a large part, whose parts come piece by piece."""

    def __init__(self, told: _Told, parts: int) -> None:
        self._told = told
        self._pieces: list[list[bytes]] = [[] for _ in range(parts)]
        self._verdicts: list[pb.Verdict.ValueType] = []

    def add(self, chunk: pb.PartChunk) -> Entry | None:
        """The frame, once all its parts are there."""
        self._pieces[chunk.part].append(chunk.data)
        if chunk.verdict:
            self._verdicts.append(chunk.verdict)
        if len(self._verdicts) < len(self._pieces):
            return None
        return _judged(self._told, [b"".join(pieces) for pieces in self._pieces], self._verdicts)


def _of_batch(batch: pb.FrameBatch, told: Iterator[_Told], data: memoryview) -> Iterable[Entry]:
    verdicts = list(batch.verdicts)
    parts = [data[low:high] for low, high in pairwise([0, *accumulate(batch.part_sizes)])]
    bounds = pairwise([0, *accumulate(batch.part_counts)])
    if set(verdicts) <= {pb.VERDICT_OK}:
        return [_good(each, parts[low:high]) for each, (low, high) in zip(told, bounds, strict=True)]
    return [_judged(each, parts[low:high], verdicts[low:high]) for each, (low, high) in zip(told, bounds, strict=True)]


def _good(told: _Told, parts: Parts | None) -> Entry:
    plain = orjson.loads(told.text)
    return Entry(told.position, frame_of_plain(plain, kept=told.kept, parts=parts, position=told.position), told.left)


def _judged(told: _Told, parts: Sequence[bytes | memoryview], verdicts: Sequence[pb.Verdict.ValueType]) -> Entry:
    """The frame, unless a verdict is against it; parts that policy leaves out are None."""
    bad = next((verdict for verdict in verdicts if verdict not in {pb.VERDICT_OK, pb.VERDICT_WITHHELD}), None)
    if bad is not None:
        return Entry(told.position, None, told.left, bad)
    given = zip(parts, verdicts, strict=True)
    return _good(told, [part if verdict == pb.VERDICT_OK else None for part, verdict in given])
