"""The end of a JPEG 2000 codestream, found by the lengths of its parts, after ISO/IEC 15444-1, annex A."""

from __future__ import annotations

import struct
from typing import BinaryIO

from hyperdatasets.formats.media.boxes import contents

_PART, _END = 0xFF90, 0xFFD9
_MAX_PARTS = 10_000_000


def jpeg_2000_is_cut(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the codestream of a JP2 file, or a bare one, goes on behind the end of the file."""
    file.seek(0)
    if file.read(2) == b"\xff\x4f":
        return _is_cut(file, 0, size_bytes)
    streams = list(contents(file, b"jp2c", size_bytes))
    return not streams or any(end > size_bytes or _is_cut(file, start, end) for start, end in streams)


def _is_cut(file: BinaryIO, start: int, stop: int) -> bool:
    at = start + 2
    for _ in range(_MAX_PARTS):
        file.seek(at)
        head = file.read(10)
        if at + 2 > stop or len(head) < 2:
            return True
        (mark,) = struct.unpack_from(">H", head)
        if mark == _END:
            return False
        if len(head) < 10:
            return True
        length, _, part = struct.unpack_from(">HHI", head, 2)
        if mark == _PART and part == 0:  # the last part goes on up to the end mark
            file.seek(stop - 2)
            return file.read(2) != b"\xff\xd9"
        at += part if mark == _PART else 2 + length
    return False
