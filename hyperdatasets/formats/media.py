"""What a file is, told by its content and not by its name; small pictures of it. Nothing is decoded to find out."""

from __future__ import annotations

import io
import warnings
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 178_000_000
_TEXT_LIMIT = 64 << 20  # bytes that are looked at to tell a text
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112
_IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2"})
_TEXT_TYPES = {".csv": "text/csv", ".json": "application/json", ".html": "text/html", ".md": "text/markdown"}


class UnreadableMedia(ValueError):
    """The file is not what it should be; the message says how, without its path."""


@dataclass(frozen=True, slots=True)
class Media:
    """Content type, and what it measures: pixels as shown (EXIF rotation applied), milliseconds, characters."""

    content_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    characters: int | None = None

    def to_plain(self) -> dict[str, object]:
        """As fields of a source; what a source has no field for stands in its metadata."""
        plain: dict[str, object] = {"content_type": self.content_type, "size_bytes": self.size_bytes}
        if self.width and self.height:
            plain |= {"width": self.width, "height": self.height}
        measured = {"duration_ms": self.duration_ms, "characters": self.characters}
        meta = {name: value for name, value in measured.items() if value is not None}
        return plain | ({"meta": meta} if meta else {})


def probe(file: BinaryIO, name: str, size_bytes: int) -> Media:
    """What an open file is.

    Raises:
        UnreadableMedia: empty, cut, too large, or not what its name says.
    """
    if size_bytes == 0:
        raise UnreadableMedia("the file is empty")
    head = file.read(16)
    file.seek(0)
    suffix = Path(name).suffix.lower()
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wave(file, size_bytes)
    if suffix in _IMAGE_SUFFIXES or _looks_like_image(head):
        return _image(file, size_bytes)
    if suffix == ".wav":
        raise UnreadableMedia("named like a recording (.wav), but it is none")
    return _text(file, suffix, size_bytes) or Media("application/octet-stream", size_bytes)


def probe_file(path: Path) -> tuple[Media | None, str]:
    """What the file at a path is, or else the reason why it cannot be told."""
    try:
        if not path.is_file():  # a pipe would wait for ever
            return (
                None,
                "left out: it is no regular file" if path.exists() else "cannot be read: No such file or directory",
            )
        with path.open("rb") as file:
            return probe(file, path.name, path.stat().st_size), ""
    except UnreadableMedia as error:
        return None, str(error)
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"


def thumbnail(content: bytes, edge: int = 256) -> bytes:
    """A JPEG of at most `edge` pixels a side, turned as EXIF says; decodes the whole picture.

    Raises:
        UnreadableMedia: it cannot be decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content)) as image:
                _check_pixels(image)
                image.draft("RGB", (edge, edge))
                small = ImageOps.exif_transpose(image)
                small.thumbnail((edge, edge))
                out = io.BytesIO()
                _as_rgb(small).save(out, "JPEG", quality=80)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableMedia(f"the picture cannot be decoded: {error}") from None
    return out.getvalue()


def _image(file: BinaryIO, size_bytes: int) -> Media:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                _check_pixels(image)
                width, height = image.size
                if image.getexif().get(_ORIENTATION) in _TURNED:
                    width, height = height, width
                content_type = Image.MIME.get(image.format or "", "application/octet-stream")
                _check_whole(image, file, size_bytes)
    except Image.DecompressionBombError:
        raise UnreadableMedia(f"it claims more than the {MAX_PIXELS} pixels that are allowed") from None
    except UnidentifiedImageError:
        raise UnreadableMedia("named like a picture, but its content is none") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableMedia(f"the picture cannot be read: {error}") from None
    return Media(content_type, size_bytes, width, height)


def _check_pixels(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableMedia(f"{image.width} x {image.height} pixels; at most {MAX_PIXELS} in all are allowed")


def _check_whole(image: Image.Image, file: BinaryIO, size_bytes: int) -> None:
    """A cut JPEG or PNG lacks its end mark; told without decoding."""
    file.seek(max(0, size_bytes - 4096))
    tail = file.read()
    if image.format == "JPEG" and b"\xff\xd9" not in tail:
        raise UnreadableMedia("the picture is cut: its end is missing")
    if image.format == "PNG" and b"IEND" not in tail:
        raise UnreadableMedia("the picture is cut: its end is missing")


def _wave(file: BinaryIO, size_bytes: int) -> Media:
    try:
        with wave.open(file) as recording:
            duration = recording.getnframes() * 1000 // recording.getframerate()
            needed = recording.getnframes() * recording.getnchannels() * recording.getsampwidth()
    except (wave.Error, EOFError, ZeroDivisionError, RuntimeError) as error:
        raise UnreadableMedia(f"the recording cannot be read: {error}") from None
    if needed > size_bytes:
        raise UnreadableMedia("the recording is cut: it is shorter than it says")
    return Media("audio/wav", size_bytes, duration_ms=duration)


def _text(file: BinaryIO, suffix: str, size_bytes: int) -> Media | None:
    if size_bytes > _TEXT_LIMIT:
        return None
    content = file.read()
    if b"\0" in content:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return Media(_TEXT_TYPES.get(suffix, "text/plain"), size_bytes, characters=len(text))


def _looks_like_image(head: bytes) -> bool:
    starts = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    return head.startswith(starts) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:  # spread what is there over 0 to 255
        low, high = image.getextrema()
        span = max(float(high) - float(low), 1.0)  # type: ignore[arg-type]  # one band
        image = image.convert("F").point(lambda value: (value - float(low)) * (255 / span))  # type: ignore[arg-type]
        return image.convert("L").convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
