from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.labelme import FORMAT
from hyperdatasets.formats.labelme_shapes import item_of_shape
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.raster import bitmap_of
from tests.unit.annotation_tools import picture, png, read_all, told


def labelme(path: Path, *shapes: Any, name: str = "a", with_picture: bool = True, **more: Any) -> None:
    if with_picture:
        picture(path / f"{name}.png")
    content = {"version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": f"{name}.png", "imageData": None,
               "imageHeight": 30, "imageWidth": 40, **more}  # fmt: skip
    (path / f"{name}.json").parent.mkdir(parents=True, exist_ok=True)
    (path / f"{name}.json").write_text(json.dumps(content))


def shape(shape_type: str, points: Any, **more: Any) -> dict[str, Any]:
    return {"label": "cat", "points": points, "group_id": None, "description": "", "shape_type": shape_type,
            "flags": {}, "mask": None, **more}  # fmt: skip


def mask_text(bitmap: np.ndarray, mode: str = "L") -> str:
    return base64.b64encode(png(bitmap.astype(np.uint8) * 255, mode)).decode()


MASK = np.array([[0, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(("one", "geometry", "meta"), [
    (shape("polygon", [[1, 2], [3.5, 4], [5, 6]]), {"polygon": [[1, 2, 3.5, 4, 5, 6]]}, {}),
    (shape("rectangle", [[5, 2], [1, 6.5]]), {"box": [1, 2, 4, 4.5]}, {}),
    (shape("rectangle", [[1, 2], [5, 2], [5, 6], [1, 6]]), {"box": [1, 2, 4, 4]}, {}),
    (shape("circle", [[10, 10], [13, 14]]), {"ellipse": [10, 10, 5, 5, 0]}, {}),
    (shape("point", [[1, 2]]), {"keypoints": [1, 2]}, {}),
    (shape("points", [[1, 2], [3, 4]]), {"keypoints": [1, 2, 3, 4]}, {}),
    (shape("line", [[1, 2], [3, 4]]), {"keypoints": [1, 2, 3, 4]}, {"shape": "line"}),
    (shape("linestrip", [[1, 2], [3, 4], [5, 5]]), {"keypoints": [1, 2, 3, 4, 5, 5]}, {"shape": "polyline"}),
    (shape("mask", [[4, 5], [6, 6]], mask=mask_text(MASK)),
     {"polygon": [[5, 5, 7, 5, 7, 6, 6, 6, 6, 7, 4, 7, 4, 6, 5, 6]]}, {"shape": "mask"}),
    (shape("rotation", [[1, 2], [3, 4], [5, 5], [4, 1]], direction=0.5),
     {"polygon": [[1, 2, 3, 4, 5, 5, 4, 1]]}, {"shape": "rotation", "direction": 0.5}),
    ({"label": "cat", "points": [[1, 2], [3, 4], [5, 5]]}, {"polygon": [[1, 2, 3, 4, 5, 5]]}, {}),
    (shape("point", [[1, 2]], group_id=3, description="x", flags={"old": True, "new": False}, difficult=False),
     {"keypoints": [1, 2]}, {"group_id": 3, "description": "x", "flags": ["old"], "difficult": False}),
    (shape("point", [[1, 2]], score=2), {"keypoints": [1, 2]}, {"score": 2}),
])  # fmt: skip
def test_every_shape(tmp_path: Path, one: dict[str, Any], geometry: Any, meta: dict[str, Any]) -> None:
    labelme(tmp_path, one)
    found, ledger = read_all(tmp_path, FORMAT)
    (annotation,) = found["a.png"]["annotations"]
    assert annotation["geometry"] == geometry
    assert annotation.get("meta", {}) == meta
    assert annotation["labels"] == ["cat"]
    assert told(ledger, "lost") == told(ledger, "skipped") == []


def test_lines_are_named(tmp_path: Path) -> None:
    labelme(tmp_path, shape("line", [[1, 2], [3, 4]]), shape("linestrip", [[1, 2], [3, 4]]))
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger) == [("key points", "lines, kept as key points with `shape` in their metadata", 2)]


def test_scores_are_confidences_and_groups_stay_apart(tmp_path: Path) -> None:
    labelme(tmp_path, shape("point", [[1, 2]], group_id=1, score=0.5), shape("rectangle", [[1, 2], [3, 4]], group_id=1))
    found, _ = read_all(tmp_path, FORMAT)
    assert sorted(each.get("confidence", 0) for each in found["a.png"]["annotations"]) == [0, 0.5]
    assert [each["meta"] for each in found["a.png"]["annotations"]] == [{"group_id": 1}] * 2


@given(
    arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.sampled_from(["1", "L", "P", "RGB"])
)
def test_masks_are_exact(bitmap: np.ndarray, mode: str) -> None:
    height, width = bitmap.shape
    one = shape("mask", [[2, 3], [2 + width - 1, 3 + height - 1]], mask=mask_text(bitmap, mode))
    ledger = Ledger()
    item = item_of_shape(one, "x", ledger)
    if not bitmap.any():
        assert item is None
        return
    assert item is not None
    assert ledger.notes == []
    back = bitmap_of(item.plain["geometry"]["polygon"], 20, 20)
    assert (back[3 : 3 + height, 2 : 2 + width] == bitmap).all()
    assert back.sum() == bitmap.sum()


@pytest.mark.parametrize(("one", "kind", "reason"), [
    (shape("polygon", [[1, 2], [3]]), "polygons", "shapes whose points are no pairs of numbers"),
    (shape("polygon", [[1, 2], [3, "4"]]), "polygons", "shapes whose points are no pairs of numbers"),
    (shape("polygon", [[1, 2], [3, True]]), "polygons", "shapes whose points are no pairs of numbers"),
    (shape("polygon", None), "polygons", "shapes whose points are no pairs of numbers"),
    (shape("polygon", []), "polygons", "annotations that are not valid"),
    (shape("polygon", [[1, 2], [3, 4]]), "polygons", "annotations that are not valid"),
    (shape("polygon", [[1, 2], [3, 4], [5, 1e308]]), "polygons", "annotations that look wrong"),
    (shape("rectangle", [[1, 2]]), "boxes", "rectangles that do not have two or four points"),
    (shape("rectangle", [[1, 2], [5, 2.5], [5, 6], [1, 6]]), "boxes",
     "rectangles whose four points are no upright rectangle"),
    (shape("rectangle", [[1, 2], [1, 6]]), "boxes", "annotations that are not valid"),
    (shape("circle", [[1, 2]]), "ellipses", "circles that do not have two points"),
    (shape("circle", [[1, 2], [1, 2]]), "ellipses", "annotations that are not valid"),
    (shape("cuboid", [[1, 2]]), "polygons", "shapes of a type that is not known"),
    (shape(["x"], [[1, 2]]), "polygons", "shapes of a type that is not known"),  # type: ignore[arg-type]
    (shape("mask", [[1, 2], [3, 4]]), "polygons", "masks that cannot be decoded"),
    (shape("mask", [[1, 2], [3, 4]], mask="é"), "polygons", "masks that cannot be decoded"),
    (shape("mask", [[1, 2], [3, 4]], mask="AAAA"), "polygons", "masks that cannot be decoded"),
    (shape("mask", [[1, 2], [3, 4]], mask=mask_text(MASK)[:60]), "polygons", "masks that cannot be decoded"),
    (shape("mask", [[1, 2], [1, 2]], mask=mask_text(MASK * 0)[:60000]), "polygons", "masks without a set pixel"),
    ("x", "polygons", "shapes that are no objects"),
    ({"points": [[1, 2], [3, 4], [5, 5]]}, "polygons", "annotations that are not valid"),
    (shape("point", [[1, 2]], label=["cat"]), "key points", "annotations that are not valid"),
    (shape("point", [[1, 2]], flags={"x": 1}), "attributes", "flags that are not true or false"),
])  # fmt: skip
def test_what_cannot_be_kept_is_counted_and_named(tmp_path: Path, one: Any, kind: str, reason: str) -> None:
    labelme(tmp_path, one)
    found, ledger = read_all(tmp_path, FORMAT)
    named = [note for note in ledger.notes if note.reason == reason]
    assert [(note.kind, note.count) for note in named] == [(kind, 1)]
    assert named[0].place.startswith("a.json, shape 1")
    assert list(found) == ["a.png"]


def test_labels_that_are_numbers_are_named(tmp_path: Path) -> None:
    labelme(tmp_path, shape("point", [[1, 2]], label=7))
    found, ledger = read_all(tmp_path, FORMAT)
    assert found["a.png"]["annotations"][0]["labels"] == ["7"]
    assert told(ledger) == [("labels", "labels that are no text, taken as text", 1)]


def test_masks_of_another_size_than_their_box_are_named(tmp_path: Path) -> None:
    labelme(tmp_path, shape("mask", [[4, 5], [7, 7]], mask=mask_text(MASK)))
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger) == [
        ("polygons", "masks whose picture has another size than their box; the top left corner was taken", 1)
    ]


def test_facts_of_the_picture(tmp_path: Path) -> None:
    labelme(tmp_path, flags={"night": True, "rain": False}, text="", site="x", lineColor=[1, 2, 3, 4], checked=False)
    labelme(tmp_path, name="train/b", imagePath="b.png", imageHeight="x", imageWidth=2.5)
    found, ledger = read_all(tmp_path, FORMAT)
    assert found["a.png"]["meta"] == {"flags": ["night"], "site": "x", "checked": False}
    assert found["train/b.png"]["meta"] == {"split": "train"}
    assert told(ledger) == [
        ("attributes", "colours in which LabelMe draws", 1),
        ("attributes", "imageWidth and imageHeight that are no whole numbers", 1),
    ]


def test_annotations_for_another_size_are_named(tmp_path: Path) -> None:
    labelme(tmp_path, shape("point", [[1, 2]]), imageHeight=60, imageWidth=80)
    _, ledger = read_all(tmp_path, FORMAT)
    assert [kind for kind, _, _ in told(ledger, "noticed")] == ["frames"]


@pytest.mark.parametrize(("json_path", "image_path", "there"), [
    ("ann/a.json", "..\\img\\a.png", "img/a.png"), ("a.json", "C:\\Users\\me\\img\\a.png", "img/a.png"),
    ("a.json", "/home/me/img/a.png", "img/a.png"), ("a.json", "a.PNG", "a.png"),
    ("deep/a.json", "./a.png", "deep/a.png"),
])  # fmt: skip
def test_paths_in_all_forms(tmp_path: Path, json_path: str, image_path: str, there: str) -> None:
    picture(tmp_path / there)
    labelme(tmp_path, shape("point", [[1, 2]]), name=json_path.removesuffix(".json"), with_picture=False,
            imagePath=image_path)  # fmt: skip
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found[there]["annotations"]) == 1
    assert told(ledger) == []


