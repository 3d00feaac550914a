"""The middle slice of a NIfTI volume, for its preview: unpacked up to that slice, and only that slice is kept."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hyperdatasets.formats.media import gzipped
from hyperdatasets.formats.media.medical import NEEDED, nifti_header
from hyperdatasets.formats.media.model import UnreadableMedia, check_pixels

_HEAD = 4096
_FURTHEST = 4 << 30  # bytes that are unpacked at most to reach the slice


def middle_slice(content: bytes) -> Image.Image:
    """Return the middle slice of the first volume as a grey picture, its first axis to the right, its second upwards.

    The values are shown by the display range of the header, or else from the smallest to the largest of the slice:
    a preview is for the eye, `decode` never scales a picture by its content.

    Raises:
        UnreadableMedia: nibabel is not installed, or the volume is damaged, cut or too large.
    """
    try:
        header = nifti_header(content[:_HEAD])
    except ImportError:
        raise UnreadableMedia(NEEDED) from None
    shape, kind = [int(size) for size in header.get_data_shape()], header.get_data_dtype()
    width, height, depth = (*shape, 1, 1, 1)[:3] if shape else (0, 0, 0)
    check_pixels(width, height)
    start = int(header.get_data_offset()) + width * height * (depth // 2) * kind.itemsize
    stored = np.frombuffer(_bytes(content, start, width * height * kind.itemsize), kind)
    limits = float(header["cal_min"]), float(header["cal_max"])
    return _shown(stored.reshape(height, width), header.get_slope_inter(), limits)


def _bytes(content: bytes, start: int, size_bytes: int) -> bytes:
    if start < 0 or start + size_bytes > _FURTHEST:
        raise UnreadableMedia(f"its middle slice is behind the {_FURTHEST >> 30} GiB that are read for a preview")
    if not gzipped.is_gzip(content):
        found = content[start : start + size_bytes]
        if len(found) < size_bytes:
            raise UnreadableMedia("the volume is cut: it is shorter than it says")
        return found
    try:
        return gzipped.part(content, start, size_bytes)
    except (zlib.error, EOFError) as error:
        raise UnreadableMedia(f"the volume cannot be unpacked: {error}") from None


def _shown(
    stored: NDArray[np.void], scale: tuple[float | None, float | None], limits: tuple[float, float]
) -> Image.Image:
    if stored.dtype.names:  # RGB24 and RGBA32
        colours = np.stack([stored[name] for name in stored.dtype.names[:3]], axis=-1)
        return Image.fromarray(np.ascontiguousarray(colours[::-1].astype(np.uint8)))
    values = np.nan_to_num(np.abs(stored) if stored.dtype.kind == "c" else stored.astype(np.float64))
    values = values * (scale[0] or 1.0) + (scale[1] or 0.0)
    low, high = limits if limits[0] < limits[1] else (float(values.min()), float(values.max()))
    span = high - low if math.isfinite(high - low) and high > low else 1.0
    return Image.fromarray(np.clip((values[::-1] - low) * (255 / span), 0, 255).astype(np.uint8))
