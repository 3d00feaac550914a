"""Probing: what a file is, found in its content and not in its name, without decoding it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from hyperdatasets.formats.media.medical import dicom, nifti
from hyperdatasets.formats.media.model import OCTETS, Media, UnreadableMedia
from hyperdatasets.formats.media.opening import NotAPicture
from hyperdatasets.formats.media.pictures import picture
from hyperdatasets.formats.media.points import points
from hyperdatasets.formats.media.recordings import recording
from hyperdatasets.formats.media.sniffing import HEAD, Kind, Sniffed, as_picture, sniff
from hyperdatasets.formats.media.sounds import sound
from hyperdatasets.formats.media.texts import text
from hyperdatasets.formats.media.videos import video
from hyperdatasets.formats.suffixes import PICTURES

_TEXTUAL = frozenset({".wav", ".pcd", ".ply"})  # suffixes whose files are damaged, not texts
_PDF = b"%PDF-"
_READERS: dict[Kind, Callable[[BinaryIO, int, str], Media]] = {
    Kind.PICTURE: picture,
    Kind.WAVE: recording,
    Kind.SOUND: sound,
    Kind.VIDEO: video,
    Kind.DICOM: lambda file, size_bytes, _: dicom(file, size_bytes),
    Kind.NIFTI: lambda file, size_bytes, _: nifti(file, size_bytes),
    Kind.POINTS: points,
}


def probe(file: BinaryIO, name: str, size_bytes: int) -> Media:
    """Describe an open file; `name` only decides what the content must not contradict.

    Raises:
        UnreadableMedia: the file is empty, cut, too large, or not what its name says.
    """
    if size_bytes == 0:
        raise UnreadableMedia("the file is empty")
    head = file.read(HEAD)
    file.seek(0)
    suffix, found = _suffix(name), sniff(head)
    if suffix in PICTURES:
        return _named_picture(file, size_bytes, as_picture(found, head))
    if suffix == ".wav" and (found is None or found.kind is not Kind.WAVE):
        raise UnreadableMedia("named like a recording (.wav), but it is none")
    if head.startswith(_PDF):
        return Media("application/pdf", size_bytes)
    if found is None:
        return _text_or_bytes(file, suffix, size_bytes)
    try:
        return _READERS[found.kind](file, size_bytes, found.content_type)
    except UnreadableMedia as error:
        file.seek(0)
        return _text_after_all(file, suffix, size_bytes, error)


def probe_file(path: Path) -> tuple[Media | None, str]:
    """Return what the file at a path is, or else None and the reason why it cannot be found out."""
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


def _suffix(name: str) -> str:
    """Return the suffix in small letters, as `Path(name).suffix` has it, for a tenth of the time."""
    stem, dot, end = name.rpartition("/")[2].rpartition(".")
    return f".{end.lower()}" if stem and dot else ""


def _named_picture(file: BinaryIO, size_bytes: int, found: Sniffed | None) -> Media:
    if found is not None and found.kind is not Kind.PICTURE:
        raise UnreadableMedia(f"named like a picture, but its content is none: it is {found.content_type}")
    return picture(file, size_bytes, found.content_type if found else "")


def _text_after_all(file: BinaryIO, suffix: str, size_bytes: int, error: UnreadableMedia) -> Media:
    """Return a text that begins like a picture or a recording ("RIFF is WAVE"); no such file holds UTF-8 only."""
    if isinstance(error, NotAPicture):
        return _text_or_bytes(file, suffix, size_bytes)
    found = None if suffix in _TEXTUAL else text(file, suffix, size_bytes)
    if found is None or found.extra:
        raise error
    return found


def _text_or_bytes(file: BinaryIO, suffix: str, size_bytes: int) -> Media:
    return text(file, suffix, size_bytes) or Media(OCTETS, size_bytes, unknown=True)
