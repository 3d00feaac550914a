"""Splits by the hash of a key: deterministic, never cutting a group, complements exact."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction

from hyperdatasets.core.errors import InvalidView

_SCALE = 1 << 64


def split_place(key: str, salt: str) -> int:
    """Where a key stands, from 0 to 2**64 - 1: the first eight bytes of a SHA-256."""
    text = f"hyperdatasets split 1 {len(salt)} {salt}{key}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


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

    def holds(self, place: int) -> bool:
        return _edge(self.low) <= place < _edge(self.high)


def _edge(share: float) -> int:
    """First place at or after the share, exactly."""
    return math.ceil(Fraction(repr(share)) * _SCALE)