@pytest.mark.parametrize("image_path", ["old.png", "", None, 3])
def test_a_stale_path_is_replaced_by_the_name_of_the_file(tmp_path: Path, image_path: Any) -> None:
    labelme(tmp_path, shape("point", [[1, 2]]), imagePath=image_path)
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found["a.png"]["annotations"]) == 1
    assert told(ledger) == [
        ("frames", "pictures that are not at their `imagePath`, found by the name of the JSON file", 1)
    ]


def test_a_path_to_another_picture_is_taken_and_named(tmp_path: Path) -> None:
    labelme(tmp_path, shape("point", [[1, 2]]), imagePath="b.png")
    labelme(tmp_path, shape("point", [[3, 4]]), name="b")
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: len(frame.get("annotations", ())) for path, frame in found.items()} == {"a.png": 0, "b.png": 2}
    assert told(ledger, "noticed") == [
        (
            "frames",
            "JSON files whose `imagePath` is another picture than the one of their name; `imagePath` was taken",
            1,
        ),
        ("frames", "files that are described more than once; all annotations were kept", 1),
        ("frames", "files that no annotation file names", 1),
    ]


def test_missing_embedded_and_ambiguous_pictures_are_lost_with_their_annotations(tmp_path: Path) -> None:
    picture(tmp_path / "x/d.png")
    picture(tmp_path / "y/d.png")
    labelme(tmp_path, shape("point", [[1, 2]]), with_picture=False)
    labelme(tmp_path, shape("point", [[1, 2]]), name="b", with_picture=False, imageData="aGVsbG8=")
    labelme(tmp_path, shape("point", [[1, 2]]), name="d", with_picture=False)
    _, ledger = read_all(tmp_path, FORMAT)
    embedded = "pictures inside of a JSON file, without a file of their own; save them as files beside the JSON"
    assert told(ledger, "lost") == [
        ("frames", "files that are described, but are not in the folder", 1),
        ("frames", "files that are described, but several have this name", 1),
        ("frames", embedded, 1),
        ("key points", "annotations of a file that is not in the folder", 1),
        ("key points", "annotations of a file whose name several have", 1),
        ("key points", embedded, 1),
    ]


