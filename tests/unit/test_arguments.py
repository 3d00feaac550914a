"""What users give, as what is kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdatasets.client.annotations import ImageAnnotation
from hyperdatasets.client.arguments import milliseconds, normal, plain, roi_query, texts
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.groups import FrameGroup
from hyperdatasets.core.errors import InvalidArgument, InvalidFrame


@pytest.mark.parametrize(
    ("given", "kept"),
    [("cat", ["cat"]), (["cat"], ["cat"]), (("a", "b"), ["a", "b"]), ([], []), (np.array(["a", "b"]), ["a", "b"])],
)
def test_one_text_is_a_list_of_one(given: Any, kept: list[str]) -> None:
    assert texts(given) == kept


@pytest.mark.parametrize("given", [5, None, [1], [None]])
def test_what_is_no_text_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgument, match="tags: expected"):
        texts(given, "tags")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True), (np.array([[1, 2]]), [[1, 2]]),
        (Path("a/b.png"), "a/b.png"), (date(2024, 10, 20), "2024-10-20"),
        (datetime(2024, 10, 20, 1, 2, tzinfo=UTC), "2024-10-20T01:02:00+00:00"),
        (np.datetime64("2024-10-20T01:02:03.5", "ns"), "2024-10-20T01:02:03.500000"),
        (np.array(["2024-10-20"], "M8[D]"), ["2024-10-20T00:00:00"]), (np.array([Path("x")]), ["x"]),
        ({"a": (np.int8(1), [Path("x")])}, {"a": [1, ["x"]]}), ("text", "text"), (None, None),
    ],
)  # fmt: skip
def test_values_are_kept_as_what_they_are(given: Any, kept: Any) -> None:
    assert plain(given) == kept
    assert type(plain(given)) is type(kept)


def test_times_are_milliseconds() -> None:
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 1)) == 1000  # noqa: DTZ001  # without a zone
    assert milliseconds(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert milliseconds(np.datetime64(1, "s")) == milliseconds(np.datetime64(10**9, "ns")) == 1000
    assert (milliseconds(5), milliseconds(None), milliseconds(np.int64(7))) == (5, None, 7)


def test_frames_take_them_everywhere() -> None:
    box = np.array([1, 2, 3, 4], np.float32)
    frame = SingleFrame(
        Path("pictures/a.png"), width=np.int32(64), height=64, timestamp=datetime(1970, 1, 1, tzinfo=UTC),
        metadata={"score": np.float64(0.5), "day": date(2024, 1, 2)},
        annotations=[ImageAnnotation(labels="cat", box2d_xywh=box, confidence=np.float32(0.5))],
    )  # fmt: skip
    frame.add_annotation(labels="dog", points2d_xy=np.array([1.0, 2.0]), metadata={"n": np.int64(2)})
    frame.metadata["late"] = np.arange(3)
    kept = frame.to_plain()
    assert (kept["sources"][0]["uri"], kept["sources"][0]["width"], kept["timestamp"]) == ("pictures/a.png", 64, 0)
    assert kept["meta"] == {"score": 0.5, "day": "2024-01-02", "late": [0, 1, 2]}
    first, second = sorted(kept["annotations"], key=lambda each: each["labels"])
    assert (first["labels"], first["geometry"], first["confidence"]) == (["cat"], {"box": [1.0, 2.0, 3.0, 4.0]}, 0.5)
    assert (second["labels"], second["geometry"], second["meta"]) == (["dog"], {"keypoints": [1.0, 2.0]}, {"n": 2})
    group = FrameGroup(timestamp=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC))
    group["front"] = frame
    assert group.to_plain()["timestamp"] == 2000


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ({"poly2d_xy": np.array([[0, 0], [4, 0], [4, 4]])}, {"polygon": [[0, 0, 4, 0, 4, 4]]}),
        ({"poly2d_xy": [(0, 0), (4, 0), (4, 4)]}, {"polygon": [[0, 0, 4, 0, 4, 4]]}),
        ({"poly2d_xy": [0, 0, 4, 0, 4, 4]}, {"polygon": [[0, 0, 4, 0, 4, 4]]}),
        ({"poly2d_xy": [[0, 0, 4, 0, 4, 4], np.array([[1, 1], [2, 1], [2, 2]])]},
         {"polygon": [[0, 0, 4, 0, 4, 4], [1, 1, 2, 1, 2, 2]]}),
        ({"poly2d_xy": np.zeros((2, 3, 2))}, {"polygon": [[0] * 6, [0] * 6]}),
        ({"points2d_xy": np.array([[1, 2], [3, 4]])}, {"keypoints": [1, 2, 3, 4]}),
        ({"points3d_xyz": np.array([[1, 2, 3], [4, 5, 6]])}, {"points3d": [1, 2, 3, 4, 5, 6]}),
        ({"box2d_xywh": np.array([1, 2, 3, 4])}, {"box": [1, 2, 3, 4]}),
    ],
)  # fmt: skip
def test_points_are_numbers_in_a_row(shape: dict[str, Any], kept: dict[str, Any]) -> None:
    assert ImageAnnotation(labels="cat", **shape).geometry == kept


def test_one_mask_and_one_annotation_are_lists_of_one() -> None:
    frame = SingleFrame("a.png", annotations=ImageAnnotation(labels="cat"), mask_source=Path("m.png"))
    assert (frame.masks_source, len(frame.annotations)) == ({"00": "m.png"}, 1)
    frame.masks_source = "other.png"
    assert frame.masks_source == {"00": "other.png"}
    frame.masks_source = Path("third.png")
    assert frame.to_plain()["sources"][0]["masks"] == [{"id": "00", "uri": "third.png"}]


def test_what_is_wrong_stays_wrong() -> None:
    with pytest.raises(InvalidFrame, match="width"):
        normal({"id": "f", "sources": [{"uri": "u", "width": "wide"}]})


def test_several_labels_lie_on_one_roi() -> None:
    assert roi_query(["Bus Stop", 'say "hi"']) == '"Bus Stop" AND "say \\"hi\\""'
    assert (roi_query("car"), roi_query([]), roi_query(["a b"])) == ("car", "", "a b")
