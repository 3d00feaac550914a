"""The description of a media file: content type, size, measures and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_PIXELS = 178_000_000
OCTETS = "application/octet-stream"
MEASURED = frozenset({
    "duration_ms", "characters", "pages", "frames", "channels", "sample_rate", "codec", "encoding", "points", "fields",
    "faces", "encoding_guessed", "frame_rate",
})  # fmt: skip
"""Names in `meta` of a source that are measured from its file."""
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


class UnreadableMedia(ValueError):
    """The file cannot be read as what it is, or as what its name says; the message gives the reason without a path."""


class NotShown(UnreadableMedia):
    """The file is sound, but there is no rule by which it could be shown with 8 bits."""


@dataclass(frozen=True, slots=True)
class Media:
    """The content type and the measures of a file.

    Attributes:
        width: pixels as shown, after the EXIF orientation or the rotation of a video was applied.
        height: as `width`.
        orientation: the EXIF orientation of the stored pixels, 1 to 8.
        extra: facts that become metadata of the source, such as `pages`, `frames`, `channels` and `encoding`.
        site_only: facts of medical files that leave a site only where its policy lists them.
        notes: sentences for the user, such as that the encoding of a text is a guess.
        unknown: whether neither a known header nor text was found.
    """

    content_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    characters: int | None = None
    orientation: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    site_only: Mapping[str, Any] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def stored_size(self) -> tuple[int, int] | None:
        """Width and height of the stored pixels, before the EXIF orientation was applied."""
        if self.width is None or self.height is None:
            return None
        shown = (self.width, self.height)
        return shown[::-1] if self.orientation in _TURNED else shown

    def to_plain(self) -> dict[str, object]:
        """Return the fields of a source; facts that have no field of their own are in `meta`."""
        plain: dict[str, object] = {"content_type": self.content_type, "size_bytes": self.size_bytes}
        if self.width and self.height:
            plain |= {"width": self.width, "height": self.height}
        measured = {"duration_ms": self.duration_ms, "characters": self.characters, **self.extra}
        meta = {name: value for name, value in measured.items() if value is not None}
        return plain | ({"meta": meta} if meta else {})


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture that is empty or larger than `MAX_PIXELS`.

    Raises:
        UnreadableMedia: always with the size that the header claims.
    """
    if width < 1 or height < 1:
        raise UnreadableMedia(f"its header claims {width} x {height} pixels; at least one is needed")
    if width * height > MAX_PIXELS:
        raise UnreadableMedia(f"{width} x {height} pixels; at most {MAX_PIXELS} in all are allowed")


def shown_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return the size of a picture after its EXIF orientation was applied."""
    return (height, width) if orientation in _TURNED else (width, height)
