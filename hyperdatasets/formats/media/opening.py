"""Opening of pictures with Pillow: only the formats that are known, HEIC loaded on demand, no warnings."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import BinaryIO

import pillow_heif
from PIL import Image, UnidentifiedImageError

from hyperdatasets.formats.media.model import MAX_PIXELS, UnreadableMedia, check_pixels
from hyperdatasets.formats.media.quiet import Quiet

_FORMATS = {
    "image/jpeg": ("JPEG",),
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/bmp": ("BMP",),
    "image/x-portable-anymap": ("PPM",),
    "image/tiff": ("TIFF",),
    "image/webp": ("WEBP",),
    "image/avif": ("AVIF",),
    "image/jp2": ("JPEG2000",),
    "image/heic": ("HEIF",),
    "image/heif": ("HEIF",),
}
_ANY = tuple(name for names in _FORMATS.values() for name in names if name != "HEIF")

# Pillow lets many kinds of errors through when a header is damaged.
_DAMAGES = (
    OSError, ValueError, SyntaxError, EOFError, RuntimeError, LookupError, TypeError, ArithmeticError, struct.error,
)  # fmt: skip


class NotAPicture(UnreadableMedia):
    """The content is no picture at all, in contrast to a damaged one."""


@contextmanager
def opened(file: BinaryIO, content_type: str) -> Iterator[Image.Image]:
    """Open a picture of this content type without decoding it; an unknown type tries all formats.

    Errors of Pillow inside the block become `UnreadableMedia`, too.

    Raises:
        UnreadableMedia: the picture is damaged, or larger than `MAX_PIXELS`.
        NotAPicture: no format fits.
    """
    try:
        with Quiet(), _identified(file, content_type) as image:
            check_pixels(*image.size)
            yield image
    except Image.DecompressionBombError:
        raise UnreadableMedia(f"it claims more than the {MAX_PIXELS} pixels that are allowed") from None
    except UnidentifiedImageError:
        raise NotAPicture("named like a picture, but its content is none") from None
    except UnreadableMedia:
        raise
    except _DAMAGES as error:
        raise UnreadableMedia(f"the picture cannot be read: {error}") from None


def _identified(file: BinaryIO, content_type: str) -> Image.Image:
    formats = _FORMATS.get(content_type, _ANY)
    if content_type in {"image/webp", ""}:
        _check_webp(file)
    if formats == ("HEIF",):
        _learn_heif()
    return Image.open(file, formats=formats)


def _check_webp(file: BinaryIO) -> None:
    """Check the size that a WebP claims before Pillow opens it: that alone clears memory for the whole canvas."""
    head = file.read(30)
    file.seek(0)
    if head[8:12] != b"WEBP" or len(head) < 30:
        return
    if head[12:16] == b"VP8X":
        check_pixels(1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little"))
    elif head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        check_pixels(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    else:
        check_pixels(int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF)


@cache
def _learn_heif() -> None:
    pillow_heif.register_heif_opener()
