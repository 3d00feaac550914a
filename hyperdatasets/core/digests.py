"""Digests of sets of frames: adding or removing a frame costs the same however large the set is.

LtHash16 after Lewi, Kim, Maykov, Weis: "Securing Update Propagation with Homomorphic Hashing" (2019): 1,024 lanes
of 16 bits, BLAKE3's extendable output as the expander; the hash of a set is the sum of its elements' lanes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from blake3 import blake3
from numpy.typing import NDArray

LANES = 1024
STATE_BYTES = 2 * LANES
_BATCH = 256  # expanded at once: half a megabyte, stays in the cache


@dataclass(frozen=True, slots=True, eq=False)
class LtHash:
    """State of a set of 32-byte digests; 1,024 lanes of uint16."""

    lanes: NDArray[np.uint16]

    @classmethod
    def zero(cls) -> LtHash:
        """The empty set."""
        return cls(np.zeros(LANES, dtype="<u2"))

    @classmethod
    def from_bytes(cls, state: bytes) -> LtHash:
        """Inverse of `to_bytes`; 2,048 bytes."""
        if len(state) != STATE_BYTES:
            raise ValueError(f"a state has {STATE_BYTES} bytes, not {len(state)}")
        return cls(np.frombuffer(state, dtype="<u2"))

    def to_bytes(self) -> bytes:
        return self.lanes.tobytes()

    def add(self, digests: Iterable[bytes]) -> LtHash:
        """The set with these elements added."""
        return LtHash(self.lanes + _sum(digests))

    def remove(self, digests: Iterable[bytes]) -> LtHash:
        """The set with these elements, which must be in it, taken out."""
        return LtHash(self.lanes - _sum(digests))

    def digest(self) -> str:
        """`lthash16:<64 hex digits>`: BLAKE3 of the state."""
        return f"lthash16:{blake3(self.to_bytes()).hexdigest()}"


def content_digest(leaves: Iterable[tuple[str, int, str]], mask_labels: Iterable[Mapping[str, Any]] = ()) -> str:
    """`sha256:<hex>` over (site, count, site digest) of all sites that have frames, and the mask labels.

    Two deployments that hold the same frames and mask labels get the same digest.
    """
    sites = sorted(leaf for leaf in leaves if leaf[1])
    masks = sorted([list(mask["value"]), list(mask["labels"])] for mask in mask_labels)
    text = orjson.dumps(["hd1", sites, masks])
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _sum(digests: Iterable[bytes]) -> NDArray[np.uint16]:
    total = np.zeros(LANES, dtype="<u2")
    batch: list[bytes] = []
    for digest in digests:
        batch.append(blake3(digest).digest(length=STATE_BYTES))
        if len(batch) == _BATCH:
            total += _lanes(batch)
            batch.clear()
    return total + _lanes(batch) if batch else total


def _lanes(batch: list[bytes]) -> NDArray[np.uint16]:
    table = np.frombuffer(b"".join(batch), dtype="<u2").reshape(len(batch), LANES)
    total: NDArray[np.uint16] = table.sum(axis=0, dtype=np.uint16)
    return total
