"""What files are, told by their content; what is wrong with them, told without decoding."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hyperdatasets.formats.media import Media, UnreadableMedia, probe, probe_file, thumbnail


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def looked_at(content: bytes, name: str = "x.jpg") -> Media:
    return probe(io.BytesIO(content), name, len(content))


PICTURE = Image.new("RGB", (40, 30), (1, 2, 3))


@pytest.mark.parametrize(
    ("image", "kind", "content_type"),
    [
        (PICTURE, "JPEG", "image/jpeg"),
        (PICTURE, "PNG", "image/png"),
        (PICTURE.convert("CMYK"), "JPEG", "image/jpeg"),
        (Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40)), "PNG", "image/png"),
        (Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40)), "TIFF", "image/tiff"),
        (PICTURE.convert("P"), "GIF", "image/gif"),
        (PICTURE.convert("RGBA"), "WEBP", "image/webp"),
        (PICTURE.convert("1"), "PNG", "image/png"),
    ],
)
def test_pictures_of_many_kinds(image: Image.Image, kind: str, content_type: str) -> None:
    content = encoded(image, kind)
    media = looked_at(content)
    assert (media.content_type, media.width, media.height) == (content_type, 40, 30)
    with Image.open(io.BytesIO(thumbnail(content, 16))) as small:
        assert small.size == (16, 12)
        assert small.mode == "RGB"


def test_a_turned_picture_has_the_size_as_shown() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(PICTURE, "JPEG", exif=exif)
    assert (looked_at(content).width, looked_at(content).height) == (30, 40)
    with Image.open(io.BytesIO(thumbnail(content, 20))) as small:
        assert small.size == (15, 20)


def test_a_picture_that_claims_a_billion_pixels_is_not_decoded() -> None:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    content = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    with pytest.raises(UnreadableMedia, match="more than the 178000000 pixels"):
        looked_at(content, "x.png")
    with pytest.raises(UnreadableMedia):
        thumbnail(content)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "x.jpg", "empty"),
        (encoded(PICTURE, "JPEG")[:-300], "x.jpg", "Truncated"),
        (encoded(PICTURE, "JPEG")[:-10], "x.jpg", "cut"),
        (encoded(PICTURE, "PNG")[:-20], "x.png", "cut"),
        (b"just text", "x.jpg", "content is none"),
        (b"just text", "x.wav", "is none"),
        (b"RIFF\x00\x00\x00\x00WAVEnonsense", "x.wav", "cannot be read"),
    ],
)
def test_files_that_are_not_what_they_should_be(content: bytes, name: str, message: str) -> None:
    with pytest.raises(UnreadableMedia, match=message):
        looked_at(content, name)


def test_sound_text_and_anything_else() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(1_000)
        file.writeframes(bytes(4 * 2_500))
    assert looked_at(out.getvalue(), "a").duration_ms == 2_500
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(out.getvalue()[:-1_000], "a.wav")
    assert looked_at("größe".encode(), "a.md") == Media("text/markdown", 7, characters=5)
    assert looked_at(b"\0\1\2", "a.bin") == Media("application/octet-stream", 3)
    assert looked_at("ö".encode("latin-1"), "a.txt").content_type == "application/octet-stream"


def test_a_file_that_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    assert probe_file(tmp_path / "nothing") == (None, "cannot be read: No such file or directory")
