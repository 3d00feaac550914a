"""Short hashes of the contents (digests of sources, inline contents) of a dataset's revisions, in memory.

Revisions never change, so each payload is read once: who looks for equal contents in the transaction that publishes
need not read them all while others wait to write.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import to_bitmap, to_mask
from hyperdatasets.engine.deadline import check
from metadata_service.store.protocol import Reading, Row, Store

_READ = 50_000  # revisions read at once


@dataclass(frozen=True, slots=True)
class _Keys:
    """Of revisions before `reached`; replaced as a whole, since others read them meanwhile."""

    reached: int = 0
    revisions: NDArray[np.uint32] = field(default_factory=lambda: np.array([], np.uint32))
    keys: NDArray[np.uint64] = field(default_factory=lambda: np.array([], np.uint64))


class ContentKeys:
    """Of each dataset that was asked about, since the service started."""

    def __init__(self) -> None:
        self._of: dict[str, _Keys] = {}
        self._lock = threading.Lock()

    def prepare(self, store: Store, dataset: str) -> None:
        """Reads what is not known yet, in a transaction that keeps nobody from writing."""
        with store.reading() as reading:
            self._reach(reading, dataset)

    def shared(self, reading: Reading, dataset: str, among: BitMap) -> tuple[BitMap, int]:
        """Revisions that may hold a content of another place among these, and how many contents others hold."""
        found = self._reach(reading, dataset)
        if not len(found.revisions) or not among:
            return BitMap(), 0
        chosen = to_mask(among, int(found.revisions[-1]) + 1)[found.revisions]
        revisions, keys = found.revisions[chosen], found.keys[chosen]
        _, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
        return to_bitmap(revisions[counts[places] > 1]), int(np.count_nonzero(counts == 1))

    def forget(self, dataset: str) -> None:
        with self._lock:
            self._of.pop(dataset, None)

    def _reach(self, reading: Reading, dataset: str) -> _Keys:
        with self._lock:
            found = self._of.get(dataset, _Keys())
            while (more := _more(reading, dataset, found)) is not found:
                found = self._of[dataset] = more
            return found


def _more(reading: Reading, dataset: str, known: _Keys) -> _Keys:
    """With those of the next revisions, read block by block; the same object if there are none."""
    reached, pairs = known.reached, []
    for row in reading.revisions_from(dataset, reached, _READ):
        check()
        pairs += [(row["revision"], _key(digest)) for digest in contents(row)]
        reached = row["revision"] + 1
    if reached == known.reached:
        return known
    fresh = np.array(pairs, np.uint64).reshape(-1, 2)
    return _Keys(
        reached,
        np.concatenate([known.revisions, fresh[:, 0].astype(np.uint32)]),
        np.concatenate([known.keys, fresh[:, 1]]),
    )


def contents(row: Row) -> Iterator[bytes]:
    """Digests of what a stored revision shows; none of what was withdrawn."""
    plain = orjson.loads(row["payload"] or b"{}")
    for digest in (plain.get("blob"), *(source.get("digest") for source in plain.get("sources", ()))):
        if digest:
            yield digest.encode()


def _key(digest: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(digest, digest_size=8).digest(), "little")
