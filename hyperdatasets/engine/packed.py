"""Bytes in compressed pieces, each read by itself: texts of which every frame has its own are much alike."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import zstandard
from numpy.typing import NDArray

PIECE = 1 << 14  # bytes
_KEPT = 16  # pieces that are kept once they were read
_LEVEL = 9


class Packed:
    """`pieces` are compressed end to end; piece `i` ends at `ends[i]` and holds PIECE bytes, the last one the rest."""

    def __init__(self, pieces: NDArray[np.uint8], ends: NDArray[np.uint32]) -> None:
        self.pieces, self.ends = pieces, ends
        self._kept = lru_cache(_KEPT)(self._piece)

    @classmethod
    def of(cls, data: NDArray[np.uint8]) -> Packed:
        compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        pieces = [compress(data[start : start + PIECE].tobytes()) for start in range(0, len(data), PIECE)]
        ends = np.cumsum([len(each) for each in pieces], dtype=np.uint32)
        return cls(np.frombuffer(b"".join(pieces), np.uint8), ends)

    def stretch(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`."""
        if start >= stop:
            return b""
        first, last = start // PIECE, (stop - 1) // PIECE
        held = self._kept(first) if first == last else b"".join(map(self._kept, range(first, last + 1)))
        return held[start - first * PIECE : stop - first * PIECE]

    def whole(self) -> NDArray[np.uint8]:
        return np.frombuffer(b"".join(map(self._piece, range(len(self.ends)))), np.uint8)

    def _piece(self, number: int) -> bytes:
        start = self.ends[number - 1] if number else 0
        return zstandard.decompress(self.pieces[start : self.ends[number]].tobytes())
