"""The boxes of ISO base media files (MP4, MOV, HEIC, AVIF): whether one is cut, and how a video is turned."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

_MAX_BOXES = 100_000
_NEEDED = {b"ftyp", b"moov", b"mdat", b"meta"}  # junk after the last of these harms nobody
_TRACK_MATRIX = {0: 40, 1: 52}  # version of a track header -> offset of its matrix


def is_cut(file: BinaryIO, size_bytes: int) -> bool:
    """Whether a box that is needed goes on behind the end of the file."""
    return any(end > size_bytes for kind, _, end in _boxes(file, 0, size_bytes) if kind in _NEEDED)


def contents(file: BinaryIO, kind: bytes, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where the contents of each outer box of a kind start and end; a cut one ends behind the file."""
    return ((start, end) for found, start, end in _boxes(file, 0, size_bytes) if found == kind)


def is_turned(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the first video track is shown turned by 90 or 270 degrees."""
    for start, end in _inside(file, b"moov", 0, size_bytes):
        for track in _inside(file, b"trak", start, end):
            if _is_video(file, *track):
                return _matrix_turns(file, *track)
    return False


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of the content and end of each box between two offsets."""
    at = start
    for _ in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if at + 8 > stop or len(head) < 8:
            return
        size, kind = struct.unpack_from(">I4s", head)
        begin = at + 8
        if size == 1 and len(head) == 16:
            size, begin = struct.unpack_from(">Q", head, 8)[0], at + 16
        end = stop if size == 0 else at + size
        if end < begin:
            return
        yield kind, begin, end
        at = end


def _inside(file: BinaryIO, kind: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    return ((begin, min(end, stop)) for found, begin, end in _boxes(file, start, stop) if found == kind)


def _is_video(file: BinaryIO, start: int, stop: int) -> bool:
    for media in _inside(file, b"mdia", start, stop):
        for begin, _ in _inside(file, b"hdlr", *media):
            file.seek(begin + 8)
            return file.read(4) == b"vide"
    return False


def _matrix_turns(file: BinaryIO, start: int, stop: int) -> bool:
    """Whether the matrix of a track exchanges x and y: its diagonal is zero."""
    for begin, _ in _inside(file, b"tkhd", start, stop):
        file.seek(begin)
        header = file.read(52 + 20)
        at = _TRACK_MATRIX.get(header[0] if header else 2, 0)
        if not at or len(header) < at + 20:
            return False
        a, b, _, c, d = struct.unpack_from(">5i", header, at)
        return a == d == 0 and bool(b) and bool(c)
    return False
