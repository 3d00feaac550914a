"""The pixels of a picture as shown, by fixed rules: two sites that read the same file get the same array."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from hyperdatasets.formats.media import deep, dicom_pixels
from hyperdatasets.formats.media.model import NotShown, UnreadableMedia
from hyperdatasets.formats.media.opening import opened
from hyperdatasets.formats.media.sniffing import HEAD, Kind, sniff

RULES = 2
"""The number of the rules below. It is recorded with experiments, and rises when an array would change.

- The EXIF orientation is applied, in `raw` too. A file of several pages or frames gives the first one.
- `default` gives 8 bits: (height, width, 3) as RGB, or (height, width) for grey pictures.
- 16 bits become 8 by `>> 8`, never scaled by the content. 1 bit becomes 0 and 255.
- Palettes and CMYK become RGB. Transparency is dropped, not blended with a background.
- 32-bit and floating-point numbers have no fixed range: `default` refuses them, `raw` gives them.
- DICOM is shown by its modality table and its first window, or else by the range that its stored bits can hold.
  MONOCHROME1 is inverted.
- `raw` keeps the stored depth and the bands: palette indices, CMYK, transparency, stored DICOM values.
  HEIC and AVIF always come with 8 bits.
"""

Mode = Literal["default", "RGB", "L", "raw"]
_ORIENTATION = 0x0112
_GREY = {"1", "L", "LA", "La"}
_NO_RANGE = 'has no fixed range and cannot become 8 bits; read it with mode="raw"'


def decode(content: bytes, *, mode: Mode = "default") -> NDArray[Any]:
    """Decode a picture by `RULES`.

    Args:
        content: the whole file.
        mode: `default`, `RGB` (always three bands), `L` (always grey, ITU-R 601 luma), or `raw`.

    Returns:
        A writable array: (height, width) or (height, width, bands), uint8 except in `raw`.

    Raises:
        UnreadableMedia: the content is no picture, is damaged or is too large.
    """
    if mode == "raw":
        return _raw(content)
    image = pil(content)
    return np.array(image if mode == "default" else image.convert(mode))


def pil(content: bytes) -> Image.Image:
    """Decode a picture by `RULES` to an image of Pillow, of mode `RGB` or `L`.

    Raises:
        UnreadableMedia: the content is no picture, is damaged or is too large.
    """
    content_type = picture_type(content)
    if content_type == "application/dicom":
        return Image.fromarray(dicom_pixels.shown(content, frame=0))
    with opened(io.BytesIO(content), content_type) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return eight_bit(image).copy()


def picture_type(content: bytes) -> str:
    """Return the content type of a picture or of a DICOM file.

    Raises:
        UnreadableMedia: the content is something else.
    """
    found = sniff(content[:HEAD])
    if found is None or found.kind not in {Kind.PICTURE, Kind.DICOM}:
        raise UnreadableMedia(f"it cannot be decoded: it is no picture{f' but {found.content_type}' if found else ''}")
    return found.content_type


def eight_bit(image: Image.Image) -> Image.Image:
    """Return a loaded image as `RGB` or `L`.

    Raises:
        NotShown: its numbers have no fixed range.
    """
    if image.mode in {"RGB", "L"}:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PPM", "PNG"}):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        raise NotShown(f"a picture of {'floating-point' if image.mode == 'F' else '32-bit'} numbers {_NO_RANGE}")
    return image.convert("L" if image.mode in _GREY else "RGB")


def _raw(content: bytes) -> NDArray[Any]:
    content_type = picture_type(content)
    if content_type == "application/dicom":
        return dicom_pixels.stored(content, frame=0)
    with opened(io.BytesIO(content), content_type) as image:
        if deep.is_deep_colour(image, content):
            return deep.colour(content, content_type, int(image.getexif().get(_ORIENTATION, 1)))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        stored = np.array(image)
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)