@pytest.mark.parametrize("content", [
    b'{"shapes": [', b'{"shapes": 3, "imagePath": "a.png"}', b'{"shapes": [], "imagePath": "\xff"}',
    b"[" * 100_000, b'{"imagePath": NaN, "shapes": []}', b"",
])  # fmt: skip
def test_files_that_cannot_be_read_fail_the_run_and_pictures_stay(tmp_path: Path, content: bytes) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.json").write_bytes(content)
    found, ledger = read_all(tmp_path, FORMAT)
    assert list(found) == ["a.png"]
    assert told(ledger, "lost") == [("annotation files", "LabelMe files that cannot be read", 1)]
    assert ledger.failed


def test_other_files_and_marks_change_nothing(tmp_path: Path) -> None:
    labelme(tmp_path, shape("point", [[1, 2]]))
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").unlink()
    (tmp_path / "a.JSON").write_bytes(b"\xef\xbb\xbf" + text.replace(", ", ",\r\n").encode())
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "config.json").write_text('{"x": 1}')
    (tmp_path / "broken.json").write_text("{")
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found["a.png"]["annotations"]) == 1
    assert told(ledger, "lost") == []
    assert [note.place for note in ledger.notes] == ["broken.json", "config.json"]


def test_recognised_by_its_keys_in_any_order(tmp_path: Path) -> None:
    assert FORMAT.recognise(Folder(tmp_path)) is None
    labelme(tmp_path, shape("point", [[1, 2]]))
    labelme(tmp_path, name="b", imageData="A" * 10_000)
    content = json.loads((tmp_path / "b.json").read_text())
    (tmp_path / "b.json").write_text(json.dumps(dict(sorted(content.items()))))
    (tmp_path / "c.json").write_text('{"images": []}')
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.used, evidence.told) == (2, ["a.json", "b.json"], "2 LabelMe files")


