"""The facts of a picture: size as shown, orientation, pages and frames. No pixel is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from PIL import BmpImagePlugin, Image, PpmImagePlugin, TiffImagePlugin

from hyperdatasets.formats.media import boxes
from hyperdatasets.formats.media.jpeg_2000 import jpeg_2000_is_cut
from hyperdatasets.formats.media.model import OCTETS, Media, UnreadableMedia, shown_size
from hyperdatasets.formats.media.opening import opened
from hyperdatasets.formats.media.picture_ends import bmp_is_whole, gif_is_whole, jpeg_is_whole, png_end
from hyperdatasets.formats.media.sniffing import HEAD, Kind, sniff
from hyperdatasets.formats.media.tiff_layout import tiff_is_cut

_ORIENTATION = 0x0112
_COUNTED = {"TIFF": "pages", "HEIF": "pages", "GIF": "frames", "PNG": "frames", "WEBP": "frames", "AVIF": "frames"}
_METADATA = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
_CUT = "the picture is cut: its end is missing"


def picture(file: BinaryIO, size_bytes: int, content_type: str) -> Media:
    """Describe a picture.

    Raises:
        UnreadableMedia: it is cut, damaged or larger than `MAX_PIXELS`.
    """
    with opened(file, content_type) as image:
        stored = _stored_size(image)
        extra = _counts(image)
        _check_samples(image, size_bytes)
        _check_end(image, file, size_bytes)
        kind = _content_type(image, content_type)
        orientation = _orientation(image, file, size_bytes)
    width, height = shown_size(*stored, orientation)
    return Media(kind, size_bytes, width, height, orientation=orientation, extra=extra)


def size_as_shown(file: BinaryIO) -> tuple[int, int]:
    """Return width and height of a picture by its header alone: whether the rest is there is not checked.

    Raises:
        UnreadableMedia: it is no picture, or its header is damaged.
    """
    found = sniff(file.read(HEAD))
    file.seek(0)
    with opened(file, found.content_type if found and found.kind is Kind.PICTURE else "") as image:
        orientation = Image.Image.getexif(image).get(_ORIENTATION, 1) if _may_be_turned(image) else 1
        return shown_size(*_stored_size(image), _valid(orientation))


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Return the size before the orientation; Pillow turns the size of a TIFF when it opens one."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2[TiffImagePlugin.IMAGEWIDTH]), int(image.tag_v2[TiffImagePlugin.IMAGELENGTH])
    return image.size


def _counts(image: Image.Image) -> dict[str, int]:
    """Return the number of pages or frames where there is more than one."""
    name = _COUNTED.get(image.format or "")
    count = getattr(image, "n_frames", 1) if name else 1
    return {name: count} if name and count > 1 else {}


def _check_samples(image: Image.Image, size_bytes: int) -> None:
    """Refuse a PPM that is shorter than its header says: a text may begin like one."""
    if isinstance(image, PpmImagePlugin.PpmImageFile) and image.tile[0].codec_name in {"raw", "ppm"}:
        bits = {"1": 1, "L": 8, "I": 16, "RGB": 24}.get(image.mode, 8)
        if image.tile[0].offset + (image.width * bits + 7) // 8 * image.height > size_bytes:
            raise UnreadableMedia(_CUT)


def _check_end(image: Image.Image, file: BinaryIO, size_bytes: int) -> None:
    """Refuse a picture that is cut, where its lengths or marks tell; JPEG, PNG and HEIF are checked on another way."""
    check = _CUT_CHECKS.get(image.format or "")
    if check is None:
        return
    position = file.tell()
    if check(image, file, size_bytes):
        raise UnreadableMedia(_CUT)
    file.seek(position)


def _bmp_is_cut(image: Image.Image, file: BinaryIO, size_bytes: int) -> bool:
    if not isinstance(image, BmpImagePlugin.BmpImageFile) or not image.tile:
        return False
    offset = image.tile[0].offset
    return not bmp_is_whole(file, size_bytes, offset=offset, width=image.width, height=image.height)


_CUT_CHECKS: dict[str, Callable[[Image.Image, BinaryIO, int], bool]] = {
    "BMP": _bmp_is_cut,
    "GIF": lambda _, file, size_bytes: not gif_is_whole(file, size_bytes),
    "TIFF": lambda _, file, size_bytes: tiff_is_cut(file, size_bytes),
    "JPEG2000": lambda _, file, size_bytes: jpeg_2000_is_cut(file, size_bytes),
}


def _content_type(image: Image.Image, sniffed: str) -> str:
    """Return Pillow's name of the type, as it always was; the kinds of HEIF are told by their brands."""
    if image.format == "HEIF":
        return sniffed
    return Image.MIME.get(image.format or "", OCTETS)


def _orientation(image: Image.Image, file: BinaryIO, size_bytes: int) -> int:
    """Return the EXIF orientation, and check on the way that the end of the picture is there."""
    if image.format == "PNG":
        return _png_orientation(image, file, size_bytes)
    value = image.getexif().get(_ORIENTATION, 1) if _may_be_turned(image) else 1
    if image.format in {"JPEG", "MPO"} and not jpeg_is_whole(file, size_bytes):
        raise UnreadableMedia(_CUT)
    if image.format in {"HEIF", "AVIF"} and boxes.is_cut(file, size_bytes):
        raise UnreadableMedia(_CUT)
    return _valid(value)


def _may_be_turned(image: Image.Image) -> bool:
    """Whether there is EXIF or XMP; to look for an orientation where there is none costs a tenth of the probe."""
    return image.format == "TIFF" or not _METADATA.isdisjoint(image.info)


def _png_orientation(image: Image.Image, file: BinaryIO, size_bytes: int) -> int:
    """Decode the picture only where EXIF or XMP follows its pixels: Pillow always would, to look for them."""
    position = file.tell()
    end = png_end(file, size_bytes)
    if not end.whole:
        raise UnreadableMedia(_CUT)
    if end.damaged:
        raise UnreadableMedia(f"the picture is damaged: the checksum of a chunk `{end.damaged}` is wrong")
    file.seek(position)
    if end.late_orientation:
        image.load()
    return _valid(Image.Image.getexif(image).get(_ORIENTATION, 1))


def _valid(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
