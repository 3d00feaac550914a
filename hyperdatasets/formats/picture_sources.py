"""The pictures of a frame, for formats that describe nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdatasets.core.frames import Frame, Source
from hyperdatasets.formats.counting import kept_of
from hyperdatasets.formats.ledger import Ledger

NO_PICTURE = "frames without a picture, left out"
NO_PICTURES = "sources that are no pictures, left out"
GROUPS = "groups, written as a picture for each source"


def pictures_of(frame: Frame, ledger: Ledger) -> Sequence[Source]:
    """The sources that are pictures; the ledger names the others, and a frame without a picture with all of it."""
    sources = frame["sources"]
    pictures = [each for each in sources if each.get("content_type", "image/").startswith("image/")]
    if not pictures:
        for kind, count in kept_of(frame).items():
            ledger.lose(kind, frame["id"], NO_PICTURE, count=count)
        return []
    if others := len(sources) - len(pictures):
        ledger.lose("frames", frame["id"], NO_PICTURES, count=others)
    if len(pictures) > 1:
        ledger.lose("frames", frame["id"], GROUPS)
    return pictures
