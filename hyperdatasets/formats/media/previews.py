"""Small pictures of media files, as JPEG. `PreviewPool` makes them in processes of their own."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageOps

from hyperdatasets.formats.media import dicom_pixels
from hyperdatasets.formats.media.model import UnreadableMedia, check_pixels
from hyperdatasets.formats.media.opening import opened
from hyperdatasets.formats.media.pixels import eight_bit
from hyperdatasets.formats.media.preview_pool import PreviewPool
from hyperdatasets.formats.media.sniffing import HEAD, Kind, sniff
from hyperdatasets.formats.media.videos import NEEDED, demuxer
from hyperdatasets.formats.media.volume_slices import middle_slice

__all__ = ["PreviewPool", "has_preview", "thumbnail"]

_MEDICAL = {"application/dicom", "application/x-nifti"}


def has_preview(content_type: str) -> bool:
    """Whether `thumbnail` knows how to show files of this type."""
    return content_type.startswith(("image/", "video/")) or content_type in _MEDICAL


def thumbnail(content: bytes, edge: int = 256, content_type: str = "") -> bytes:
    """Return a JPEG of at most `edge` pixels a side, as shown, by the rules of `pixels.decode`.

    Animations are shown by their first frame, videos by one from their first tenth, volumes by their middle slice.

    Args:
        content: the whole file.
        edge: the largest width and height; a smaller picture is not enlarged.
        content_type: what `probe` found; it matters only where the content does not show it.

    Raises:
        UnreadableMedia: the file cannot be decoded, or needs an extra that is not installed.
    """
    small = _small(content, edge, content_type)
    out = io.BytesIO()
    (small if small.mode == "RGB" else small.convert("RGB")).save(out, "JPEG", quality=80)
    return out.getvalue()


def _small(content: bytes, edge: int, content_type: str) -> Image.Image:
    found = sniff(content[:HEAD])
    kind, content_type = (found.kind, found.content_type) if found else (Kind.PICTURE, content_type)
    if kind is Kind.PICTURE:
        return _picture(content, edge, content_type)
    if kind is Kind.DICOM:
        large = Image.fromarray(dicom_pixels.shown(content, frame=dicom_pixels.MIDDLE))
    elif kind is Kind.NIFTI:
        large = middle_slice(content)
    elif kind is Kind.VIDEO:
        large = _video_frame(content, content_type)
    else:
        raise UnreadableMedia(f"there is no picture of {content_type}")
    large.thumbnail((edge, edge))
    return large


def _picture(content: bytes, edge: int, content_type: str) -> Image.Image:
    with opened(io.BytesIO(content), content_type) as image:
        image.draft("RGB", (edge, edge))  # a JPEG is decoded at a fraction of its size
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        small = eight_bit(image)
        small.thumbnail((edge, edge))
        return small


def _video_frame(content: bytes, content_type: str) -> Image.Image:
    """Decode the key frame before 5 % of the length, which is always in the first tenth."""
    try:
        import av  # noqa: PLC0415  # an extra: loaded when it is asked for
    except ImportError:
        raise UnreadableMedia(NEEDED) from None
    try:
        with av.open(io.BytesIO(content), "r", format=demuxer(content_type), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            check_pixels(stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.thread_count = 1
            container.seek(max(0, container.duration or 0) // 20)
            frame: Any = next(container.decode(stream))
            shown: Image.Image = frame.to_image().rotate(frame.rotation, expand=True)
            return shown
    except (av.FFmpegError, StopIteration, IndexError, ValueError, OSError, AttributeError) as error:
        raise UnreadableMedia(f"the video cannot be decoded: {error}") from None
