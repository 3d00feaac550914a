"""The facts of a video: size as shown, frame rate, frames and duration. Needs the extra `video` (PyAV)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from hyperdatasets.formats.media import boxes, video_ends
from hyperdatasets.formats.media.model import Media, UnreadableMedia, check_pixels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

NEEDED = "its size and duration are unknown here: install them with `pip install 'hyperdatasets[video]'`"
_MAX_COUNTED = 1 << 30  # bytes; a larger file is not read through to count its frames
_DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/ogg": "ogg",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "video/x-ms-asf": "asf",
}


def demuxer(content_type: str) -> str:
    """Return the only FFmpeg demuxer that may read the file: playlists and other files inside it are never followed."""
    return _DEMUXERS[content_type]


def video(file: BinaryIO, size_bytes: int, content_type: str) -> Media:
    """Describe a video; without PyAV only its content type and its size in bytes.

    Raises:
        UnreadableMedia: it is cut or damaged.
    """
    in_boxes = demuxer(content_type) == "mov"
    if video_ends.is_cut(file, size_bytes, demuxer(content_type)):
        raise UnreadableMedia("the video is cut: it is shorter than it says")
    notes = video_ends.notes(file, size_bytes, demuxer(content_type))
    try:
        import av  # noqa: PLC0415  # an extra: loaded when it is asked for
    except ImportError:
        return Media(content_type, size_bytes, notes=(NEEDED,))
    turned = in_boxes and boxes.is_turned(file, size_bytes)
    file.seek(0)
    try:
        with av.open(file, "r", format=demuxer(content_type), metadata_errors="ignore") as container:
            return replace(_described(container, size_bytes, content_type, turned=turned), notes=notes)
    except (av.FFmpegError, ValueError, OSError, RuntimeError, AttributeError) as error:  # a stream without a decoder
        raise UnreadableMedia(f"the video cannot be read: {error}") from None


def _described(container: InputContainer, size_bytes: int, content_type: str, *, turned: bool) -> Media:
    duration = None if container.duration is None else max(0, container.duration // 1000)
    if not container.streams.video:
        return _sound_only(container, size_bytes, content_type, duration)
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    check_pixels(width, height)
    width, height = (height, width) if turned else (width, height)
    extra = {"frame_rate": _frame_rate(stream), "frames": _frames(container, stream, size_bytes)}
    known = {name: value for name, value in extra.items() if value}
    return Media(content_type, size_bytes, width, height, duration_ms=duration, extra=known)


def _sound_only(container: InputContainer, size_bytes: int, content_type: str, duration: int | None) -> Media:
    if not container.streams.audio:
        raise UnreadableMedia("the video cannot be read: it has neither pictures nor sound")
    codec = container.streams.audio[0].codec_context
    extra: dict[str, Any] = {"channels": codec.channels, "sample_rate": codec.sample_rate}
    return Media(content_type.replace("video/", "audio/"), size_bytes, duration_ms=duration, extra=extra)


def _frame_rate(stream: VideoStream) -> float | None:
    rate = stream.average_rate
    return round(float(rate), 3) if rate else None


def _frames(container: InputContainer, stream: VideoStream, size_bytes: int) -> int | None:
    """Return the number of frames: by the header, or else by counting the packets without decoding them."""
    if stream.frames:
        return stream.frames
    if size_bytes > _MAX_COUNTED:
        return None
    return sum(1 for packet in container.demux(stream) if packet.size)
