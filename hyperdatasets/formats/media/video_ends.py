"""The ends of videos: whether AVI, Matroska, WebM and Ogg hold all that their headers say."""

from __future__ import annotations

import struct
from typing import BinaryIO

from hyperdatasets.formats.media import boxes, sound_ends

MAY_BE_CUT = "it may be cut: its end is not that of a whole video"
_MAX_PARTS = 10_000
_SEGMENT = 0x18538067
_UNKNOWN = 0xFFFFFFF0  # lengths from here on are given by tools that write into a pipe


def is_cut(file: BinaryIO, size_bytes: int, demuxer: str) -> bool:
    """Whether a header states a length that the file does not have."""
    if demuxer == "mov":
        return boxes.is_cut(file, size_bytes)
    if demuxer == "avi":
        return _avi_is_cut(file, size_bytes)
    return demuxer == "matroska" and _matroska_is_cut(file, size_bytes)


def notes(file: BinaryIO, size_bytes: int, demuxer: str) -> tuple[str, ...]:
    """What is to be said of the end of a video whose header states no length."""
    return (MAY_BE_CUT,) if demuxer == "ogg" and sound_ends.ogg_may_be_cut(file, size_bytes) else ()


def _avi_is_cut(file: BinaryIO, size_bytes: int) -> bool:
    """A long AVI has several parts, each with its length."""
    at = 0
    for _ in range(_MAX_PARTS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            return False
        length = struct.unpack_from("<I", head, 4)[0]
        if length < _UNKNOWN and at + 8 + length > size_bytes + 1:  # a byte that fills up may be missing
            return True
        at += 8 + length + (length & 1)
    return False


def _matroska_is_cut(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the segment, which holds everything behind the first element, ends behind the file."""
    at = 0
    for _ in range(8):
        file.seek(at)
        head = file.read(16)
        name, start = _number(head, 0, keep_mark=True)
        length, end = _number(head, start, keep_mark=False)
        if not start or not end:
            return False
        if name == _SEGMENT:
            unknown = length == (1 << 7 * (end - start)) - 1
            return not unknown and at + end + length > size_bytes
        at += end + length
    return False


def _number(head: bytes, at: int, *, keep_mark: bool) -> tuple[int, int]:
    """Return a number of variable length and where it ends; 0 and 0 if there is none."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    if not first or at + length > len(head):
        return 0, 0
    number = int.from_bytes(head[at : at + length], "big")
    return number if keep_mark else number & ((1 << 7 * length) - 1), at + length
