"""The kind of a file, found in its first bytes. The name of the file plays no part."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum, auto

from hyperdatasets.formats.media import gzipped, mpeg_audio

HEAD = 2048  # bytes that `sniff` wants to see; less than the buffer of a file, so that seeking back costs nothing
_NIFTI = "application/x-nifti"
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # sizes of the DIB headers that exist
_PNM = re.compile(rb"P[1-6](?:\s+|\s*#[^\n]*\n)+\d+(?:\s+|\s*#[^\n]*\n)+\d+\s")
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"}
_HEIF = {b"mif1", b"msf1", b"heif"}
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")


class Kind(Enum):
    """The group of files that one reader of headers understands."""

    PICTURE = auto()
    WAVE = auto()
    SOUND = auto()
    VIDEO = auto()
    DICOM = auto()
    NIFTI = auto()
    POINTS = auto()


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the head of a file shows."""

    kind: Kind
    content_type: str


_JPEG = Sniffed(Kind.PICTURE, "image/jpeg")
_DICOM = Sniffed(Kind.DICOM, "application/dicom")


def sniff(head: bytes) -> Sniffed | None:
    """Return the kind that the first `HEAD` bytes show, or None for text and unknown files."""
    if head.startswith(b"\xff\xd8\xff"):  # the most frequent kind
        return _JPEG
    if head[128:132] == b"DICM":  # the bytes before may be those of another format, such as TIFF
        return _DICOM
    for look in (_picture, _riff, _boxes, _sound, _video, _medical, _points):
        if found := look(head):
            return found
    return None


def as_picture(found: Sniffed | None, head: bytes) -> Sniffed | None:
    """What a file with the name of a picture is: a TIFF may be a DICOM file at the same time."""
    return _picture(head) or found if found is _DICOM else found


def _picture(head: bytes) -> Sniffed | None:
    content_type = ""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        content_type = "image/png"
    elif head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        content_type = "image/tiff"
    elif head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0")):
        content_type = "image/jp2"
    elif _is_gif(head):
        content_type = "image/gif"
    elif _is_bmp(head):
        content_type = "image/bmp"
    elif _PNM.match(head):
        content_type = "image/x-portable-anymap"
    return Sniffed(Kind.PICTURE, content_type) if content_type else None


def _is_gif(head: bytes) -> bool:
    """Whether a block follows the screen descriptor and its colour table; no text looks like that."""
    if not head.startswith((b"GIF87a", b"GIF89a")) or len(head) < 13:
        return False
    flags = head[10]
    start = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    return head[start : start + 1] in {b"\x21", b"\x2c", b"\x3b"}


def _is_bmp(head: bytes) -> bool:
    return head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS


def _riff(head: bytes) -> Sniffed | None:
    if head.startswith(_W64):
        return Sniffed(Kind.WAVE, "audio/x-w64")
    if head[:4] not in {b"RIFF", b"RIFX", b"RF64"}:
        return None
    return {
        b"WAVE": Sniffed(Kind.WAVE, "audio/wav"),
        b"WEBP": Sniffed(Kind.PICTURE, "image/webp"),
        b"AVI ": Sniffed(Kind.VIDEO, "video/x-msvideo"),
    }.get(head[8:12])


def _boxes(head: bytes) -> Sniffed | None:
    """Return the kind of an ISO base media file (MP4, MOV, HEIC, AVIF), told by its brands."""
    if head[:1] == b"\0" and head[4:8] in {b"moov", b"mdat", b"wide"}:  # QuickTime before it had brands
        return Sniffed(Kind.VIDEO, "video/quicktime")
    if head[:1] != b"\0" or head[4:8] != b"ftyp":
        return None
    end = min(struct.unpack_from(">I", head)[0], 512)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if brands[0] in {b"crx ", b"jpx ", b"jpm "}:
        return None
    return _still_boxes(brands) or _moving_boxes(brands[0])


def _still_boxes(brands: list[bytes]) -> Sniffed | None:
    if brands[0] not in _HEIC | _HEIF | {b"avif", b"avis"}:
        return None
    if {b"avif", b"avis"} & set(brands):
        return Sniffed(Kind.PICTURE, "image/avif")
    return Sniffed(Kind.PICTURE, "image/heic" if _HEIC & set(brands) else "image/heif")


def _moving_boxes(brand: bytes) -> Sniffed:
    if brand in {b"M4A ", b"M4B ", b"M4P "}:
        return Sniffed(Kind.SOUND, "audio/mp4")
    if brand == b"qt  ":
        return Sniffed(Kind.VIDEO, "video/quicktime")
    return Sniffed(Kind.VIDEO, "video/3gpp" if brand.startswith(b"3g") else "video/mp4")


def _sound(head: bytes) -> Sniffed | None:
    if head.startswith(b"OggS\0"):
        return Sniffed(Kind.VIDEO, "video/ogg") if b"\x80theora" in head[:200] else Sniffed(Kind.SOUND, "audio/ogg")
    if head.startswith((b"fLaC\0\0\0\x22", b"fLaC\x80\0\0\x22")):
        return Sniffed(Kind.SOUND, "audio/flac")
    if head.startswith(b"FORM") and head[8:12] in {b"AIFF", b"AIFC"}:
        return Sniffed(Kind.SOUND, "audio/aiff")
    if mpeg_audio.is_adts(head):
        return Sniffed(Kind.SOUND, "audio/aac")
    if mpeg_audio.is_id3(head) or mpeg_audio.is_mp3(head):
        return Sniffed(Kind.SOUND, "audio/mpeg")
    return None


def _video(head: bytes) -> Sniffed | None:
    content_type = ""
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        content_type = "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    elif head.startswith(b"\0\0\x01\xba"):
        content_type = "video/mpeg"
    elif head.startswith(_ASF):
        content_type = "video/x-ms-asf"
    elif len(head) > 376 and head[0] == head[188] == head[376] == 0x47 and b"\0" in head:
        content_type = "video/mp2t"
    return Sniffed(Kind.VIDEO, content_type) if content_type else None


def _medical(head: bytes) -> Sniffed | None:
    plain = gzipped.beginning(head, 540) if gzipped.is_gzip(head) else head
    return Sniffed(Kind.NIFTI, _NIFTI) if is_nifti(plain) else None


def is_nifti(head: bytes) -> bool:
    """Whether these are the first bytes of a single-file NIfTI volume, version 1 or 2."""
    size = head[:4]
    if size in {struct.pack("<i", 348), struct.pack(">i", 348)}:
        return head[344:348] == b"n+1\0"
    return size in {struct.pack("<i", 540), struct.pack(">i", 540)} and head[4:8] == b"n+2\0"


def _points(head: bytes) -> Sniffed | None:
    if head.startswith(b"# .PCD v") or (head.startswith(b"VERSION") and b"\nFIELDS " in head):
        return Sniffed(Kind.POINTS, "application/x-pcd")
    if re.match(rb"ply\r?\n(?:comment [^\n]*\n)*format (?:ascii|binary_)", head):
        return Sniffed(Kind.POINTS, "application/x-ply")
    return None
