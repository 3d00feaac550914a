"""The facts of a WAV recording, read from its chunks: RIFF, RIFX, RF64 and Sony's Wave64, with any codec."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from hyperdatasets.formats.media.model import Media, UnreadableMedia

_EXTENSIBLE = 0xFFFE
_CODECS = {1: "", 2: "MS ADPCM", 3: "float", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x55: "MP3"}
_ONE_SAMPLE_A_BLOCK = {1, 3, 6, 7}
_UNKNOWN_LENGTH = 0xFFFFFFFF
_MAX_CHUNKS = 10_000


@dataclass(frozen=True, slots=True)
class _Format:
    codec: int
    channels: int
    rate: int
    bytes_per_second: int
    block_bytes: int
    block_samples: int  # 0 where the header does not say


def recording(file: BinaryIO, size_bytes: int, content_type: str) -> Media:
    """Describe a recording.

    Raises:
        UnreadableMedia: it is cut, or its header is damaged.
    """
    try:
        chunks, order = _chunks(file, size_bytes, content_type)
        form = _format(chunks.get("fmt", (0, 0, b""))[2], order)
        start, length, _ = chunks["data"]
    except KeyError:
        raise UnreadableMedia("the recording cannot be read: it has no samples (no `data` chunk)") from None
    notes: tuple[str, ...] = ()
    if length >= _UNKNOWN_LENGTH and "ds64" not in chunks and content_type == "audio/wav":
        length, notes = size_bytes - start, ("its header does not give its length; it was taken from the file's size",)
    if start + length > size_bytes:
        raise UnreadableMedia("the recording is cut: it is shorter than it says")
    duration = _samples(form, length, chunks, order) * 1000 // form.rate
    return Media(content_type, size_bytes, duration_ms=duration, extra=_extra(form), notes=notes)


def _extra(form: _Format) -> dict[str, Any]:
    extra: dict[str, Any] = {"channels": form.channels, "sample_rate": form.rate}
    codec = _CODECS.get(form.codec, f"0x{form.codec:04x}")
    return extra | ({"codec": codec} if codec else {})


def _format(content: bytes, order: str) -> _Format:
    if len(content) < 16:
        raise UnreadableMedia("the recording cannot be read: it has no format (no `fmt ` chunk)")
    codec, channels, rate, per_second, block, _ = struct.unpack_from(f"{order}HHIIHH", content)
    if codec == _EXTENSIBLE and len(content) >= 26:
        codec = struct.unpack_from(f"{order}H", content, 24)[0]
    in_block = struct.unpack_from(f"{order}H", content, 18)[0] if len(content) >= 20 and codec in {2, 0x11} else 0
    if not (channels and rate and block):
        raise UnreadableMedia(f"the recording cannot be read: {channels} channels, {rate} Hz, blocks of {block} bytes")
    return _Format(codec, channels, rate, per_second, block, 1 if codec in _ONE_SAMPLE_A_BLOCK else in_block)


def _samples(form: _Format, length: int, chunks: dict[str, tuple[int, int, bytes]], order: str) -> int:
    """Return the samples per channel: by the blocks, by the `fact` chunk, or by the bytes per second."""
    if form.block_samples == 1:
        return length // form.block_bytes
    fact = chunks.get("fact", (0, 0, b""))[2]
    if len(fact) >= 4 and fact[:4] != b"\xff\xff\xff\xff":
        return int(struct.unpack_from(f"{order}I", fact)[0])
    if form.block_samples:
        return length // form.block_bytes * form.block_samples
    return length * form.rate // form.bytes_per_second if form.bytes_per_second else 0


def _chunks(file: BinaryIO, size_bytes: int, content_type: str) -> tuple[dict[str, tuple[int, int, bytes]], str]:
    """Return name -> (offset, length, beginning) of the chunks, and the byte order."""
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    walk = _wave64_chunks(file, size_bytes) if content_type == "audio/x-w64" else _riff_chunks(file, size_bytes, order)
    chunks: dict[str, tuple[int, int, bytes]] = {}
    for name, start, length in walk:
        file.seek(start)
        chunks.setdefault(name, (start, length, file.read(min(length, 64))))
        if name == "data" and "fmt" in chunks:
            break
    return chunks, order


def _riff_chunks(file: BinaryIO, size_bytes: int, order: str) -> Iterator[tuple[str, int, int]]:
    at, long_data = 12, 0
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(24)
        if at + 8 > size_bytes or len(head) < 8:
            return
        name, length = struct.unpack_from(f"{order}4sI", head)
        if name == b"ds64" and len(head) == 24:
            long_data = struct.unpack_from("<Q", head, 16)[0]
        if name == b"data" and length == _UNKNOWN_LENGTH and long_data:
            length = long_data
        yield name.decode("latin-1").strip(), at + 8, length
        at += 8 + length + (length & 1)


def _wave64_chunks(file: BinaryIO, size_bytes: int) -> Iterator[tuple[str, int, int]]:
    """Walk chunks of Wave64: a GUID that begins with the four letters, and a size that counts its 24-byte header."""
    at = 40
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(24)
        if at >= size_bytes or len(head) < 24:
            return
        length = max(24, struct.unpack_from("<Q", head, 16)[0])
        yield head[:4].decode("latin-1").strip(), at + 24, length - 24
        at += -(-length // 8) * 8
