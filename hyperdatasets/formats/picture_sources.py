"""The pictures of a frame, for formats that describe nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdatasets.core.frames import Frame, Source
from hyperdatasets.formats.counting import kept_of
from hyperdatasets.formats.ledger import Ledger

NO_PICTURE = "frames without a picture, left out"
NO_PICTURES = "sources that are no pictures, left out"
ELSEWHERE = "annotations of sources that are no pictures, left out"
GROUPS = "groups, written as a picture for each source"


def pictures_of(frame: Frame, ledger: Ledger) -> Sequence[Source]:
    """The sources that are pictures; the ledger names the others, and a frame without a picture with all of it."""
    sources, pictures = frame["sources"], _pictures(frame)
    if not pictures:
        for kind, count in kept_of(frame).items():
            ledger.lose(kind, frame["id"], NO_PICTURE, count=count)
        return []
    if others := len(sources) - len(pictures):
        ledger.lose("frames", frame["id"], NO_PICTURES, count=others)
    if len(pictures) > 1:
        ledger.lose("frames", frame["id"], GROUPS)
    return pictures


def of_pictures(frame: Frame, ledger: Ledger) -> Frame:
    """The frame without the annotations that are on none of its pictures, if it has any; the ledger names them."""
    names = {source["id"] for source in _pictures(frame)}
    annotations = frame.get("annotations", [])
    others = [each for each in annotations if names and names.isdisjoint(each.get("sources", names))]
    if not others:
        return frame
    for kind, count in kept_of({"id": frame["id"], "sources": [], "annotations": others}).items():
        if kind != "frames":
            ledger.lose(kind, frame["id"], ELSEWHERE, count=count)
    return {**frame, "annotations": [each for each in annotations if each not in others]}


def _pictures(frame: Frame) -> Sequence[Source]:
    return [each for each in frame["sources"] if each.get("content_type", "image/").startswith("image/")]
