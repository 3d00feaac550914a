"""Clips: a position delivers a run of frames of one context."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidView
from hyperdatasets.v1 import dataview_service_pb2 as pb

# Part of the format: these are never changed.
GOLDEN = [
    ["c03"], ["a06"], ["a03", "a04", "a05"], ["a00", "a01", "a02"], ["c00", "c01", "c02"], ["b00", "b01", "b02"],
    ["b06", "b07", "b08"], ["b03", "b04", "b05"],
]  # fmt: skip


@pytest.fixture(autouse=True)
def version(client: MetadataClient) -> DatasetVersion:
    """Videos of 7, 9 and 4 frames, 40 ms apart, written in no order; every second frame shows a car."""
    use(client)
    Dataset.create("drives", dataset_project="road")
    frames = []
    for context, count in (("b", 9), ("a", 7), ("c", 4)):
        for number in reversed(range(count)):
            frame = SingleFrame(f"s3://b/{context}{number}", id=f"{context}{number:02}", context_id=context,
                                timestamp=number * 40, metadata={"n": number})  # fmt: skip
            frame.add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["car" if number % 2 else "bus"])
            frames.append(frame)
    DatasetVersion.get_current("drives").add_frames(frames)
    return DatasetVersion.create_snapshot("drives", publish_name="v1")


def view_of(name: str = "v", rules: list[dict[str, Any]] | None = None, **iteration: Any) -> DataView:
    view = DataView(name)
    view.add_version(dataset_name="road/drives", version_name="v1")
    view.set(rules=rules or [{}], iteration={"clip": {"frames": 3}, **iteration})
    return view


def ids(view: DataView, **how: Any) -> list[list[str]]:
    return [[frame.id for frame in clip] for clip in view.get_iterator(**how)]


def test_a_position_is_a_clip_in_order() -> None:
    view = view_of()
    expected = [
        ["a00", "a01", "a02"], ["a03", "a04", "a05"], ["a06"], ["b00", "b01", "b02"], ["b03", "b04", "b05"],
        ["b06", "b07", "b08"], ["c00", "c01", "c02"], ["c03"],
    ]  # fmt: skip
    assert ids(view) == expected
    assert len(view) == 8
    assert view.resolve().frames == 20
    view.publish()
    assert ids(view) == expected
    assert [[each["id"] for each in clip] for clip in view.to_dict(projection=["id"])] == expected
    assert ids(view, start=3) == expected[3:]
    limited = view_of("limited", limit=2).publish()
    assert ids(limited) == expected[:2]


def test_the_random_order_is_frozen() -> None:
    view = view_of(order="random", seed=5).publish()
    assert ids(view) == GOLDEN
    assert view.verify() == (True, [])
    for start in range(len(GOLDEN)):
        assert ids(view, start=start) == GOLDEN[start:]


def test_ranks_share_the_clips() -> None:
    view = view_of(order="random", seed=5).publish()
    ranks = [ids(view, num_workers=3, worker_index=rank) for rank in range(3)]
    assert Counter(str(clip) for rank in ranks for clip in rank) == Counter(map(str, GOLDEN))


def test_clips_of_what_rules_select_and_weights_count_clips() -> None:
    rules = [{"frame_query": "context_id:a", "weight": 3}, {"frame_query": "context_id:(b OR c) AND rois.label:bus"}]
    view = view_of(rules=rules, order="random", limit=20, repeat=True, clip={"frames": 2}).publish()
    first = [clip for clip, _ in zip(ids_without_end(view), range(20), strict=False)]
    of_a = sum(clip[0][0] == "a" for clip in first)
    assert abs(of_a - 15) < 1
    assert {tuple(clip) for clip in first if clip[0][0] == "b"} <= {("b00", "b02"), ("b04", "b06"), ("b08",)}


def ids_without_end(view: DataView) -> Any:
    return ([frame.id for frame in clip] for clip in view)


def test_clips_by_time() -> None:
    assert ids(view_of(rules=[{"frame_query": "context_id:c"}], clip={"length_ms": 80})) == [
        ["c00", "c01"],
        ["c02", "c03"],
    ]
    gaps = view_of(rules=[{"frame_query": "context_id:a AND NOT meta.n:3"}], clip={"frames": 9, "max_gap_ms": 50})
    assert ids(gaps) == [["a00", "a01", "a02"], ["a04", "a05", "a06"]]


def test_withdrawn_frames_leave_their_clip_and_positions_stay() -> None:
    view = view_of(order="random", seed=5).publish()
    Dataset.get("drives").withdraw_frames(["b07", "c03"], why="consent")
    assert ids(view) == [[frame for frame in clip if frame not in {"b07", "c03"}] for clip in GOLDEN if clip != ["c03"]]
    assert view.withdrawn == 2
    positions = {
        entry.position
        for answer in view._client.stream(pb.ReadDataViewRequest(target=pb.ViewOrSpec(view="v")))
        for entry in answer.entries
    }
    assert positions == set(range(8))


def test_the_sdk_declares_them_and_says_what_is_wrong() -> None:
    view = view_of()
    view.set_iteration_parameters(clip_length=9)
    assert [len(clip) for clip in view] == [7, 9, 4]
    for wrong, said in (
        ({"frames": 0}, "frames: expected a whole number from 1"), ({"length_ms": -4}, "length_ms: expected"),
        ({"frames": 10_001}, "to 10000"), ({"max_gap_ms": 5}, "beside `max_gap_ms`"), ({"frames": 2.5}, "whole number"),
        ({"farmes": 2}, "Did you mean frames"),
    ):  # fmt: skip
        with pytest.raises(InvalidView, match=said):
            view_of(clip=wrong).get_count()
    view.set_iteration_parameters(clip_length=0)
    with pytest.raises(InvalidView, match="from 1"):
        view.get_count()
    both = view_of()
    both.set(output_rois="frame_per_roi")
    with pytest.raises(InvalidView, match="exclude each other"):
        both.get_count()


def test_exports_of_clips_hold_their_frames(tmp_path: Any) -> None:
    assert view_of().export(tmp_path / "x.jsonl").frames["written"] == 20
