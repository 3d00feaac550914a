"""Bounded decompression of gzip: never more bytes than asked for, whatever the file would expand to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_GZIP = zlib.MAX_WBITS | 16
_INPUT = 64 << 10
_PIECE = 1 << 20


def is_gzip(head: bytes) -> bool:
    """Whether a gzip header with deflate starts here."""
    return head.startswith(b"\x1f\x8b\x08")


def beginning(compressed: bytes, size_bytes: int) -> bytes:
    """Return at most the first `size_bytes` bytes; fewer where the data is short or damaged."""
    try:
        return zlib.decompressobj(_GZIP).decompress(compressed, size_bytes)
    except zlib.error:
        return b""


def part(compressed: bytes, start: int, size_bytes: int) -> bytes:
    """Return the bytes from `start` on of what is compressed, and keep only those in memory.

    Raises:
        zlib.error: the data is damaged.
        EOFError: the data ends before the part does.
    """
    at, kept = 0, bytearray()
    for piece in _pieces(compressed):
        kept += piece[max(0, start - at) : max(0, start + size_bytes - at)]
        at += len(piece)
        if len(kept) == size_bytes:
            return bytes(kept)
    raise EOFError("the compressed data is cut")


def _pieces(compressed: bytes) -> Iterator[bytes]:
    """Decompress all members in order, at most `_PIECE` bytes at a time."""
    unpack, view = zlib.decompressobj(_GZIP), memoryview(compressed)
    for at in range(0, len(view), _INPUT):
        rest = bytes(view[at : at + _INPUT])
        while rest:
            yield unpack.decompress(rest, _PIECE)
            rest = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
            unpack = zlib.decompressobj(_GZIP) if unpack.eof else unpack
    while piece := unpack.decompress(b"", _PIECE):
        yield piece
