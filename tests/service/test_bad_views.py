"""Specifications as anybody may send them: a clear error, or a bounded answer while others are served."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, InvalidView, WeightRange
from hyperdatasets.v1 import dataview_service_pb2 as pb

WHERE = "versions: [{dataset: lab/cells, version: v1}]\n"


@pytest.fixture(autouse=True)
def version(client: MetadataClient) -> DatasetVersion:
    use(client)
    Dataset.create("cells", dataset_project="lab")
    draft = DatasetVersion.get_current("cells")
    Dataset.get("cells").add_vector_field("clip", dimensions=2)
    frames = []
    for number in range(40):
        frame = SingleFrame(f"s3://b/{number}", id=f"f{number:02}", context_id=f"c{number % 5}", timestamp=number,
                            metadata={"n": number})  # fmt: skip
        frame.add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["a" if number % 2 else "b"])
        frame.set_vector("clip", [1.0, float(number)])
        frames.append(frame)
    draft.add_frames(frames)
    return DatasetVersion.create_snapshot("cells", publish_name="v1")


def rule(text: str) -> str:
    return f"{WHERE}rules: [{{{text}}}]"


def two_weights(weight: str) -> str:
    return f"{WHERE}rules: [{{weight: 1}}, {{weight: {weight}}}]\niteration: {{order: random, limit: 5}}"


def with_rest(text: str) -> str:
    return f"{WHERE}rules: [{{}}]\n{text}"


BAD: list[tuple[str, str]] = [
    ("", "expected names with values, got nothing"),
    (WHERE, "at least one rule"),
    (f"{WHERE}rules: []", "at least one rule"),
    (f"{WHERE}rules: [{', '.join(['{}'] * 1_001)}]", "1001 entries, 1000 are allowed"),
    (two_weights("0"), "above 0"),
    (two_weights("-1"), "above 0"),
    (two_weights(".nan"), "weight: expected a number"),
    (two_weights(".inf"), "above 0"),
    (two_weights("1" + "0" * 400), "weight: expected a number"),
    (with_rest("iteration: {limit: 9223372036854775808}"), "limit: expected a whole number from 1 to 1099511627776"),
    (with_rest("iteration: {limit: 9223372036854775807, repeat: true, order: random}"), "limit: expected"),
    (with_rest("iteration: {limit: 0}"), "limit: expected"),
    (with_rest("iteration: {limit: -5}"), "limit: expected"),
    (with_rest("iteration: {limit: all}"), "limit: expected"),
    (with_rest("iteration: {seed: 18446744073709551616}"), "seed: expected"),
    (with_rest("iteration: {clip: {frames: 0}}"), "frames: expected a whole number from 1 to 10000"),
    (with_rest("iteration: {clip: {length_ms: 0}}"), "length_ms: expected"),
    (with_rest("iteration: {clip: {frames: 99999999999999999999}}"), "frames: expected"),
    (rule("roi_rules: [{query: a, count: [0, 99999999999999999999]}]"), "count: expected two"),
    (rule("roi_rules: [{query: a, count: [4294967296, null]}]"), "count: expected two whole numbers up to 2147483647"),
    (rule("roi_rules: [{query: a, count: [-2, 5]}]"), "count: expected two whole numbers"),
    (rule("roi_rules: [{query: a, confidence: [.nan, 1]}]"), "confidence: expected two numbers"),
    (rule("roi_rules: [{query: a, confidence: [0, .inf]}]"), "confidence: expected two numbers"),
    (rule("vector: {field: clip, near: f01, k: 0}"), "k: expected a whole number from 1 to 100000"),
    (rule("vector: {field: clip, near: f01, k: 1000000000000}"), "k: expected"),
    (rule("vector: {field: clip, near: [], k: 1}"), "near: expected"),
    (rule("vector: {field: clip, near: [.nan, 1], k: 1}"), "near: expected"),
    (rule("vector: {field: clip, near: [1, .inf], k: 1}"), "near: expected"),
    (rule(f"vector: {{field: clip, near: [1{'0' * 400}, 1], k: 1}}"), "near: expected"),
    (rule("vector: {field: clip, near: [1, 2, 3], k: 1}"), "expected 2 numbers, got 3"),
    (rule("vector: {field: clip, near: [0, 0], k: 1}"), "no direction"),
    (rule("split: {by: id, share: [0, 1.1]}"), "share: expected two numbers from 0 to 1"),
    (rule("split: {by: id, share: [-0.1, 1]}"), "share: expected"),
    (rule("split: {by: id, share: [0.5, 0.5]}"), "share: expected"),
    (rule("split: {by: id, share: [.nan, 1]}"), "share: expected"),
    (rule("split: {share: [0, 1]}"), "by: expected the name of a field"),
    (with_rest("labels: {a: 1, a: 2}"), "`a` stands here a second time"),
    ('{"rules": [{}], "labels": {"a": 1, "a": 2}}', "`a` stands in one object more than once"),
    (with_rest("labels: {a: 9223372036854775807}"), "labels.a: expected a whole number from -1 to 2147483647"),
    (with_rest("labels: {a: -2}"), "labels.a: expected"),
    (with_rest("mapping: [{from: [], to: b}]"), "from: expected a list of labels"),
    (with_rest("x: &all [1]\ny: *all"), "YAML aliases"),
    (with_rest("x: !!python/object/apply:os.system [ls]"), "YAML tags"),
    (with_rest("description: " + "[" * 100_000), "nest"),
    ('{"rules": ' + "[" * 100_000, "nest"),
    (" " * (1 << 20) + "x", "characters, 1048576 are allowed"),
    ('{"rules": [{}], "labels": {' + '"x":1,' * 200_000, "1048576 are allowed"),
]  # fmt: skip


def test_every_mistake_is_named(client: MetadataClient) -> None:
    for text, message in BAD:
        with pytest.raises(InvalidArgument) as raised:
            client.send(pb.ResolveDataViewRequest(target=pb.ViewOrSpec(spec=text)))
        assert message in raised.value.message, text[:200]


def test_weights_that_are_too_far_apart() -> None:
    for weight in ("1.0e+300", "1.0e-300", "65536.5"):
        with pytest.raises(WeightRange, match="below 1/65536"):
            DataView.from_yaml(two_weights(weight)).get_count()
    view = DataView.from_yaml(two_weights("1.0e+300").replace("{weight: 1}", "{weight: 1.0e+300}"))
    assert len(view) == 5


@pytest.mark.slow
def test_a_thousand_rules_leave_room_for_others(client: MetadataClient) -> None:
    rules = [{"frame_query": f"meta.n:[{n % 40} TO 39]", "roi_rules": [{"query": "a"}], "weight": 1 + n % 3}
             for n in range(1_000)]  # fmt: skip
    view = DataView("many")
    view.set(versions=[{"dataset": "lab/cells", "version": "v1"}], rules=rules,
             iteration={"order": "random", "limit": 100, "repeat": True})  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(view.publish)
        served = 0
        while not published.done():
            client.who_am_i()
            served += 1
        published.result()
    assert served > 3
    assert view.verify() == (True, [])
    assert sum(1 for _, _ in zip(view, range(250), strict=False)) == 250


@pytest.mark.slow
def test_the_largest_limits_are_positions_like_any_other(client: MetadataClient) -> None:
    view = DataView.from_yaml(
        f"name: far\n{rule('')}\niteration: {{order: random, repeat: true, limit: 1099511627776}}"
    )
    view.publish()
    far = [frame.id for frame, _ in zip(view.get_iterator(start=(1 << 40) - 3), range(3), strict=False)]
    assert len(set(far)) == 3
    last = next(view.get_iterator(start=(1 << 40) - 1, num_workers=1_000_000, worker_index=999_999))
    assert last.id.startswith("f")
    once = DataView.from_yaml(f"{rule('')}\niteration: {{order: random, limit: 1099511627776}}")
    assert (len(once), sum(1 for _ in once)) == (40, 40)
    assert list(once.get_iterator(start=1 << 39)) == []
    for wrong in (
        {"start": 1 << 40}, {"start": -1}, {"num_workers": 1_000_001}, {"num_workers": 2, "worker_index": 2},
        {"worker_index": -1},
    ):  # fmt: skip
        with pytest.raises(InvalidArgument, match="at most"):
            next(view.get_iterator(**wrong))


def test_a_cycle_of_labels_swaps_them() -> None:
    view = DataView.from_yaml(f"{rule('')}\nmapping: [{{from: [a], to: b}}, {{from: [b], to: a}}]")
    shown = {frame.id: frame.annotations[0]["labels"] for frame in view}
    assert (shown["f00"], shown["f01"]) == (["a"], ["b"])
    assert view.resolve().labels == {"a": 1, "b": 2}


def test_labels_may_share_a_number() -> None:
    view = DataView.from_yaml(f"{rule('')}\nlabels: {{a: 7, b: 7}}")
    assert {tuple(frame.annotations[0]["label_ids"]) for frame in view} == {(7,)}


@pytest.mark.slow
def test_a_large_specification_is_read_at_once(client: MetadataClient) -> None:
    labels = {f"label {number}": number for number in range(40_000)}
    view = DataView("large")
    view.set(versions=[{"dataset": "lab/cells", "version": "v1"}], rules=[{}], labels=labels)
    assert view.resolve().labels == labels
    again = DataView.from_yaml(view.to_yaml())
    assert again.spec["labels"] == labels


@pytest.mark.parametrize("make", [json.dumps, str])
def test_what_is_no_specification(client: MetadataClient, make: Callable[[Any], str]) -> None:
    for value in ([], [1], 5, "text", True):
        with pytest.raises(InvalidView, match="expected names with values"):
            client.send(pb.CreateDataViewRequest(project="lab", name="x", spec=make(value)))
