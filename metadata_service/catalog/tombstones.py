"""What is left of withdrawn frames: their revisions' numbers, beside the ids and digests that every block keeps."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap

from metadata_service.store.protocol import Reading


def withdrawn(reading: Reading, dataset: str) -> BitMap:
    """The revisions of a dataset that were withdrawn."""
    row = reading.one("withdrawn", dataset=dataset)
    return BitMap() if row is None else BitMap.deserialize(row["revisions"])


def withdrawn_ids(reading: Reading, dataset: str, frame_ids: Sequence[str]) -> set[str]:
    """Which of these frames were withdrawn."""
    gone = withdrawn(reading, dataset)
    return {row["frame_id"] for row in reading.revisions_of(dataset, frame_ids, gone)} if gone else set()
