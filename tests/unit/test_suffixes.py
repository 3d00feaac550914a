"""Files that are measured are media by their suffix, too: else rows of metadata would not find them."""

from __future__ import annotations

import inspect
import re
import struct
from pathlib import Path

import pytest

from hyperdatasets.formats import imagefolder
from hyperdatasets.formats.media import sniffing
from hyperdatasets.formats.suffixes import MEDIA
from tests.unit.annotation_tools import read_all

SUFFIXES = {
    "image/jpeg": (".jpg", ".jpeg", ".jfif"), "image/png": (".png",), "image/tiff": (".tif", ".tiff"),
    "image/jp2": (".jp2", ".j2k", ".j2c"), "image/gif": (".gif",), "image/bmp": (".bmp", ".dib"),
    "image/x-portable-anymap": (".ppm", ".pgm", ".pbm", ".pnm"), "image/webp": (".webp",), "image/avif": (".avif",),
    "image/heic": (".heic",), "image/heif": (".heif",),
    "audio/wav": (".wav",), "audio/x-w64": (".w64",), "audio/mp4": (".m4a", ".m4b"), "audio/ogg": (".ogg", ".oga"),
    "audio/flac": (".flac",), "audio/aiff": (".aif", ".aiff", ".aifc"), "audio/aac": (".aac",), "audio/mpeg": (".mp3",),
    "video/x-msvideo": (".avi",), "video/quicktime": (".mov",), "video/mp4": (".mp4", ".m4v"),
    "video/3gpp": (".3gp", ".3g2"), "video/ogg": (".ogv",), "video/webm": (".webm",), "video/x-matroska": (".mkv",),
    "video/mpeg": (".mpg", ".mpeg"), "video/x-ms-asf": (".wmv", ".asf"), "video/mp2t": (".m2t",),
    "application/dicom": (".dcm",), "application/x-nifti": (".nii", ".nii.gz"), "application/x-pcd": (".pcd",),
    "application/x-ply": (".ply",),
}  # fmt: skip


def test_each_type_that_is_known_by_its_content_has_a_suffix() -> None:
    types = set(re.findall(r'"((?:image|audio|video|application)/[\w.+-]+)"', inspect.getsource(sniffing)))
    assert types == SUFFIXES.keys()
    assert {suffix for suffixes in SUFFIXES.values() for suffix in suffixes} <= MEDIA


def _aiff() -> bytes:
    sounds = bytes(16_000)
    common = b"COMM" + struct.pack(">IhIh", 18, 1, 8_000, 16) + b"\x40\x0b\xfa\0\0\0\0\0\0\0"
    body = b"AIFF" + common + b"SSND" + struct.pack(">III", 8 + len(sounds), 0, 0) + sounds
    return b"FORM" + struct.pack(">I", len(body)) + body


@pytest.mark.parametrize("name", ["a.aiff", "a.AIF", "a.aifc"])
def test_a_row_of_metadata_finds_a_recording(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(_aiff())
    (tmp_path / "metadata.csv").write_text(f"file_name,label\n{name},dog\n")
    frames, ledger = read_all(tmp_path, imagefolder.FORMAT)
    assert frames[name]["annotations"][0]["labels"] == ["dog"]
    assert ledger.complete
