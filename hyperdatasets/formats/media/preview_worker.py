"""The process that makes previews for `PreviewPool`: it answers one request after the other on a socket.

A request is a header (length of the content, edge, length of the content type) and both texts; an answer is a byte
(done, refused, or not to be shown), a length, and the JPEG or the reason. The end of the socket ends the process.
"""

from __future__ import annotations

import contextlib
import errno
import io
import resource
import socket
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from hyperdatasets import allocator
from hyperdatasets.formats.media.model import NotShown, UnreadableMedia
from hyperdatasets.formats.media.preview_pool import ANSWER, DONE, NOT_SHOWN, REFUSED, REQUEST
from hyperdatasets.formats.media.previews import thumbnail
from hyperdatasets.formats.media.probing import probe
from hyperdatasets.formats.media.sniffing import HEAD, Kind, sniff

_READY = b"+"
_PAGE = resource.getpagesize()
_BYTES_A_PIXEL = 16  # what the hungriest decoders take
_EXTRAS = {
    Kind.VIDEO: ("av",),
    Kind.DICOM: ("pydicom", "pydicom.pixels"),
    Kind.NIFTI: ("nibabel.nifti1", "nibabel.nifti2"),
}
_WARM_UP = b"P6 1 1 255\n\0\0\0"
_MEMORY_ERRORS = ("out of memory", "cannot allocate memory", "memory allocation")


def serve(descriptor: int, memory_bytes: int) -> None:
    """Answer requests until the other side closes the socket."""
    allocator.tune()  # without it each picture costs 300 page faults, a sixth of the time
    thumbnail(_WARM_UP)  # loads the decoders that nearly every request needs
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as requests:
        connection.sendall(_READY)
        while header := requests.read(REQUEST.size):
            connection.sendall(_answer(header, requests, memory_bytes))


def _answer(header: bytes, requests: BinaryIO, memory_bytes: int) -> bytes:
    size_bytes, edge, type_length = REQUEST.unpack(header)
    content_type, content = requests.read(type_length).decode(), requests.read(size_bytes)
    try:
        _load_extra(content)
        jpeg = _limited(content, edge, content_type, memory_bytes)
    except NotShown as error:
        return _refused(str(error), NOT_SHOWN)
    except UnreadableMedia as error:
        if not _is_memory(error):
            return _refused(_perhaps_memory(content, memory_bytes, str(error)))
        return _refused(_needs_memory(memory_bytes))
    except MemoryError:
        return _refused(_needs_memory(memory_bytes))
    except Exception as error:  # noqa: BLE001  # decoders fail in many ways; the next picture must work
        return _refused(_needs_memory(memory_bytes) if _is_memory(error) else f"it cannot be decoded: {error!r:.200}")
    return ANSWER.pack(DONE, len(jpeg)) + jpeg


def _limited(content: bytes, edge: int, content_type: str, memory_bytes: int) -> bytes:
    """Make the preview with a limit of the address space: what is in use now, and `memory_bytes` more."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _in_use() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    try:
        return thumbnail(content, edge, content_type)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _load_extra(content: bytes) -> None:
    """Import what the file needs before the limit is set, where it is installed."""
    found = sniff(content[:HEAD])
    for name in _EXTRAS.get(found.kind, ()) if found else ():
        with contextlib.suppress(ImportError):
            import_module(name)


def _in_use() -> int:
    """Return the bytes of address space of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * _PAGE


def _refused(reason: str, result: int = REFUSED) -> bytes:
    told = reason.encode()
    return ANSWER.pack(result, len(told)) + told


def _needs_memory(memory_bytes: int) -> str:
    return f"its preview would need more than {memory_bytes >> 20} MiB"


def _perhaps_memory(content: bytes, memory_bytes: int, reason: str) -> str:
    """Say that the limit may be the cause where a picture is large: many decoders then report damaged data."""
    try:
        media = probe(io.BytesIO(content), "", len(content))
    except UnreadableMedia:
        return reason
    if (media.width or 0) * (media.height or 0) * _BYTES_A_PIXEL < memory_bytes:
        return reason
    return f"{_needs_memory(memory_bytes)}, or it is damaged ({reason})"


def _is_memory(error: Exception) -> bool:
    """Whether a decoder ran into the limit: many report it as an error of their own."""
    if getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(text in str(error).lower() for text in _MEMORY_ERRORS)
