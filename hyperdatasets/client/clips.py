"""What a position delivers to a user: a frame, or of a view of clips the list of a clip's frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def positions(parts: Iterable[tuple[T | None, int]], *, clips: bool) -> Iterator[Any]:
    """Frames, or lists of them; nothing for a position of which no frame is there.

    Args:
        parts: frames with how many of the same clip follow; None = left out, since it was withdrawn or changed.
        clips: whether lists are wanted, also for a clip of one frame.
    """
    if not clips:
        for frame, _ in parts:
            if frame is not None:
                yield frame
        return
    clip: list[T] = []
    for frame, left in parts:
        if frame is not None:
            clip.append(frame)
        if left:
            continue
        if clip:
            yield clip
        clip = []
