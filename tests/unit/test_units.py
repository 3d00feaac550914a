"""What one position of an order delivers."""

from __future__ import annotations

import numpy as np

from hyperdatasets.core.dataview import Clip
from hyperdatasets.core.units import FrameKey, clips, roi_units, sequence


def key(context: str = "a", time: int | None = 0, dataset: int = 0, frame: str = "f", revision: int = 0) -> FrameKey:
    return FrameKey(context, time, dataset, frame, revision)


def test_sequence_compares_bytes_and_puts_missing_times_last() -> None:
    keys = [
        key("b"),
        key("a", None),
        key("a", 5),
        key("a", -5),
        key("é"),
        key("z"),
        key("a", 5, 1),
        key("a", 5, 0, "g"),
    ]
    assert sequence(keys).tolist() == [3, 2, 7, 6, 1, 0, 5, 4]
    assert sequence([]).tolist() == []


def cut(times: list[int | None], clip: Clip, context: str = "a") -> list[int]:
    return clips([key(context, time) for time in times], clip).tolist()


def test_clips_by_frames() -> None:
    assert cut([0, 1, 2, 3, 4], Clip(frames=2)) == [0, 2, 4, 5]
    assert clips([key("a"), key("b"), key("b"), key("c")], Clip(frames=9)).tolist() == [0, 1, 3, 4]


def test_clips_by_length_and_gap() -> None:
    assert cut([0, 40, 80, 120], Clip(length_ms=80)) == [0, 2, 4]
    assert cut([0, 40, 500, 540], Clip(frames=9, max_gap_ms=40)) == [0, 2, 4]


def test_frames_without_context_or_time_are_clips_of_their_own() -> None:
    assert cut([0, 1], Clip(frames=9), context="") == [0, 1, 2]
    assert cut([0, None], Clip(length_ms=100)) == [0, 1, 2]
    assert cut([], Clip(frames=2)) == [0]


def test_roi_units() -> None:
    frames, rois = roi_units(np.array([2, 0, 3]))
    assert frames.tolist() == [0, 0, 2, 2, 2]
    assert rois.tolist() == [0, 1, 0, 1, 2]
