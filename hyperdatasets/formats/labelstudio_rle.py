"""Label Studio's brush masks: the bit stream of @thi.ng/rle-pack over red, green, blue, alpha of all pixels.

32 bits: how many words; 5: bits of a word, less 1; four times 4: sizes of counts, less 1. Then records: one bit (1 = a
word that repeats, 0 = words one by one), two bits that choose a size, the count less 1, and the word or the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hyperdatasets.formats.media import MAX_PIXELS
from hyperdatasets.formats.raster import Bitmap

_CHANNELS = 4
_SIZES = (3, 4, 8, 16)  # those that Label Studio uses


def decoded(rle: Sequence[int], width: int, height: int) -> tuple[Bitmap, bool]:
    """The pixels whose alpha is above 0, and whether some are covered in part (0 < alpha < 255).

    Raises:
        ValueError: it is cut, or of another size.
    """
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels; at most {MAX_PIXELS} in all are allowed")
    if not all(type(byte) is int and 0 <= byte <= 255 for byte in rle):
        raise ValueError("expected whole numbers from 0 to 255")
    bits = _Bits(bytes(rle))
    if (words := bits.read(32)) != width * height * _CHANNELS:
        raise ValueError(f"{words} words, {width} x {height} pixels have {width * height * _CHANNELS}")
    covered, soft = np.zeros(width * height, dtype=np.bool_), False
    for start, values in _records(bits, words):
        if isinstance(values, tuple):
            value, length = values
            first, end = _first_alpha(start), _first_alpha(start + length)
            if value and first < end:
                covered[first:end] = True
                soft = soft or value < 255
        else:
            alphas = values[_first_alpha(start) * _CHANNELS + 3 - start :: _CHANNELS]
            covered[_first_alpha(start) : _first_alpha(start) + alphas.size] = alphas > 0
            soft = soft or bool(((alphas > 0) & (alphas < 255)).any())
    return covered.reshape(height, width), soft


def _first_alpha(word: int) -> int:
    """The first pixel whose alpha is at this word or after it."""
    return word // _CHANNELS


def _records(bits: _Bits, words: int) -> Iterator[tuple[int, tuple[int, int] | np.ndarray]]:
    """The first word of each record; the word and how often it repeats, or the words."""
    word_size = bits.read(5) + 1
    if word_size != 8:
        raise ValueError(f"words of {word_size} bits; brush masks have 8")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    at = 0
    while at < words:
        repeats = bits.read(1)
        length = bits.read(sizes[bits.read(2)]) + 1
        if at + length > words:
            raise ValueError("there are more words than it says")
        yield at, ((bits.read(8), length) if repeats else bits.read_bytes(length))
        at += length


class _Bits:
    """Reads bits from the highest of each byte on."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def read(self, count: int) -> int:
        first, self._at = self._at, self._at + count
        if self._at > 8 * len(self._content):
            raise ValueError("it is cut")
        last = (self._at + 7) // 8
        number = int.from_bytes(self._content[first // 8 : last], "big")
        return number >> (8 * last - self._at) & ((1 << count) - 1)

    def read_bytes(self, count: int) -> np.ndarray:
        first, self._at = self._at, self._at + 8 * count
        if self._at > 8 * len(self._content):
            raise ValueError("it is cut")
        part = np.frombuffer(self._content[first // 8 : (self._at + 7) // 8], dtype=np.uint8)
        return np.packbits(np.unpackbits(part)[first % 8 :][: 8 * count])


def encoded(bitmap: Bitmap) -> list[int]:
    """Inverse of `decoded`."""
    flat = bitmap.ravel()
    ends = [*(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), flat.size]
    bits = [f"{flat.size * _CHANNELS:032b}{8 - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    start = 0
    for end in ends:
        bits += _run((end - start) * _CHANNELS, 255 if flat[start] else 0)
        start = end
    stream = np.frombuffer("".join(bits).encode(), dtype=np.uint8) - ord("0")
    return np.packbits(stream).tolist()


def _run(length: int, value: int) -> Iterator[str]:
    while length:
        choice = next((number for number, size in enumerate(_SIZES) if length <= 1 << size), len(_SIZES) - 1)
        part = min(length, 1 << _SIZES[choice])
        yield f"1{choice:02b}{part - 1:0{_SIZES[choice]}b}{value:08b}"
        length -= part
