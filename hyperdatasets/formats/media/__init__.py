"""Media files: what they are, their pixels as shown, and small pictures of them."""

from __future__ import annotations

from hyperdatasets.formats.media.model import MAX_PIXELS, Media, NotShown, UnreadableMedia
from hyperdatasets.formats.media.pictures import size_as_shown
from hyperdatasets.formats.media.previews import thumbnail
from hyperdatasets.formats.media.probing import probe, probe_file

__all__ = ["MAX_PIXELS", "Media", "NotShown", "UnreadableMedia", "probe", "probe_file", "size_as_shown", "thumbnail"]
