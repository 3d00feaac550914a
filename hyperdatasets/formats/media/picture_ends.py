"""The end of a JPEG or PNG, found without decoding: a cut picture has none, and data may follow it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_PIECE = 1 << 20
_MAX_CHUNKS = 1_000_000
_LATE_KEYWORDS = (b"XML:com.adobe.xmp", b"Raw profile type ")  # text chunks that may hold an orientation


@dataclass(frozen=True, slots=True)
class PngEnd:
    """How a PNG ends: whether its end mark is there, and whether an orientation may follow the pixels."""

    whole: bool
    late_orientation: bool


def jpeg_is_whole(file: BinaryIO, size_bytes: int) -> bool:
    """Whether a JPEG has its end mark: as the last bytes, or after its first scan where data follows the picture."""
    file.seek(size_bytes - 2)
    if file.read(2) == b"\xff\xd9":
        return True
    scan = _first_scan(file, size_bytes)
    return scan > 0 and _contains(file, scan, b"\xff\xd9")


def _first_scan(file: BinaryIO, size_bytes: int) -> int:
    """Walk the segments, so that a small picture inside the EXIF segment is skipped; 0 if there is no scan."""
    at = 2
    while at + 4 <= size_bytes:
        file.seek(at)
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF:
            return 0
        if kind == 0xFF:  # a fill byte
            at += 1
        elif kind == 0xDA:
            return at
        else:
            at += 2 + max(length, 2)
    return 0


def _contains(file: BinaryIO, start: int, mark: bytes) -> bool:
    file.seek(start)
    before = b""
    while piece := file.read(_PIECE):
        if mark in before + piece:
            return True
        before = piece[1 - len(mark) :]
    return False


def png_end(file: BinaryIO, size_bytes: int) -> PngEnd:
    """Walk the chunks of a PNG to its end mark."""
    at, pixels_seen, late = 8, False, False
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(30)
        if len(head) < 12:
            break
        length, kind = struct.unpack_from(">I4s", head)
        if kind == b"IEND":
            return PngEnd(whole=True, late_orientation=late)
        pixels_seen = pixels_seen or kind == b"IDAT"
        late = late or (pixels_seen and _may_orient(kind, head[8:]))
        at += 12 + length
        if at > size_bytes:
            break
    return PngEnd(whole=False, late_orientation=late)


def _may_orient(kind: bytes, content: bytes) -> bool:
    return kind == b"eXIf" or (kind in {b"tEXt", b"zTXt", b"iTXt"} and content.startswith(_LATE_KEYWORDS))
