"""Statistics, schema, samples and groups through the public door, against counting by hand; pages of a draft."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import QueryWarning
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, InvalidPageToken, PageTokenStale
from hyperdatasets.v1 import frame_service_pb2 as pb
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

CITIES = ("bremen", "ulm", "köln")
LABELS = ("car", "person", "bus")


def plain_frames(count: int = 400) -> list[dict[str, Any]]:
    """Frames with values of every type, some of them missing; seeded."""
    rng = random.Random(7)
    frames = []
    for number in range(count):
        rois = [
            {
                "labels": sorted(rng.sample(LABELS, rng.choice((1, 1, 2)))), "confidence": rng.randrange(11) / 10,
                "geometry": {"box": [1, 2, rng.randrange(1, 30), rng.randrange(1, 30)]},
            }
            for _ in range(rng.choice((0, 1, 2, 5)))
        ]  # fmt: skip
        meta: dict[str, Any] = {"n": rng.randrange(50), "mixed": (5, "5", 5.5, True, "true", "x")[number % 6]}
        if number % 4:
            meta |= {"city": CITIES[rng.randrange(3)], "on": f"2024-0{1 + number % 9}-15", "big": (1 << 62) + number}
        source = {"uri": f"file:///{number // 2}.jpg"} | ({"width": 100, "height": 50} if number % 3 else {})
        frames.append({"id": f"f{number:04}", "sources": [source], "annotations": rois, "meta": meta})
    return frames


FRAMES = plain_frames()


@pytest.fixture
def version(client: MetadataClient) -> DatasetVersion:
    Dataset.create("streets", description="of three cities", client=client)
    draft = DatasetVersion.get_current("streets", client=client)
    assert not draft.write(FRAMES)
    return draft


def rois(frames: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(frame, roi) for frame in frames for roi in frame["annotations"]]


@pytest.mark.parametrize("city", [None, *CITIES])
@pytest.mark.parametrize("roi_query", ["", "car", "confidence:>=.5"])
def test_labels_are_counted_under_any_filter(version: DatasetVersion, city: str | None, roi_query: str) -> None:
    chosen = [
        (frame, roi)
        for frame, roi in rois(FRAMES)
        if (city is None or frame["meta"].get("city") == city)
        and {"": True, "car": "car" in roi["labels"]}.get(roi_query, roi["confidence"] >= 0.5)
    ]
    found = version.statistics("rois.label", where=f"meta.city:{city}" if city else "", roi_query=roi_query, pairs=True)
    assert found["counts"] == Counter(label for _, roi in chosen for label in roi["labels"])
    assert found["frame_counts"] == Counter(
        label for _, label in {(frame["id"], label) for frame, roi in chosen for label in roi["labels"]}
    )
    assert (found["elements"], found["missing"], found["distinct"]) == (len(chosen), 0, 3)
    together = {(first, second): (count, frames) for first, second, count, frames in found["pairs"]}
    for (first, second), (count, frames) in together.items():
        assert count == sum({first, second} <= set(roi["labels"]) for _, roi in chosen)
        held = {label: {frame["id"] for frame, roi in chosen if label in roi["labels"]} for label in LABELS}
        assert frames == len(held[first] & held[second])
    assert len(together) == 3


def test_numbers_have_exact_quantiles_and_a_histogram(version: DatasetVersion) -> None:
    widths = [roi["geometry"]["box"][2] for _, roi in rois(FRAMES)]
    shares = [0, 0.1, 1 / 3, 0.5, 0.99, 1]
    found = version.statistics("rois.width", bins=7, quantiles=shares, limit=3)
    assert found["quantiles"] == pytest.approx(np.quantile(widths, shares).tolist(), rel=1e-15)
    counts, edges = np.histogram(widths, bins=7)
    assert [count for _, _, count in found["histogram"]] == counts.tolist()
    assert [low for low, _, _ in found["histogram"]] == edges[:-1].tolist()
    often = sorted(Counter(widths).items(), key=lambda pair: (-pair[1], pair[0]))
    assert found["counts"] == {str(width): count for width, count in often[:3]}
    assert found["distinct"] == len(set(widths))
    assert version.statistics("meta.big", limit=1)["counts"] == {str((1 << 62) + 1): 1}


def test_sizes_of_boxes_and_rois_per_frame(version: DatasetVersion) -> None:
    boxes = [(frame["sources"][0], roi["geometry"]["box"]) for frame, roi in rois(FRAMES)]
    aspect = version.statistics("rois.aspect", quantiles=[0.5])
    assert aspect["quantiles"] == pytest.approx([np.median([box[2] / box[3] for _, box in boxes])])
    areas = [box[2] * box[3] / 5_000 for source, box in boxes if "width" in source]
    relative = version.statistics("rois.relative_area", quantiles=[0.5])
    assert relative["quantiles"] == pytest.approx([np.median(areas)])
    assert (relative["values"], relative["missing"]) == (len(areas), len(boxes) - len(areas))
    for roi_query in ("", "car"):
        per_frame = Counter(
            str(n) for frame in FRAMES
            if (n := sum(not roi_query or "car" in roi["labels"] for roi in frame["annotations"])) or not roi_query
        )  # fmt: skip
        assert version.statistics("num_rois", roi_query=roi_query)["counts"] == per_frame


def test_dates_are_told(version: DatasetVersion) -> None:
    found = version.statistics("meta.on", bins=2, quantiles=[0, 1])
    assert found["dates"]["quantiles"] == [datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 9, 15, tzinfo=UTC)]
    assert sum(count for _, _, count in found["dates"]["histogram"]) == found["dates"]["count"] == 300
    assert found["missing"] == 100
    assert version.statistics("meta.city")["dates"] is None


def test_values_of_several_types_are_counted_together_and_told_apart(version: DatasetVersion) -> None:
    found = version.statistics("meta.mixed")
    assert found["counts"] == {"5": 134, "true": 133, "5.5": 67, "x": 66}
    assert found["distinct"] == 4
    field = version.schema()["meta.mixed"]
    assert field["types"] == ["boolean", "integer", "number", "string"]
    assert (field["count"], field["distinct"], field["top"]) == (400, 4, found["counts"])


def test_the_schema_tells_every_field(version: DatasetVersion) -> None:
    schema = version.schema()
    assert schema["meta.on"]["types"] == ["date", "string"]
    assert (schema["meta.on"]["count"], schema["meta.on"]["distinct"]) == (300, 9)
    assert schema["meta.n"]["types"] == ["integer"]
    assert schema["rois.label"]["count"] == sum(bool(frame["annotations"]) for frame in FRAMES)
    assert schema["sources.width"]["count"] == sum("width" in frame["sources"][0] for frame in FRAMES)
    assert schema["id"]["distinct"] == 400
    ulm = version.schema(frame_query="meta.city:ulm")
    assert ulm["meta.city"]["top"] == {"ulm": ulm["meta.city"]["count"]}


def test_a_field_that_nothing_has_is_told(version: DatasetVersion) -> None:
    with pytest.warns(QueryWarning, match=r"meta.citty: no frame has such a field. Did you mean meta.city"):
        assert version.statistics("meta.citty")["counts"] == {}


def test_statistics_of_ids_are_bounded(version: DatasetVersion) -> None:
    found = version.statistics("id", limit=5)
    assert (len(found["counts"]), found["distinct"]) == (5, 400)
    assert list(found["counts"]) == [f"f000{n}" for n in range(5)]


@pytest.mark.parametrize("limit", [-1, 10_001, 2**31 - 1])
def test_limits_that_are_out_of_range_are_refused(version: DatasetVersion, limit: int) -> None:
    with pytest.raises(InvalidArgument, match="limit: expected a number from 0 to 10,000"):
        version.statistics("id", limit=limit)
    with pytest.raises(InvalidArgument, match="quantiles"):
        version.statistics("meta.n", quantiles=[0.5, float("nan")])
    with pytest.raises(InvalidArgument, match="bins"):
        version.statistics("meta.n", bins=1_001)


def test_samples_are_the_same_with_the_same_seed(version: DatasetVersion) -> None:
    first = version.sample(by="meta.city", per_value=4, seed=1)
    assert [frame.id for frame in first] == [frame.id for frame in version.sample(by="meta.city", per_value=4, seed=1)]
    assert {frame.id for frame in first} != {frame.id for frame in version.sample(by="meta.city", per_value=4, seed=2)}
    assert Counter(frame.meta["city"] for frame in first) == dict.fromkeys(CITIES, 4)
    assert (first.values, first.matching, first.missing) == (3, 400, 100)


def test_a_share_is_taken_of_each_value(version: DatasetVersion) -> None:
    cities = Counter(frame["meta"]["city"] for frame in FRAMES if "city" in frame["meta"])
    found = version.sample(by="meta.city", share=0.1, projection=["meta"])
    assert Counter(frame.meta["city"] for frame in found) == {city: -(-n // 10) for city, n in cities.items()}
    assert len(version.sample(by="meta.city", share=1)) == 300
    labelled = version.sample(by="rois.label", per_value=3, roi_query="confidence:>.8")
    assert 3 <= len(labelled) <= 9
    for label in LABELS:
        assert sum(any(label in each["labels"] for each in frame.annotations) for frame in labelled) >= 3


@pytest.mark.parametrize(
    "asked", [{}, {"per_value": 1, "share": 0.5}, {"share": 1.5}, {"per_value": -1}, {"share": -1}]
)
def test_a_sample_says_how_much(version: DatasetVersion, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"per_value|share"):
        version.sample(by="meta.city", **asked)


@pytest.mark.parametrize("order", ["count", "value"])
def test_groups_come_in_pages_with_their_first_frames(
    version: DatasetVersion, client: MetadataClient, order: str
) -> None:
    expected: dict[str, list[str]] = {}
    for frame in FRAMES:
        expected.setdefault(str(frame["meta"]["n"]), []).append(frame["id"])
    ordered = sorted(expected.items(), key=lambda pair: (order == "count" and -len(pair[1]), int(pair[0])))
    request = pb.GroupFramesRequest(
        dataset="streets", by="meta.n", page_size=7,
        order=pb.GROUP_ORDER_VALUE if order == "value" else pb.GROUP_ORDER_COUNT,
    )  # fmt: skip
    found = []
    while True:
        answer = client.send(request)
        found += [(group.value, group.frames, group.first.frame.id) for group in answer.groups]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert found == [(value, len(ids), ids[0]) for value, ids in ordered]
    assert (answer.total, answer.matching, answer.missing) == (len(ordered), 400, 0)
    listed = list(version.groups("sources.uri", frame_query="id:f000*"))
    assert [(each.value, each.frames, each.first.id) for each in listed] == [
        (f"file:///{n}.jpg", 2, f"f000{2 * n}") for n in range(5)
    ]


def test_groups_of_mixed_values_have_the_frame_that_holds_one(version: DatasetVersion) -> None:
    found = {each.value: (each.frames, each.first.id) for each in version.groups("meta.mixed")}
    assert found == {"5": (134, "f0000"), "true": (133, "f0003"), "5.5": (67, "f0002"), "x": (66, "f0005")}


# --- pages of a draft that is edited meanwhile


class Clock:
    """Milliseconds that pass when told to."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clocked(tmp_path: Path, clock: Clock) -> Iterator[MetadataClient]:
    with Service(ServiceConfig(data=tmp_path / "clocked", port=0), now_ms=clock) as running:
        made = MetadataClient(ClientConfig(service=running.address))
        yield made
        made.close()


