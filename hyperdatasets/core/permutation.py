"""Seekable permutations: where each position goes is computed, never replayed.

The algorithm is part of the file format: golden tests freeze it, and it uses no library's random numbers. Up to
4,096 positions are sorted by a keyed hash. Above, an alternating Feistel network over the next power of two, walked
until it lands inside (Black, Rogaway: "Ciphers with Arbitrary Finite Domains", 2002), with the finaliser of
SplitMix64 (Steele, Lea, Flood, 2014) as the round function.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Words = NDArray[np.uint64]

SORTED = 4_096  # sizes up to this are permuted by sorting
ROUNDS = 12
MAX_SIZE = (1 << 63) - 1


def derive(*parts: int | str | bytes) -> bytes:
    """A key (32 bytes) from named parts; no two different lists of parts give the same bytes to hash."""
    state = hashlib.sha256(b"hyperdatasets key 1")
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        state.update(f"{type(part).__name__} {len(data)} ".encode())
        state.update(data)
    return state.digest()


@dataclass(frozen=True, slots=True)
class Permutation:
    """A permutation of range(size), one for each key.

    Attributes:
        size: 1 to 2**63 - 1.
        key: as `derive` makes it.
    """

    size: int
    key: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_SIZE:
            raise ValueError(f"a permutation has a size from 1 to {MAX_SIZE}, not {self.size}")

    def at(self, positions: Positions) -> Positions:
        """What stands at these positions, each from 0 to size - 1."""
        if self.size <= SORTED:
            return _sorted(self.size, self.key)[positions]
        words = _walk(positions.astype(np.uint64), self.size, _round_keys(self.key))
        return words.astype(np.int64)


@lru_cache(maxsize=1024)
def _sorted(size: int, key: bytes) -> Positions:
    keys = _round_keys(key)
    hashes = _mix(_mix(np.arange(size, dtype=np.uint64) + keys[0]) ^ keys[1])
    table = np.argsort(hashes, kind="stable").astype(np.int64)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=1024)
def _round_keys(key: bytes) -> Words:
    expanded = hashlib.shake_256(b"rounds" + key).digest(8 * ROUNDS)
    return np.frombuffer(expanded, dtype="<u8").astype(np.uint64)


def _walk(words: Words, size: int, keys: Words) -> Words:
    """Applies the network again wherever it leaves range(size); fewer than two times on average."""
    bits = (size - 1).bit_length()
    words = _network(words, bits, keys)
    outside = np.flatnonzero(words >= size)
    while outside.size:
        words[outside] = _network(words[outside], bits, keys)
        outside = outside[words[outside] >= size]
    return words


def _network(words: Words, bits: int, keys: Words) -> Words:
    low_bits = np.uint64(bits // 2)
    low_mask = np.uint64((1 << (bits // 2)) - 1)
    high_mask = np.uint64((1 << (bits - bits // 2)) - 1)
    low, high = words & low_mask, words >> low_bits
    for number, key in enumerate(keys):
        if number % 2:
            low = low ^ (_mix(high + key) & low_mask)
        else:
            high = high ^ (_mix(low + key) & high_mask)
    return (high << low_bits) | low


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
