"""What one position of an order delivers: a frame, a clip (a run of frames of one context), or a frame with one ROI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.dataview import Clip


class FrameKey(NamedTuple):
    """What the sequential order compares; `dataset` is the dataset's number in the view."""

    context_id: str
    timestamp: int | None
    dataset: int
    frame_id: str
    revision: int


def sequence(keys: Sequence[FrameKey]) -> NDArray[np.int64]:
    """Places of the frames in sequential order: strings by UTF-8 bytes, a missing timestamp last; shape (n,)."""
    order = sorted(range(len(keys)), key=lambda place: _comparable(keys[place]))
    return np.array(order, dtype=np.int64)


def clips(keys: Iterable[FrameKey], clip: Clip) -> NDArray[np.int64]:
    """First place of each clip among frames in sequential order, and their number at the end; shape (clips + 1,).

    A clip ends at another context, after `frames` frames, before a frame `length_ms` or more after its first, and
    before a gap of more than `max_gap_ms`. A frame without a context is a clip of its own.
    """
    starts: list[int] = []
    first: FrameKey | None = None
    last: FrameKey | None = None
    place = -1
    for place, key in enumerate(keys):
        if first is None or last is None or not _continues(first, last, key, place - starts[-1], clip):
            starts.append(place)
            first = key
        last = key
    return np.array([*starts, place + 1], dtype=np.int64)


def roi_units(rois_per_frame: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame place and ROI place of each (frame, ROI) pair; both of shape (sum of ROIs,)."""
    frames = np.repeat(np.arange(len(rois_per_frame), dtype=np.int64), rois_per_frame)
    firsts = np.repeat(np.cumsum(rois_per_frame) - rois_per_frame, rois_per_frame)
    return frames, np.arange(len(frames), dtype=np.int64) - firsts


def _comparable(key: FrameKey) -> tuple[bytes, bool, int, int, bytes, int]:
    missing = key.timestamp is None
    return key.context_id.encode(), missing, key.timestamp or 0, key.dataset, key.frame_id.encode(), key.revision


def _continues(first: FrameKey, last: FrameKey, key: FrameKey, length: int, clip: Clip) -> bool:
    if not key.context_id or key.context_id != first.context_id:
        return False
    if clip.frames is not None and length >= clip.frames:
        return False
    if clip.length_ms is None and clip.max_gap_ms is None:
        return True
    if first.timestamp is None or last.timestamp is None or key.timestamp is None:
        return False
    if clip.length_ms is not None and key.timestamp - first.timestamp >= clip.length_ms:
        return False
    return clip.max_gap_ms is None or key.timestamp - last.timestamp <= clip.max_gap_ms
