"""Seekable permutations: where each position goes is computed, never replayed.

The algorithm is part of the file format: golden tests freeze it, and it uses no library's random numbers. Up to
4,096 positions are sorted by a keyed hash. Above, an alternating Feistel network over the next power of two, walked
until it lands inside (Black, Rogaway: "Ciphers with Arbitrary Finite Domains", 2002), with the finaliser of
SplitMix64 (Steele, Lea, Flood, 2014) as the round function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Words = NDArray[np.uint64]

SORTED = 4_096  # sizes up to this are permuted by sorting
ROUNDS = 12
_AT_ONCE = 1 << 20  # elements that are sorted at once
MAX_SIZE = (1 << 63) - 1


def derive(*parts: int | str | bytes) -> bytes:
    """A key (32 bytes) from named parts; no two different lists of parts give the same bytes to hash."""
    return hashlib.sha256(_joined(parts)).digest()


def derive_each(*parts: int | str | bytes, numbers: Iterable[int]) -> list[bytes]:
    """The keys from these parts and one more, for each of many numbers."""
    before = _joined(parts)
    return [hashlib.sha256(before + _joined((number,), b"")).digest() for number in numbers]


def _joined(parts: Iterable[int | str | bytes], before: bytes = b"hyperdatasets key 1") -> bytes:
    joined = before
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        joined += f"{type(part).__name__} {len(data)} ".encode() + data
    return joined


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


def at_each(size: int, keys: Sequence[bytes], position: int) -> Positions:
    """What stands at one position in the permutation of each key; shape (keys,)."""
    if not keys:
        return np.zeros(0, np.int64)
    if size > SORTED:
        words = np.full(len(keys), position, np.uint64)
        return _walk(words, size, _rounds_of(keys, ROUNDS)).astype(np.int64)
    found = []
    for start in range(0, len(keys), _AT_ONCE // size):
        first, second = _rounds_of(keys[start : start + _AT_ONCE // size], 2)
        found.append(_order(size, first[:, None], second[:, None])[:, position])
    return np.concatenate(found)


@lru_cache(maxsize=1024)
def _sorted(size: int, key: bytes) -> Positions:
    keys = _round_keys(key)
    table = _order(size, keys[0], keys[1])
    table.setflags(write=False)
    return table


def _order(size: int, first: Words | np.uint64, second: Words | np.uint64) -> Positions:
    """range(size) sorted by a hash under two keys; of columns of keys a row for each."""
    hashes = _mix(_mix(np.arange(size, dtype=np.uint64) + first) ^ second)
    return np.argsort(hashes, kind="stable").astype(np.int64)


@lru_cache(maxsize=1024)
def _round_keys(key: bytes) -> Words:
    return _rounds_of([key], ROUNDS)[:, 0]


def _rounds_of(keys: Sequence[bytes], rounds: int) -> Words:
    """The first keys of rounds that come from each key; shape (rounds, keys)."""
    expanded = b"".join([hashlib.shake_256(b"rounds" + key).digest(8 * rounds) for key in keys])
    return np.frombuffer(expanded, dtype="<u8").astype(np.uint64).reshape(-1, rounds).T


def _walk(words: Words, size: int, keys: Words) -> Words:
    """Applies the network again wherever it leaves range(size); fewer than two times on average.

    `keys` are those of the rounds: one each, or one for each word.
    """
    bits = (size - 1).bit_length()
    words = _network(words, bits, keys)
    outside = np.flatnonzero(words >= size)
    while outside.size:
        words[outside] = _network(words[outside], bits, keys[:, outside] if keys.ndim > 1 else keys)
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
