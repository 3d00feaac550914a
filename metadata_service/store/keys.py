"""Which revisions a frame id has: sorted hashes of ids in blocks that are merged as they become many.

A block is written in the transaction of its revisions, so it is truth and never behind. Blocks of like size are
merged eight at a time: a frame is merged a few times, and a look-up asks few blocks. On disk hashes are differences,
and both are laid out byte by byte (the lowest of all, then the next ...), so that what is small or alike compresses.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
import zstandard
from numpy.typing import NDArray

_FAN = 8
_MOST = 1 << 22  # keys of a block; merging so many takes a fifth of a second

Hashes = NDArray[np.uint64]
Integer = TypeVar("Integer", np.uint32, np.uint64)


@dataclass(frozen=True, slots=True)
class Keys:
    """Hashes, ascending, and the revision of each; both of shape (n,)."""

    hashes: Hashes
    revisions: NDArray[np.uint32]

    def find(self, wanted: Hashes) -> NDArray[np.uint32]:
        """Revisions of these hashes (sorted); a different id may share a hash."""
        low = np.searchsorted(self.hashes, wanted)
        low[low == len(self.hashes)] = 0
        hit = np.flatnonzero(self.hashes[low] == wanted)
        if not len(hit):
            return self.revisions[:0]
        low = low[hit]
        counts = np.searchsorted(self.hashes, wanted[hit], "right") - low
        if counts.max() == 1:
            return self.revisions[low]
        return np.concatenate([self.revisions[start : start + count] for start, count in zip(low, counts, strict=True)])

    def to_row(self, first: int) -> dict[str, Any]:
        return {
            "first": first, "count": len(self.hashes), "mark": secrets.randbits(62), "packed": 1,
            "hashes": _packed(np.diff(self.hashes, prepend=np.uint64(0))), "revisions": _packed(self.revisions),
        }  # fmt: skip

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Keys:
        """Raises `ValueError` or `ZstdError` where the row is damaged; what an earlier version wrote is not packed."""
        if row["packed"]:
            hashes = np.cumsum(_unpacked(row["hashes"], np.uint64), dtype=np.uint64)
            revisions = _unpacked(row["revisions"], np.uint32)
        else:
            hashes, revisions = np.frombuffer(row["hashes"], np.uint64), np.frombuffer(row["revisions"], np.uint32)
        if not len(hashes) == len(revisions) == row["count"]:
            raise ValueError(f"{len(hashes)} hashes and {len(revisions)} revisions for {row['count']} keys")
        return cls(hashes, revisions)

    @classmethod
    def of(cls, frame_ids: Sequence[str], first: int) -> Keys:
        """Keys of new revisions, numbered from `first`."""
        return _sorted(hashes_of(frame_ids), np.arange(first, first + len(frame_ids), dtype=np.uint32))

    @classmethod
    def merged(cls, parts: Iterable[Keys]) -> Keys:
        listed = list(parts)
        return _sorted(
            np.concatenate([keys.hashes for keys in listed]), np.concatenate([keys.revisions for keys in listed])
        )


class KeyCache:
    """Keys that were read, by the mark of their row; a row never changes, and one that was merged is soon forgotten."""

    _KEPT = 256

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Keys] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, mark: int, read: Callable[[], Keys]) -> Keys:
        with self._lock:
            found = self._kept.get(mark)
        if found is None:
            found = read()
        with self._lock:
            self._kept[mark] = found
            self._kept.move_to_end(mark)
            while len(self._kept) > self._KEPT:
                self._kept.popitem(last=False)
        return found


def hashes_of(frame_ids: Iterable[str]) -> Hashes:
    """64 bits of BLAKE2b of each id; shape (n,)."""
    return np.frombuffer(b"".join(blake2b(each.encode(), digest_size=8).digest() for each in frame_ids), np.uint64)


def to_merge(sizes: Sequence[int]) -> int:
    """How many of the newest blocks (sizes from old to new) are to become one; 0 if none."""
    if not sizes:
        return 0
    fitting = sum(total <= _MOST for total in accumulate(_run_of_like_size(sizes)))
    return fitting if fitting >= _FAN else 0


def _run_of_like_size(sizes: Sequence[int]) -> Iterator[int]:
    """The newest blocks, as far back as they are not of a higher order than the newest one."""
    order = _order(sizes[-1])
    for size in reversed(sizes):
        if _order(size) > order:
            return
        yield size


def _order(size: int) -> int:
    return (size.bit_length() - 1) // 3


def _sorted(hashes: Hashes, revisions: NDArray[np.uint32]) -> Keys:
    order = np.argsort(hashes, kind="stable")
    return Keys(hashes[order], revisions[order])


def _packed(values: NDArray[Any]) -> bytes:
    planes = values.view(np.uint8).reshape(len(values), values.itemsize).T
    return zstandard.ZstdCompressor(level=1).compress(planes.tobytes())


def _unpacked(packed: bytes, kind: type[Integer]) -> NDArray[Integer]:
    planes = np.frombuffer(zstandard.ZstdDecompressor().decompress(packed), np.uint8)
    values: NDArray[Integer] = planes.reshape(np.dtype(kind).itemsize, -1).T.copy().view(kind)[:, 0]
    return values
