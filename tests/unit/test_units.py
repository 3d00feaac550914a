"""What one position of an order delivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.dataview import Clip
from hyperdatasets.core.units import FrameKeys, clips, sequence


class Key(NamedTuple):
    context: str
    time: int | None
    dataset: int
    frame: str


def key(context: str = "a", time: int | None = 0, dataset: int = 0, frame: str = "f") -> Key:
    return Key(context, time, dataset, frame)


def columns(keys: Sequence[Key]) -> FrameKeys:
    known = sorted({each.context for each in keys} - {""}, key=str.encode)
    contexts = [known.index(each.context) + 1 if each.context else 0 for each in keys]
    return FrameKeys(
        np.array(contexts, np.int64), np.array([each.time or 0 for each in keys], np.int64),
        np.array([each.time is not None for each in keys], bool), np.array([each.dataset for each in keys], np.int64),
        lambda places: [keys[place].frame.encode() for place in places.tolist()],
    )  # fmt: skip


def by_definition(keys: Sequence[Key]) -> list[int]:
    def compared(place: int) -> tuple[bytes, bool, int, int, bytes]:
        context, time, dataset, frame = keys[place]
        return context.encode(), time is None, time or 0, dataset, frame.encode()

    return sorted(range(len(keys)), key=compared)


@given(st.lists(st.builds(
    Key, st.sampled_from(["", "a", "b", "\u00e9"]), st.none() | st.integers(-2, 2), st.integers(0, 1),
    st.text(st.characters(max_codepoint=300), max_size=3) | st.text("ab", min_size=70, max_size=72),
), max_size=30))  # fmt: skip
def test_the_sequence_is_the_definition(keys: list[Key]) -> None:
    assert sequence(columns(keys)).tolist() == by_definition(keys)


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
    assert sequence(columns(keys)).tolist() == [3, 2, 7, 6, 1, 0, 5, 4]
    assert sequence(columns([])).tolist() == []


def cut(times: list[int | None], clip: Clip, context: str = "a") -> list[int]:
    return clips(columns([key(context, time) for time in times]), clip).tolist()


def test_clips_by_frames() -> None:
    assert cut([0, 1, 2, 3, 4], Clip(frames=2)) == [0, 2, 4, 5]
    assert clips(columns([key("a"), key("b"), key("b"), key("c")]), Clip(frames=9)).tolist() == [0, 1, 3, 4]


def test_clips_by_length_and_gap() -> None:
    assert cut([0, 40, 80, 120], Clip(length_ms=80)) == [0, 2, 4]
    assert cut([0, 40, 500, 540], Clip(frames=9, max_gap_ms=40)) == [0, 2, 4]


def test_frames_without_context_or_time_are_clips_of_their_own() -> None:
    assert cut([0, 1], Clip(frames=9), context="") == [0, 1, 2]
    assert cut([0, None], Clip(length_ms=100)) == [0, 1, 2]
    assert cut([], Clip(frames=2)) == [0]