def draft_of(client: MetadataClient, count: int = 10) -> DatasetVersion:
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    draft.add_frames(SingleFrame(source=f"file:///{n}.jpg", id=f"f{n}") for n in range(count))
    return draft


@pytest.mark.parametrize("minutes", [0, 9])
def test_pages_of_a_draft_go_on_over_what_it_was(clocked: MetadataClient, clock: Clock, minutes: int) -> None:
    draft = draft_of(clocked)
    request = pb.ListFramesRequest(dataset="d", page_size=4, order_by=pb.SortKey(field="id"))
    answer = clocked.send(request)
    ids = [each.frame.id for each in answer.frames]
    clock.ms += 3_600_000  # nothing was edited meanwhile
    draft.delete_frames(["f0", "f5"])
    draft.add_frames([SingleFrame(source="file:///x.jpg", id="f55")])
    clock.ms += minutes * 60_000
    while answer.next_page_token:
        request.page_token = answer.next_page_token
        answer = clocked.send(request)
        ids += [each.frame.id for each in answer.frames]
    assert ids == [f"f{n}" for n in range(10)]
    assert answer.total == 10
    assert len(list(draft.frames())) == 9


def test_ten_minutes_after_the_edit_a_token_is_stale(clocked: MetadataClient, clock: Clock) -> None:
    draft = draft_of(clocked)
    for request in (
        pb.ListFramesRequest(dataset="d", page_size=4),
        pb.GroupFramesRequest(dataset="d", by="sources.uri", page_size=4),
    ):
        request.page_token = clocked.send(request).next_page_token
        draft.add_frames([SingleFrame(source="file:///y.jpg", id=f"y{type(request).__name__}")])
        clock.ms += 600_001
        with pytest.raises(PageTokenStale, match="begin again without a page token"):
            clocked.send(request)


def test_a_page_token_is_bound_to_query_and_service(version: DatasetVersion, client: MetadataClient) -> None:
    request = pb.GroupFramesRequest(dataset="streets", by="meta.n", page_size=2)
    token = client.send(request).next_page_token
    changed = ({"by": "meta.city"}, {"filter": pb.FrameFilter(frame_query="id:*")}, {"order": pb.GROUP_ORDER_VALUE})
    for change in changed:
        wrong = pb.GroupFramesRequest(**{"dataset": "streets", "by": "meta.n", "page_token": token, **change})
        with pytest.raises(InvalidPageToken, match="another query"):
            client.send(wrong)
    for forged in (token[:-4], token[8:], "AAAA" + token[4:], "not a token", "é" * 100):
        request.page_token = forged
        with pytest.raises(InvalidPageToken, match="begin again without one"):
            client.send(request)
    assert version.refresh().frame_count == 400
