"""Colour pictures of more than 8 bits a band: Pillow cuts them to 8, so they are read with PyAV (extra `video`)."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hyperdatasets.formats.media.model import UnreadableMedia

_BITS_PER_SAMPLE = 258
_CODECS = {"image/png": "png_pipe", "image/tiff": "tiff_pipe", "image/jp2": "j2k_pipe"}
_ORDERS = {"rgb48be", "rgb48le", "rgba64be", "rgba64le", "gray16be", "gray16le"}
_NEEDED = "16-bit colour needs PyAV: `pip install 'hyperdatasets[video]'`, or `option mode=default` for 8 bits"


def is_deep_colour(image: Image.Image, content: bytes) -> bool:
    """Whether an opened picture stores several bands of more than 8 bits."""
    if len(image.getbands()) == 1:
        return False
    if image.format == "PNG":
        return content[24] > 8
    if image.format == "TIFF":
        return bool(max(getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))) > 8)
    return image.format == "JPEG2000" and _jpeg_2000_bits(content) > 8


def colour(content: bytes, content_type: str, orientation: int) -> NDArray[Any]:
    """Decode to (height, width, bands) uint16, as shown.

    Raises:
        UnreadableMedia: PyAV is not installed, or cannot read the picture.
    """
    try:
        import av  # noqa: PLC0415  # an extra: loaded when it is asked for
    except ImportError:
        raise UnreadableMedia(_NEEDED) from None
    try:
        with av.open(io.BytesIO(content), "r", format=_CODECS[content_type]) as container:
            frame = next(container.decode(video=0))
            if frame.format.name not in _ORDERS:
                raise UnreadableMedia(f"the picture cannot be read with its depth: it stores {frame.format.name}")
            return turned(frame.to_ndarray(), orientation)
    except (av.FFmpegError, StopIteration) as error:
        raise UnreadableMedia(f"the picture cannot be decoded: {error}") from None


def turned(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation (1 to 8) to an array of (height, width, ...)."""
    axes = stored.swapaxes(0, 1) if orientation in {5, 6, 7, 8} else stored
    rows = slice(None, None, -1 if orientation in {3, 4, 7, 8} else 1)
    columns = slice(None, None, -1 if orientation in {2, 3, 6, 7} else 1)
    return np.ascontiguousarray(axes[rows, columns])


def _jpeg_2000_bits(content: bytes) -> int:
    """Read the depth of the first component from the SIZ marker."""
    at = content.find(b"\xff\x4f\xff\x51", 0, 64 << 10)
    return (struct.unpack_from("B", content, at + 42)[0] & 0x7F) + 1 if at >= 0 and len(content) > at + 42 else 8
