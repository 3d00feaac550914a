"""Text and its encoding: UTF-8, UTF-16 and UTF-32 with a byte order mark, or a guess that is named as one."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from hyperdatasets.formats.media.model import Media, UnreadableMedia

_LIMIT = 64 << 20  # bytes; of a larger file only the beginning is decoded
_BEGINNING = 1 << 20
_TYPES = {".csv": "text/csv", ".json": "application/json", ".html": "text/html", ".md": "text/markdown"}
_TEXT_SUFFIXES = frozenset({*_TYPES, ".txt", ".text", ".log", ".tsv", ".xml", ".htm", ".yaml", ".yml", ".rst", ".srt"})
_MARKS = (  # the longer marks come first: UTF-32 begins like UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = bytes(range(0x80, 0x100))
_GUESS = "windows-1252"


def text(file: BinaryIO, suffix: str, size_bytes: int) -> Media | None:
    """Describe a text; None for a file that is none.

    For UTF-8 only the characters are given, a byte order mark counts as one. Other encodings are in `extra`; one that
    is guessed has `encoding_guessed` there and a note.
    """
    whole = size_bytes <= _LIMIT
    content = file.read() if whole else file.read(_BEGINNING)
    content_type = _TYPES.get(suffix, "text/plain")
    found = _marked(content, whole=whole) or _utf8(content, whole=whole) or _guessed(content, suffix)
    if found is None:
        return None
    encoding, characters = found
    if not whole:
        note = f"its characters are not counted: it is larger than {_LIMIT >> 20} MiB"
        return Media(content_type, size_bytes, extra=_extra(encoding), notes=(*_notes(encoding), note))
    return Media(content_type, size_bytes, characters=characters, extra=_extra(encoding), notes=_notes(encoding))


def decode(content: bytes, *, encoding: str = "") -> str:
    """Decode a whole text, so that its characters are numbered as they are when it is described.

    Args:
        encoding: as Python names it; empty: that of its byte order mark, or UTF-8.

    Raises:
        UnreadableMedia: it is not text in that encoding.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding or marked)
    except LookupError:
        raise UnreadableMedia(f"Python knows no encoding {encoding!r}") from None
    except UnicodeDecodeError as error:
        raise UnreadableMedia(f"it is not {encoding or marked} text ({error.reason} at byte {error.start})") from None


def _extra(encoding: str) -> dict[str, str | bool]:
    if encoding == "utf-8":
        return {}
    return {"encoding": encoding} | ({"encoding_guessed": True} if _is_guess(encoding) else {})


def _notes(encoding: str) -> tuple[str, ...]:
    if encoding == _GUESS:
        return (f"its encoding is a guess: {_GUESS}; store it as UTF-8 to be sure",)
    if encoding == "unknown-8bit":
        return ("its encoding is unknown: it is not UTF-8; store it as UTF-8",)
    return ()


def _is_guess(encoding: str) -> bool:
    return encoding in {_GUESS, "unknown-8bit"}


def _marked(content: bytes, *, whole: bool) -> tuple[str, int | None] | None:
    """Return the encoding that a byte order mark names, where the text that follows has no control characters."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            characters = _decoded(content, encoding, whole=whole)
            if characters is not None and not _CONTROLS.search(characters):
                return encoding, len(characters)
    return None


def _utf8(content: bytes, *, whole: bool) -> tuple[str, int | None] | None:
    if b"\0" in content:
        return None
    characters = _decoded(content, "utf-8", whole=whole)
    return None if characters is None else ("utf-8", len(characters))


def _decoded(content: bytes, encoding: str, *, whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(content, whole)
    except UnicodeDecodeError:
        return None


def _guessed(content: bytes, suffix: str) -> tuple[str, int | None] | None:
    """Guess an 8-bit encoding: by the suffix of a text, or where few bytes are above 127 and none is a control."""
    if _NO_TEXT.search(content):
        return None
    high = len(content) - len(content.translate(None, _HIGH))
    is_named_text = suffix in _TEXT_SUFFIXES
    if high * 2 <= len(content) and (is_named_text or len(content) >= 32) and _decoded(content, "cp1252", whole=True):
        return _GUESS, len(content)
    return ("unknown-8bit", None) if is_named_text else None
