"""What a frame holds is counted by kind, as the ledger of an import or export needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperdatasets.core.frames import SHAPES
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.counting import kept_of, kind_of
from hyperdatasets.formats.ledger import KINDS
from hyperdatasets.formats.media import probe_file
from hyperdatasets.formats.media.model import MEASURED

GEOMETRIES = {
    "box": [1, 2, 3, 4], "polygon": [[0, 0, 1, 0, 1, 1]], "ellipse": [1, 1, 2, 3, 0], "keypoints": [1, 2],
    "mask": [1, 2, 3], "points3d": [1, 2, 3], "polygon3d": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "box3d": [0, 0, 0, 1, 1, 0, 0, 1, 1, 1], "span": [0, 5],
}  # fmt: skip


def test_a_frame_with_everything() -> None:
    assert set(GEOMETRIES) == set(SHAPES)
    shapes = [{"labels": ["a"], "geometry": {name: value}} for name, value in GEOMETRIES.items()]
    frame, _ = normalise({
        "sources": [{
            "uri": "file:///a.png", "masks": [{"uri": "file:///m.png"}],
            "meta": {"duration_ms": 5, "characters": 9, "camera": "left"},
        }],
        "annotations": [*shapes, {"labels": ["cat", "pet"], "meta": {"sure": True, "by": "x"}}],
        "meta": {"captions": ["one", "two"], "split": "train", "city": "Ulm"},
    })  # fmt: skip
    assert kept_of(frame) == {
        "frames": 1, "boxes": 1, "polygons": 1, "ellipses": 1, "key points": 1, "masks": 2, "3-D shapes": 3,
        "spans": 1, "labels": 1, "captions": 2, "splits": 1, "attributes": 4,
    }  # fmt: skip
    assert set(kept_of(frame)) <= set(KINDS)


def test_an_empty_frame_is_a_frame_and_nothing_else() -> None:
    frame, _ = normalise({"sources": [{"uri": "file:///a.png"}]})
    assert kept_of(frame) == {"frames": 1}


@pytest.mark.parametrize(("captions", "count"), [("a text", 1), ([], 0), (["a", "b"], 2), ({"en": "x"}, 1)])
def test_captions_that_are_no_list_count_once(captions: object, count: int) -> None:
    frame, _ = normalise({"sources": [{"uri": "file:///a.png"}], "meta": {"captions": captions}})
    assert kept_of(frame).get("captions", 0) == count


def test_every_shape_has_a_kind() -> None:
    for name, value in GEOMETRIES.items():
        assert kind_of({"id": "1", "labels": ["a"], "geometry": {name: value}}) in KINDS


def test_what_is_measured_of_a_mesh_is_no_attribute(tmp_path: Path) -> None:
    header = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nelement face 1\n"
    (tmp_path / "a.ply").write_bytes(header + b"property list uchar int vertex_indices\nend_header\n0\n1 0\n")
    media, problem = probe_file(tmp_path / "a.ply")
    assert media, problem
    assert media.extra["faces"] == 1
    assert media.extra.keys() <= MEASURED
    source = {"id": "default", "uri": "file:a.ply", **media.to_plain()}
    assert kept_of(normalise({"sources": [source]})[0]) == {"frames": 1}
