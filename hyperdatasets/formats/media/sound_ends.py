"""The ends of recordings: whether AIFF, FLAC, Ogg, MP3 and AAC hold all that their headers say."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from hyperdatasets.formats.media import boxes, mpeg_audio
from hyperdatasets.formats.media.model import UnreadableMedia

CUT = "the recording is cut: it is shorter than it says"
MAY_BE_CUT = "it may be cut: its end is not that of a whole recording"
_UNKNOWN = 0xFFFFFFF0  # lengths from here on are given by tools that write into a pipe
_TAIL = 128 << 10  # bytes; a FLAC frame and an Ogg page are shorter
_MAX_CHUNKS = 10_000
_ID3V1 = 128  # bytes


def notes(file: BinaryIO, size_bytes: int, content_type: str) -> tuple[str, ...]:
    """What is to be said of the end of a recording; nothing if it is whole, or if nothing tells.

    Raises:
        UnreadableMedia: its header states a length that the file does not have.
    """
    look = _LOOKS.get(content_type)
    try:
        return (MAY_BE_CUT,) if look and look(file, size_bytes) else ()
    except (struct.error, IndexError):  # a header that is damaged, as its reader will say
        return ()


def _aiff(file: BinaryIO, size_bytes: int) -> bool:
    form = struct.unpack(">4sI", _at(file, 0, 8))[1]
    if form < _UNKNOWN and 8 + form > size_bytes + 1:  # a byte that fills up may be missing
        raise UnreadableMedia(CUT)
    at = 12
    for _ in range(_MAX_CHUNKS):
        head = _at(file, at, 8)
        if len(head) < 8:
            break
        length = struct.unpack_from(">I", head, 4)[0]
        if head[:4] in {b"COMM", b"SSND"} and length < _UNKNOWN and at + 8 + length > size_bytes:
            raise UnreadableMedia(CUT)
        at += 8 + length + (length & 1)
    return False


def _m4a(file: BinaryIO, size_bytes: int) -> bool:
    if boxes.is_cut(file, size_bytes):
        raise UnreadableMedia(CUT)
    return False


def ogg_may_be_cut(file: BinaryIO, size_bytes: int) -> bool:
    """The last page must be whole, and should be marked as the last one of its stream."""
    tail = _at(file, max(0, size_bytes - _TAIL), _TAIL)
    at = tail.rfind(b"OggS\0")
    page = tail[at:] if at >= 0 else b""
    if not page:
        return True
    if len(page) < 27 or len(page) < 27 + page[26] or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]]):
        raise UnreadableMedia(CUT)
    return not page[5] & 4


def _aac(file: BinaryIO, size_bytes: int) -> bool:
    return mpeg_audio.adts_end(file) > size_bytes


def _mp3(file: BinaryIO, size_bytes: int) -> bool:
    """The number of bytes that an encoder states in the first frame, and that tools do not correct which cut a file."""
    head = _at(file, 0, 10)
    start = 10 + mpeg_audio.id3_size(head) if mpeg_audio.is_id3(head) else 0
    frame = _at(file, start, 256)
    found = max(frame.find(b"Xing"), frame.find(b"Info"))
    if found < 0 or len(frame) < found + 16:
        return False
    flags = struct.unpack_from(">I", frame, found + 4)[0]
    at = found + 8 + (4 if flags & 1 else 0)
    return bool(flags & 2) and start + int(struct.unpack_from(">I", frame, at)[0]) > size_bytes


def _flac(file: BinaryIO, size_bytes: int) -> bool:
    """The last frame must hold the last sample, and should end with its checksum."""
    info = _at(file, 8, 34)
    block, total = struct.unpack_from(">H", info, 2)[0], int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
    if not total:
        return False
    window = max(_TAIL, 2 * int.from_bytes(info[7:10], "big"))
    tail = _at(file, max(0, size_bytes - window), window)
    tail = tail[:-_ID3V1] if tail[-_ID3V1:][:3] == b"TAG" else tail
    frames = dict(_flac_frames(tail, block))
    last = [at for at, end in frames.items() if end >= total]
    if not last and (frames or size_bytes <= window):
        raise UnreadableMedia(CUT)
    return not any(_crc(tail[at:], 16) == 0 for at in last)


def _flac_frames(tail: bytes, block: int) -> Iterator[tuple[int, int]]:
    """Yield where the headers of frames are, and the number of the sample behind each frame."""
    at = tail.find(b"\xff")
    while at >= 0:
        if tail[at + 1 : at + 2] in {b"\xf8", b"\xf9"} and (end := _flac_end(tail[at : at + 16], block)):
            yield at, end
        at = tail.find(b"\xff", at + 1)


def _flac_end(header: bytes, block: int) -> int:
    """Return the number of the sample behind a frame; 0 if this is no header of a frame."""
    if len(header) < 6 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] & 1 or header[3] >> 4 > 10:
        return 0
    number, at = _coded(header)
    size, rate = header[2] >> 4, header[2] & 15
    after = at + {6: 1, 7: 2}.get(size, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if not at or len(header) <= after or _crc(header[: after + 1], 8):
        return 0
    samples = _block_size(size, header[at : at + 2])
    return (number if header[1] & 1 else number * block) + samples


def _block_size(code: int, more: bytes) -> int:
    if code in {6, 7}:
        return int.from_bytes(more[: code - 5], "big") + 1
    return 192 if code == 1 else 576 << (code - 2) if code < 6 else 256 << (code - 8)


def _coded(header: bytes) -> tuple[int, int]:
    """Return the number of the frame or sample, coded like UTF-8 from byte 4 on, and where it ends; or 0 and 0."""
    first = header[4]
    length = next((bit for bit in range(8) if not first & 0x80 >> bit), 8)
    if length in {1, 8} or len(header) < 4 + max(length, 1):
        return 0, 0
    number = first & (0x7F >> length)
    for each in header[5 : 4 + length]:
        if each & 0xC0 != 0x80:
            return 0, 0
        number = number << 6 | each & 0x3F
    return number, 4 + max(length, 1)


def _crc(content: bytes, bits: int) -> int:
    table = _TABLES[bits]
    crc, mask = 0, (1 << bits) - 1
    for each in content:
        crc = (crc << 8 & mask) ^ table[(crc >> (bits - 8)) ^ each]
    return crc


def _table(bits: int, polynomial: int) -> list[int]:
    found = []
    for byte in range(256):
        crc = byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1) ^ (polynomial if crc >> (bits - 1) else 0)
            crc &= (1 << bits) - 1
        found.append(crc)
    return found


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place, io.SEEK_SET)
    return file.read(size)


_TABLES = {8: _table(8, 0x07), 16: _table(16, 0x8005)}
_LOOKS: Mapping[str, Callable[[BinaryIO, int], bool]] = {
    "audio/aiff": _aiff, "audio/mp4": _m4a, "audio/ogg": ogg_may_be_cut, "audio/aac": _aac, "audio/mpeg": _mp3,
    "audio/flac": _flac,
}  # fmt: skip
