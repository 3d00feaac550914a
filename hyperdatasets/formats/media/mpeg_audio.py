"""Headers of MPEG audio frames: MP3 and AAC in ADTS (ISO/IEC 11172-3, 13818-7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_KBITS_1 = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)  # MPEG 1, layers I to III
_KBITS_2 = (
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)  # MPEG 2 and 2.5
_RATES = (44_100, 48_000, 32_000)
_ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)


def is_id3(head: bytes) -> bool:
    """Whether an ID3v2 tag starts here: its version and its size are checked, so no text is taken for one."""
    return head.startswith(b"ID3") and len(head) >= 10 and head[3] in {2, 3, 4} and max(head[6:10]) < 0x80


def is_mp3(head: bytes) -> bool:
    """Whether two frames of the same kind follow each other from the first byte on."""
    length = _mp3_length(head[:4])
    following = head[length : length + 4]
    return bool(length and _mp3_length(following)) and following[1] & 0xFE == head[1] & 0xFE


def is_adts(head: bytes) -> bool:
    """Whether two ADTS frames follow each other from the first byte on, or one is all there is."""
    length = _adts_length(head[:7])
    return bool(length) and (len(head) == length or bool(_adts_length(head[length : length + 7])))


def adts_facts(file: BinaryIO) -> tuple[int, int, int]:
    """Return samples, sample rate and channels of an ADTS file, by walking its frame headers."""
    head = file.read(7)
    rate, channels = _ADTS_RATES[head[2] >> 2 & 15], (head[2] & 1) << 2 | head[3] >> 6
    return sum(1024 * blocks for blocks in _adts_blocks(file)), rate, channels


def adts_end(file: BinaryIO) -> int:
    """Return where the last ADTS frame ends, which may be behind the end of the file."""
    at = 0
    while True:
        file.seek(at)
        header = file.read(7)
        if not (length := _adts_length(header)):
            return at + 7 if header[:1] == b"\xff" and len(header) < 7 else at
        at += length


def id3_size(head: bytes) -> int:
    """Return how many bytes follow the ten of the header of an ID3v2 tag."""
    return head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]


def _adts_blocks(file: BinaryIO) -> Iterator[int]:
    at = 0
    while True:
        file.seek(at)
        header = file.read(7)
        if not (length := _adts_length(header)):
            return
        yield (header[6] & 3) + 1
        at += length


def _adts_length(header: bytes) -> int:
    """Return the length of an ADTS frame, or 0 for bytes that are no ADTS header."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _mp3_length(header: bytes) -> int:
    """Return the length of an MPEG audio frame, or 0 for bytes that are no header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bits in {0, 15} or rate == 3:
        return 0
    kbits = (_KBITS_1 if version == 3 else _KBITS_2)[layer - 1][bits]
    per_second = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kbits // per_second + padding) * 4
    return (72_000 if layer == 3 and version != 3 else 144_000) * kbits // per_second + padding
