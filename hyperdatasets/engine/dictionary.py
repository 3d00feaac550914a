"""The distinct texts of a column, sorted by code point; a text's number is its code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.query.dates import moment
from hyperdatasets.core.query.text import tokens

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Dictionary:
    """UTF-8 texts end to end; text `i` lies between `starts[i]` and `starts[i + 1]`."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Dictionary:
        """From texts that are sorted and distinct."""
        encoded = [text.encode() for text in texts]
        starts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=starts[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, code: int) -> str:
        return self._encoded(code).decode()

    def __iter__(self) -> Iterator[str]:
        data = self.data.tobytes()
        bounds = self.starts.tolist()
        return (data[low:high].decode() for low, high in pairwise(bounds))

    def position(self, text: str, *, after: bool = False) -> int:
        """How many texts stand before this one, or (`after`) at or before it."""
        wanted = text.encode()
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            here = self._encoded(middle)
            if here < wanted or (after and here == wanted):
                low = middle + 1
            else:
                high = middle
        return low

    def code(self, text: str) -> int | None:
        place = self.position(text)
        return place if place < len(self) and self._encoded(place) == text.encode() else None

    @cached_property
    def words(self) -> dict[str, list[int]]:
        """For each word the codes of the texts that hold it."""
        found: dict[str, list[int]] = {}
        for code, text in enumerate(self):
            for word in set(tokens(text)):
                found.setdefault(word, []).append(code)
        return found

    @cached_property
    def dates(self) -> tuple[Codes, NDArray[np.int64]]:
        """Codes of the texts that are dates, and their moments in microseconds."""
        found = [(code, time) for code, text in enumerate(self) if (time := _date(text)) is not None]
        both = np.array(found, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def with_phrase(self, wanted: Sequence[str]) -> list[int]:
        """Codes of the texts in which these words stand one after the other."""
        if len(wanted) == 1:
            return self.words.get(wanted[0], [])
        candidates = set.intersection(*(set(self.words.get(word, ())) for word in wanted))
        return [code for code in sorted(candidates) if _holds_phrase(tokens(self[code]), wanted)]

    def _encoded(self, code: int) -> bytes:
        return self.data[self.starts[code] : self.starts[code + 1]].tobytes()


def _date(text: str) -> int | None:
    return moment(text) if len(text) >= len("YYYY-MM-DD") and text[4] == "-" else None


def _holds_phrase(words: list[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(words[i : i + size] == list(wanted) for i in range(len(words) - size + 1))
