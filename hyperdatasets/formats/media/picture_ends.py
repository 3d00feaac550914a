"""The end of a JPEG, PNG, GIF or BMP, found without decoding: a cut picture has none, and data may follow it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

_PIECE = 1 << 20
_MAX_CHUNKS = 1_000_000
_CHECKED = {b"IHDR", b"PLTE", b"IDAT", b"acTL", b"fcTL", b"fdAT"}  # chunks that make the pixels
_PACKED = {1, 2}  # run lengths, for 8 and 4 bits
_LATE_KEYWORDS = (b"XML:com.adobe.xmp", b"Raw profile type ")  # text chunks that may hold an orientation


@dataclass(frozen=True, slots=True)
class PngEnd:
    """How a PNG ends.

    Attributes:
        whole: whether its end mark is there.
        late_orientation: whether an orientation may follow the pixels.
        damaged: the kind of a chunk whose checksum is wrong; empty if there is none.
    """

    whole: bool
    late_orientation: bool
    damaged: str = ""


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
    """Walk the chunks of a PNG to its end mark, and check those that hold pixels."""
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
        if at + 12 + length > size_bytes:
            break
        if kind in _CHECKED and not _is_sound(file, at, length):
            return PngEnd(whole=True, late_orientation=late, damaged=kind.decode())
        at += 12 + length
    return PngEnd(whole=False, late_orientation=late)


def _is_sound(file: BinaryIO, at: int, length: int) -> bool:
    """Whether a chunk has the checksum that follows it."""
    file.seek(at + 4)
    state, left = 0, 4 + length
    while left and (piece := file.read(min(left, _PIECE))):
        state, left = zlib.crc32(piece, state), left - len(piece)
    return file.read(4) == state.to_bytes(4, "big")


def gif_is_whole(file: BinaryIO, size_bytes: int) -> bool:
    """Walk the blocks of a GIF to its end mark; bytes between blocks that mean nothing are skipped, as decoders do."""
    file.seek(10)
    at = 13 + _colours(file.read(1))
    while at < size_bytes:
        file.seek(at)
        kind = file.read(1)
        if kind == b";":
            return True
        if kind == b"!":
            at = _after_blocks(file, at + 2)
        elif kind == b",":
            file.seek(at + 9)
            at = _after_blocks(file, at + 11 + _colours(file.read(1)))
        else:
            at += 1
    return False


def _colours(flags: bytes) -> int:
    """Return the bytes of a colour table that the flags of a screen or picture announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _after_blocks(file: BinaryIO, at: int) -> int:
    """Return what follows a sequence of blocks, which ends with an empty one; past the end if that is missing."""
    file.seek(at)
    while size := file.read(1):
        at += 1 + size[0]
        if size == b"\0":
            return at
        file.seek(at)
    return at + 1


def bmp_is_whole(file: BinaryIO, size_bytes: int, *, offset: int, width: int, height: int) -> bool:
    """Whether a BMP has all its rows; compressed ones have the size that their header gives."""
    file.seek(0)
    head = file.read(38)
    header_size = struct.unpack_from("<I", head, 14)[0]
    bits = struct.unpack_from("<H", head, 24 if header_size == 12 else 28)[0]
    compression, stored = struct.unpack_from("<II", head, 30) if header_size >= 40 else (0, 0)
    if compression in _PACKED:
        return bool(offset + stored <= size_bytes)
    row = (width * bits + 7) // 8  # the last one may be without its filling
    return bool(offset + (row + 3) // 4 * 4 * (height - 1) + row <= size_bytes)


def _may_orient(kind: bytes, content: bytes) -> bool:
    return kind == b"eXIf" or (kind in {b"tEXt", b"zTXt", b"iTXt"} and content.startswith(_LATE_KEYWORDS))
