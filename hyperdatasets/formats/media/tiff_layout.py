"""Where the pixels of a TIFF lie, read from its directories: a cut file has strips or tiles behind its end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MAX_PAGES = 100_000
_MAX_VALUES = 1 << 20  # offsets and sizes that are looked at; a hostile file has no end of them
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the types that offsets, counts and sizes may have
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS, _PLANAR = 256, 257, 258, 259, 277, 278, 284
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_READ = {
    _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _ROWS, _PLANAR, _STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES,
}  # fmt: skip
_Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Form:
    """How numbers are stored: the order of bytes, and whether offsets have 8 bytes (BigTIFF)."""

    order: str
    big: bool

    @property
    def offset(self) -> struct.Struct:
        return struct.Struct(f"{self.order}{'Q' if self.big else 'I'}")

    @property
    def count(self) -> struct.Struct:
        return struct.Struct(f"{self.order}{'Q' if self.big else 'H'}")

    @property
    def entry(self) -> struct.Struct:
        return struct.Struct(f"{self.order}HH{'Q8s' if self.big else 'I4s'}")


def tiff_is_cut(file: BinaryIO, size_bytes: int) -> bool:
    """Whether a page of a TIFF has pixels behind the end of the file, or lies there itself."""
    try:
        return any(end > size_bytes for page in _pages(file, size_bytes) for end in _ends(page))
    except struct.error:  # a directory that is cut
        return True


def _pages(file: BinaryIO, size_bytes: int) -> Iterator[_Tags]:
    file.seek(0)
    head = file.read(16)
    form = _Form("<" if head[:2] == b"II" else ">", big=head[2:4] in {b"+\0", b"\0+"})
    (at,) = form.offset.unpack_from(head, 8 if form.big else 4)
    seen, values = set[int](), 0
    while at and at not in seen and len(seen) < _MAX_PAGES and values < _MAX_VALUES:
        seen.add(at)
        file.seek(at)
        (count,) = form.count.unpack(file.read(form.count.size))
        if count * form.entry.size > size_bytes:
            raise struct.error("a directory goes on behind the end")
        entries, after = file.read(count * form.entry.size), file.read(form.offset.size)
        page = {tag: found for tag, found in _tags(file, form, entries) if found}
        values += sum(map(len, page.values()))
        yield page
        at = form.offset.unpack(after)[0] if after else 0


def _tags(file: BinaryIO, form: _Form, entries: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    found = {tag: rest for tag, *rest in form.entry.iter_unpack(entries) if tag in _READ and rest[0] in _TYPES}
    for tag, (kind, count, value) in found.items():
        stored = struct.Struct(f"{form.order}{min(count, _MAX_VALUES)}{_TYPES[kind]}")
        if stored.size > len(value):
            file.seek(form.offset.unpack(value)[0])
            value = file.read(stored.size)  # noqa: PLW2901  # the entry holds an offset instead of its value
        yield tag, stored.unpack_from(value)


def _ends(page: _Tags) -> Iterator[int]:
    """Yield where strips and tiles end; a sparse file has some of no bytes."""
    for offsets, sizes in ((_STRIPS, _STRIP_SIZES), (_TILES, _TILE_SIZES)):
        starts, counts = page.get(offsets, ()), page.get(sizes, ())
        for number, (start, count) in enumerate(zip(starts, counts, strict=False)):
            if start and count:
                yield start + (min(count, _needed(page, number)) if offsets == _STRIPS else count)


def _needed(page: _Tags, number: int) -> int:
    """Return the bytes that a strip has if it is not compressed: some writers give the last strip too many."""
    height, rows = page.get(_HEIGHT, (0,))[0], page.get(_ROWS, (1 << 32,))[0]
    if page.get(_COMPRESSION, (1,))[0] != 1 or not height or not rows:
        return 1 << 63
    bits, samples = page.get(_BITS, (1,)), page.get(_SAMPLES, (1,))[0]
    planar = page.get(_PLANAR, (1,))[0] == 2
    a_pixel = max(bits) if planar else (sum(bits) if len(bits) == samples else bits[0] * samples)
    strips = -(-height // rows)  # of a plane
    inside = min(rows, height - number % strips * rows)
    return inside * ((page.get(_WIDTH, (0,))[0] * a_pixel + 7) // 8)
