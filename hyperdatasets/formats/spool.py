"""A file of byte strings by key, for writers that must nest what belongs together but get it piece by piece."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Iterator


class Spool:
    """Pieces by key; memory holds their places only."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this object
        self._places: dict[Hashable, list[tuple[int, int]]] = {}
        self._end = 0

    def add(self, key: Hashable, piece: bytes) -> None:
        self._places.setdefault(key, []).append((self._end, len(piece)))
        self._file.write(piece)
        self._end += len(piece)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._places

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._places)

    def __iter__(self) -> Iterator[list[bytes]]:
        """The pieces of each key, in the order in which keys and pieces came."""
        for places in self._places.values():
            yield [self._at(*place) for place in places]

    def _at(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()
