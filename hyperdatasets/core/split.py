"""Splits by the hash of a key: deterministic, never cutting a group, complements exact."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.errors import InvalidView

Spots = NDArray[np.uint64]
_SCALE = 1 << 64


def split_places(keys: Iterable[bytes], salt: str) -> Spots:
    """Where each key (UTF-8) stands, from 0 to 2**64 - 1: the first eight bytes of a SHA-256; shape (keys,)."""
    before = f"hyperdatasets split 1 {len(salt)} {salt}".encode()
    digests = b"".join([hashlib.sha256(before + key).digest()[:8] for key in keys])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the places, from `low` to before `high`, shares of the whole from 0 to 1.

    The end of one share is the beginning of the next, so `[0, .8]` and `[.8, 1]` part every set of keys without gap
    or overlap.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise InvalidView(f"share: expected 0 <= from < to <= 1, got [{self.low}, {self.high}]")

    def holds(self, places: Spots) -> NDArray[np.bool_]:
        return _from(places, self.low) & ~_from(places, self.high)


def _from(places: Spots, share: float) -> NDArray[np.bool_]:
    """Which places stand at or after a share, exactly."""
    first = math.ceil(Fraction(repr(share)) * _SCALE)
    return np.zeros(len(places), bool) if first == _SCALE else places >= np.uint64(first)
