"""The facts of compressed sound: FLAC, MP3, Ogg and Opus, M4A, AAC, AIFF."""

from __future__ import annotations

from typing import Any, BinaryIO

from tinytag import TinyTag, TinyTagException

from hyperdatasets.formats.media import mpeg_audio, sound_ends
from hyperdatasets.formats.media.model import Media, UnreadableMedia


def sound(file: BinaryIO, size_bytes: int, content_type: str) -> Media:
    """Describe a recording.

    Raises:
        UnreadableMedia: its header is damaged, or states a length that the file does not have.
    """
    notes = sound_ends.notes(file, size_bytes, content_type)
    file.seek(0)
    if content_type == "audio/aac":
        samples, rate, channels = mpeg_audio.adts_facts(file)
        length_ms = samples * 1000 // rate
        return Media(content_type, size_bytes, duration_ms=length_ms, extra=_extra(channels, rate), notes=notes)
    try:
        tag = TinyTag.get(file_obj=file, tags=False)
    except (TinyTagException, OSError, ValueError) as error:
        raise UnreadableMedia(f"the recording cannot be read: {error}") from None
    duration, sample_rate = tag.duration, tag.samplerate
    if not duration or duration < 0 or not sample_rate:
        raise UnreadableMedia("the recording cannot be read: its header gives no duration or no sample rate")
    extra = _extra(tag.channels, sample_rate)
    return Media(content_type, size_bytes, duration_ms=round(duration * 1000), extra=extra, notes=notes)


def _extra(channels: int | None, rate: int) -> dict[str, Any]:
    return ({"channels": channels} if channels else {}) | {"sample_rate": rate}
