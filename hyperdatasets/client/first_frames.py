"""The first frames of a version or a data view, as a notebook shows them: small pictures with their objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from hyperdatasets.client.clips import Delivered
from hyperdatasets.client.frame_pages import thumbnail
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.core.thumbnails import grid

COUNT = 8
SHOWING_S = 2.0  # deadline: what a notebook shows never waits for long
_SIDE = 160  # pixels


def pictures(read: Callable[[], Iterator[Delivered]]) -> str:
    """A grid of the first frames whose pixels are at hand, as HTML; empty if there are none, or nobody answers."""
    try:
        first = list(islice(read(), COUNT))
    except HyperdatasetsError:
        return ""
    frames = [each[0] if isinstance(each, list) else each for each in first]
    shown = [(_caption(frame), content) for frame in frames if (content := thumbnail(frame, side=_SIDE))]
    return grid(shown, side=_SIDE) if shown else ""


def _caption(frame: AnyFrame) -> str:
    labels = dict.fromkeys(label for each in frame.annotations for label in each["labels"])
    return ", ".join(labels) or frame.id
