"""The distinct texts of a column, sorted by code point; a text's number is its code."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.query.dates import is_to_minute, moment
from hyperdatasets.core.query.text import tokens
from hyperdatasets.engine.packed import Packed

Codes = NDArray[np.int64]
LARGE = 4_096  # texts; of more the words are searched for in the bytes and not listed

_LONG = 1 << 16  # bytes; more are packed in a file, and not listed in memory
_MIXED = 1_024  # bytes; longer texts are hashed one by one
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that nothing is lost
_WORD = np.zeros(256, bool)  # bytes that belong to words of ASCII texts
_WORD[[*range(48, 58), *range(65, 91), *range(97, 123)]] = True


@dataclass(frozen=True, eq=False)
class Dictionary:
    """UTF-8 texts end to end; text `i` lies between `starts[i]` and `starts[i + 1]`."""

    data: NDArray[np.uint8] | Packed
    starts: NDArray[np.uint32]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Dictionary:
        """From texts that are sorted and distinct."""
        encoded = [text.encode() for text in texts]
        starts = np.zeros(len(texts) + 1, np.uint32)
        np.cumsum([len(text) for text in encoded], out=starts[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), starts)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps; inverse of `from_arrays`."""
        packed = Packed.of(self.data) if isinstance(self.data, np.ndarray) and len(self.data) > _LONG else self.data
        if isinstance(packed, Packed):
            return {"text_pieces": packed.pieces, "text_ends": packed.ends, "text_starts": self.starts}
        return {"text_data": packed, "text_starts": self.starts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Dictionary:
        starts = arrays.get("text_starts", np.zeros(1, np.uint32))
        if "text_pieces" in arrays:
            return cls(Packed(arrays["text_pieces"], arrays["text_ends"]), starts)
        return cls(arrays.get("text_data", np.zeros(0, np.uint8)), starts)

    @classmethod
    def merged(cls, parts: Sequence[Dictionary]) -> tuple[Dictionary, list[Codes]]:
        """One dictionary of several, and for each its codes in the new one."""
        if len(parts) == 1:
            return parts[0], [np.arange(len(parts[0]))]
        listed = [list(part) for part in parts]
        ordered = sorted(set().union(*listed))
        code_of = {text: code for code, text in enumerate(ordered)}
        return cls.of(ordered), [np.array([code_of[text] for text in texts], np.int64) for texts in listed]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, code: int) -> str:
        return self._encoded(code).decode() if self._listed is None else self._listed[code]

    @cached_property
    def _listed(self) -> list[str] | None:
        """All texts, where they take little memory."""
        small = isinstance(self.data, np.ndarray) and len(self.data) <= _LONG and len(self) <= LARGE
        return list(self) if small else None

    def __iter__(self) -> Iterator[str]:
        data = self._whole.tobytes()
        bounds = self.starts.tolist()
        if self._ascii:
            text = data.decode("ascii")
            return (text[low:high] for low, high in pairwise(bounds))
        return (data[low:high].decode() for low, high in pairwise(bounds))

    def position(self, text: str, *, after: bool = False) -> int:
        """How many texts stand before this one, or (`after`) at or before it."""
        if self._listed is not None:
            return (bisect_right if after else bisect_left)(self._listed, text)
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
        return place if place < len(self) and self[place] == text else None

    @cached_property
    def words(self) -> dict[str, list[int]]:
        """For each word the codes of the texts that hold it."""
        found: dict[str, list[int]] = {}
        for code, text in enumerate(self):
            for word in set(tokens(text)):
                found.setdefault(word, []).append(code)
        return found

    def dates(self, *, minutes: bool = True) -> tuple[Codes, NDArray[np.int64]]:
        """Codes of the texts that are dates, and their moments in microseconds.

        Args:
            minutes: whether a time may lack its seconds.
        """
        codes, times, to_minute = self._dates
        if minutes or not to_minute.any():
            return codes, times
        return codes[~to_minute], times[~to_minute]

    @cached_property
    def _dates(self) -> tuple[Codes, NDArray[np.int64], NDArray[np.bool_]]:
        """Codes of dates, their moments, and which of them are times that lack their seconds."""
        candidates = self._maybe_dates()
        found = [
            (code, time, is_to_minute(self[code])) for code in candidates if (time := moment(self[code])) is not None
        ]
        codes, times, to_minute = np.array(found, np.int64).reshape(-1, 3).T
        return codes, times, to_minute.astype(bool)

    @cached_property
    def decoded(self) -> tuple[Dictionary, list[list[int]]]:
        """The texts that have %-escapes, with these resolved; and for each the codes of the texts that it was."""
        places = np.flatnonzero(self._whole == ord("%"))
        codes = np.unique(np.searchsorted(self.starts, places, "right") - 1).tolist()
        found: dict[str, list[int]] = {}
        for code in codes:
            text = self[code]
            if (resolved := unquote(text)) != text:
                found.setdefault(resolved, []).append(code)
        texts = sorted(found)
        return Dictionary.of(texts), [found[text] for text in texts]

    def hashes(self) -> NDArray[np.uint64]:
        """64 bits of each text, equal for equal texts; shape (n,). Eight bytes of all texts are mixed at once."""
        starts, lengths = self.starts[:-1].astype(np.int64), np.diff(self.starts.astype(np.int64))
        padded = np.concatenate([self._whole, np.zeros(8, np.uint8)])
        words = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))  # from each byte on
        mixed = lengths.astype(np.uint64)
        left = np.flatnonzero((lengths > 0) & (lengths <= _MIXED))
        for at in range(0, _MIXED, 8):
            rest = lengths[left] - at
            last = np.uint64(8) * (8 - np.minimum(rest, 8)).astype(np.uint64)
            product = (mixed[left] ^ (words[starts[left] + at] << last)) * _MULTIPLIER
            mixed[left] = product ^ (product >> np.uint64(32))
            left = left[rest > 8]
            if not len(left):
                break
        for code in np.flatnonzero(lengths > _MIXED).tolist():
            digest = blake2b(self._encoded(code), digest_size=8).digest()
            mixed[code] = int.from_bytes(digest, "little")
        return mixed

    def with_phrase(self, wanted: Sequence[str]) -> list[int]:
        """Codes of the texts in which these words stand one after the other."""
        if len(self) > LARGE and self._ascii:
            candidates = self._with_word(max(wanted, key=len))
            return candidates if len(wanted) == 1 else self._holding(candidates, wanted)
        rarest = min((self.words.get(word, []) for word in wanted), key=len)
        return rarest if len(wanted) == 1 else self._holding(rarest, wanted)

    def _holding(self, candidates: Sequence[int], wanted: Sequence[str]) -> list[int]:
        return [code for code in candidates if _holds_phrase(tokens(self[code]), wanted)]

    @cached_property
    def _ascii(self) -> bool:
        return int(self._whole.max(initial=0)) < 128

    def _with_word(self, word: str) -> list[int]:
        """Codes of the texts with a word, found in the bytes of all (which are ASCII)."""
        needle, data = word.encode(), self._whole
        if not word.isascii() or len(needle) > len(data):
            return []
        places = np.flatnonzero(self._is(needle[0], data[: len(data) - len(needle) + 1]))
        for at, byte in enumerate(needle[1:], start=1):
            places = places[self._is(byte, data[places + at])]
        codes = np.searchsorted(self.starts, places, "right") - 1
        ends = places + len(needle)
        begins = (places == self.starts[codes]) | ~_WORD[data[np.maximum(places - 1, 0)]]
        next_bytes = data[np.minimum(ends, len(data) - 1)]
        whole = begins & (ends <= self.starts[codes + 1]) & ((ends == self.starts[codes + 1]) | ~_WORD[next_bytes])
        found: list[int] = np.unique(codes[whole]).tolist()
        return found

    @staticmethod
    def _is(byte: int, data: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where the data is this byte of a case-folded word, in either case."""
        folded = data | np.uint8(32) if 97 <= byte <= 122 else data
        same: NDArray[np.bool_] = folded == np.uint8(byte)
        return same

    def _maybe_dates(self) -> list[int]:
        """Codes of the texts that have a minus sign where a date has its first."""
        starts = self.starts[:-1].astype(np.int64)
        long = np.flatnonzero(np.diff(self.starts.astype(np.int64)) >= len("YYYY-MM-DD"))
        found: list[int] = long[self._whole[starts[long] + 4] == ord("-")].tolist() if len(long) else []
        return found

    def _encoded(self, code: int) -> bytes:
        low, high = int(self.starts[code]), int(self.starts[code + 1])
        return self.data.stretch(low, high) if isinstance(self.data, Packed) else self.data[low:high].tobytes()

    @property
    def _whole(self) -> NDArray[np.uint8]:
        return self.data.whole() if isinstance(self.data, Packed) else self.data


def _holds_phrase(words: list[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(words[i : i + size] == list(wanted) for i in range(len(words) - size + 1))