def test_metadata_of_a_picture_that_is_not_there(tmp_path: Path) -> None:
    picture(tmp_path / "other.png")
    labelme(tmp_path, shape("point", [[1, 2]], group_id=3), with_picture=False, note="x")
    _, ledger = read_all(tmp_path, FORMAT)
    assert ("attributes", "annotations of a file that is not in the folder", 2) in told(ledger, "lost")


def test_metadata_of_a_picture_that_is_described_twice(tmp_path: Path) -> None:
    labelme(tmp_path, note="x", flags={"old": True}, city="Ulm")
    labelme(tmp_path, note="y", flags={"new": True}, city="Ulm", more=1)
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    labelme(tmp_path, note="x", flags={"old": True}, city="Ulm")
    found, ledger = read_all(tmp_path, FORMAT)
    assert found["a.png"]["meta"] == {"note": "x", "flags": ["old"], "city": "Ulm", "more": 1}
    assert told(ledger, "lost") == [("attributes", "different values for one name; the first was kept", 2)]


def test_a_mask_that_is_no_picture_says_so(tmp_path: Path) -> None:
    labelme(tmp_path, shape("mask", [[1, 2], [3, 4]], mask="AAAA"))
    _, ledger = read_all(tmp_path, FORMAT)
    assert [note.detail for note in ledger.losses()] == ["it is no picture"]
