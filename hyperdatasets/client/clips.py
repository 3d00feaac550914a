"""What a position delivers to a user: a frame, or of a view of clips the list of a clip's frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hyperdatasets.client.groups import AnyFrame

Delivered = AnyFrame | list[AnyFrame]
"""What a position of a view delivers: a frame, or of a view of clips the list of a clip's frames."""


def position_of(delivered: Delivered) -> int:
    """The position in the view's order."""
    first = delivered[0] if isinstance(delivered, list) else delivered
    return first.position or 0


def positions(parts: Iterable[tuple[AnyFrame | None, int]], *, clips: bool) -> Iterator[Delivered]:
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
    clip: list[AnyFrame] = []
    for frame, left in parts:
        if frame is not None:
            clip.append(frame)
        if left:
            continue
        if clip:
            yield clip
        clip = []
