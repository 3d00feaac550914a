"""Revisions as messages, in batches of a size that suits a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdatasets.core.projection import projected
from hyperdatasets.v1 import frame_pb2
from metadata_service.catalog.rows import frame_of
from metadata_service.servicers import encode
from metadata_service.store.protocol import Reading

_MESSAGE = 1 << 20  # bytes of a streamed message, about
_READ = 500  # revisions read at once


def stored(
    reading: Reading, dataset: str, revisions: Sequence[int], projection: Sequence[str] = ()
) -> Iterator[frame_pb2.StoredFrame]:
    """These revisions in the order given."""
    for start in range(0, len(revisions), _READ):
        part = revisions[start : start + _READ]
        rows = {row["revision"]: row for row in reading.revisions(dataset, part)}
        for revision in part:
            row = rows[revision]
            shown = projected(frame_of(row), projection) if projection else None
            yield encode.stored_frame(row, shown)


def batched(messages: Iterator[Any], size: Callable[[Any], int]) -> Iterator[list[Any]]:
    """Batches of about 1 MiB."""
    batch: list[Any] = []
    total = 0
    for message in messages:
        batch.append(message)
        total += size(message)
        if total >= _MESSAGE:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
