"""COCO: what its files say comes in, or is named; what we write is read by its own tools, and by us as it was."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import raster
from hyperdatasets.formats.coco import WRITTEN
from hyperdatasets.formats.coco.documents import _json
from hyperdatasets.formats.coco.reader import unscanned
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import Intake, Options
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import probe_file
from hyperdatasets.formats.writing import Placed, Subject
from tests.reference.format_runs import Files
from tests.reference.properties import examples

CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]


def pictures(folder: Path, *names: str, size: tuple[int, int] = (100, 80)) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)


def document(path: Path, images: Any, annotations: Any = (), categories: Any = CATEGORIES, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": list(annotations), "categories": categories} | more
    path.write_text(json.dumps(content))


def read(folder: Path) -> tuple[dict[str, dict[str, Any]], Ledger]:
    intake = Intake(Folder(folder), Options("coco"))
    found = {}
    for entry in intake.entries():
        media, problem = probe_file(folder / entry.path)
        assert media is not None, problem
        made = intake.frame(entry, media, lambda path: f"file:///{path}")
        found[entry.path] = normalise(made.frame)[0]
        for kind, count in made.kept.items():
            intake.ledger.keep(kind, count)
    return found, intake.finish()


def reasons(ledger: Ledger) -> str:
    return "\n".join(map(str, ledger.notes))


def box(number: int, image: Any, category: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "bbox": [1, 2, 10, 10], "iscrowd": 0} | more


def test_ids_compare_by_value(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    images = [{"id": "1", "file_name": "a.png"}, {"id": 2.0, "file_name": "b.png"}]
    document(tmp_path / "x.json", images, [box(1, 1.0, "1"), box(2, "2", 2.0), box(3, 2, 1)])
    found, ledger = read(tmp_path)
    assert [each["labels"] for each in found["a.png"]["annotations"]] == [["cat"]]
    assert sorted(each["labels"][0] for each in found["b.png"]["annotations"]) == ["cat", "dog"]
    assert not ledger.notes


def test_what_refers_to_nothing_or_to_two_things_is_named(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    images = [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}, {"id": 2, "file_name": "gone.png"}]
    document(tmp_path / "x.json", images, [box(1, 1), box(2, 7), box(3, 2), box(4, 1, 9)])
    found, ledger = read(tmp_path)
    assert not any(frame.get("annotations") for frame in found.values())
    told = reasons(ledger)
    for part in ("id that is given twice", "names several pictures", "image that is not listed (image_id 7)",
                 "named, but missing (`gone.png`)", "annotation 3"):  # fmt: skip
        assert part in told
    assert ledger.read["boxes"] == 4
    assert ledger.lost["boxes"] == 4


def test_instances_and_key_points_of_one_id_are_one_object(tmp_path: Path) -> None:
    pictures(tmp_path, "val2017/a.png")
    image = [{"id": 5, "file_name": "a.png", "width": 100, "height": 80}]
    ring = [10, 10, 30, 10, 30, 30, 10, 30]
    both = {"id": 9, "image_id": 5, "category_id": 1, "bbox": [10, 10, 20, 20], "segmentation": [ring], "iscrowd": 0}
    points = {"keypoints": [12, 12, 2, 20, 20, 1, 0, 0, 0], "num_keypoints": 2}
    person = [{"id": 1, "name": "person", "keypoints": ["nose", "eye", "ear"], "skeleton": [[1, 2]],
               "supercategory": "human"}]  # fmt: skip
    document(tmp_path / "annotations/instances_val2017.json", image, [both], [{"id": 1, "name": "person"}])
    document(tmp_path / "annotations/person_keypoints_val2017.json", image, [both | points], person)
    document(tmp_path / "annotations/captions_val2017.json", image, [{"id": 9, "image_id": 5, "caption": "a man"}], [])
    found, ledger = read(tmp_path)
    frame = found["val2017/a.png"]
    (roi,) = frame["annotations"]
    assert roi["geometry"] == {"keypoints": [12, 12, 20, 20, 0, 0]}
    assert roi["meta"]["visibility"] == [2, 1, 0]
    assert roi["meta"]["keypoint_names"] == ["nose", "eye", "ear"]
    assert (roi["meta"]["polygon"], roi["meta"]["box"]) == ([ring], [10, 10, 20, 20])
    assert frame["meta"] == {"captions": ["a man"], "split": "val"}
    assert ledger.complete, reasons(ledger)
    assert ledger.read == {"frames": 1, "key points": 1, "captions": 1, "attributes": 6, "splits": 1}


def test_objects_of_other_documents_with_the_same_id_stay_apart(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    document(tmp_path / "cats.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)])
    document(tmp_path / "dogs.json", [{"id": 4, "file_name": "a.png"}], [box(1, 4, 2), box(2, 4, bbox=[50, 50, 9, 9])])
    found, _ = read(tmp_path)
    assert sorted(each["labels"][0] for each in found["a.png"]["annotations"]) == ["cat", "cat", "dog"]


@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths_become_polygons_of_the_same_pixels(tmp_path: Path, *, compressed: bool) -> None:
    pictures(tmp_path, "a.png")
    bitmap = np.zeros((80, 100), bool)
    bitmap[10:30, 20:60] = True
    bitmap[15:20, 30:40] = False
    runs: Any = raster.bitmap_to_runs(bitmap)
    if compressed:
        runs = coco_mask.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"].decode()
    mask = {"size": [80, 100], "counts": runs}
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
             [box(1, 1, bbox=[20, 10, 40, 20], segmentation=mask, iscrowd=1, area=int(bitmap.sum()))])  # fmt: skip
    found, ledger = read(tmp_path)
    (roi,) = found["a.png"]["annotations"]
    assert (raster.bitmap_of(roi["geometry"]["polygon"], 100, 80) == bitmap).all()
    assert roi["meta"] == {"iscrowd": 1, "encoding": "rle"}
    assert ledger.kept["masks"] == 1


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ({"size": [80, 100], "counts": "%%%"}, "run-length masks that cannot be read"),
        ({"size": [80, 100], "counts": [5]}, "run-length masks"),
        ({"size": [1 << 40, 1 << 40], "counts": [1]}, "run-length masks that cannot be read"),
        ({"counts": [1]}, "run-length masks that cannot be read"),
        ([[1, 1, 5, 5]], "three points"),
        ("text", "expected a list of rings"),
    ],
)
def test_bad_outlines_are_named_and_the_box_is_kept(tmp_path: Path, segmentation: Any, reason: str) -> None:
    pictures(tmp_path, "a.png")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1, segmentation=segmentation)])
    found, ledger = read(tmp_path)
    (roi,) = found["a.png"]["annotations"]
    assert roi["geometry"] == {"box": [1, 2, 10, 10]}
    assert reason in reasons(ledger)
    assert not ledger.complete


@pytest.mark.parametrize("value", [float("nan"), 1e400, "x", None, [1], -(2**70)])
@pytest.mark.parametrize("key", ["bbox", "category_id", "image_id", "segmentation", "keypoints", "score", "id", "area"])
def test_hostile_values_never_raise(tmp_path: Path, key: str, value: Any) -> None:
    pictures(tmp_path, "a.png")
    listed = [value] * 6 if key in {"bbox", "segmentation", "keypoints"} else value
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1), box(2, 1) | {key: listed}])
    found, ledger = read(tmp_path)
    assert found["a.png"]["annotations"]
    assert ledger.read["frames"] == 1


@pytest.mark.parametrize(
    ("content", "detail"),
    [(b'{"images": [{"id": 1', "not valid JSON"), (b'{"images": 1, "annotations": 2}', "lists of objects")],
)
def test_a_broken_document_fails_the_run_and_keeps_the_pictures(tmp_path: Path, content: bytes, detail: str) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / "x.json").write_bytes(content)
    found, ledger = read(tmp_path)
    assert list(found) == ["a.png"]
    assert "could not be read" in ledger.failed
    assert detail in reasons(ledger)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_at_the_beginning_change_nothing(tmp_path: Path, encoding: str) -> None:
    pictures(tmp_path, "a.png")
    content = json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": [box(1, 1)],
                          "categories": CATEGORIES})  # fmt: skip
    (tmp_path / "x.JSON").write_bytes(content.encode(encoding))
    found, _ = read(tmp_path)
    assert found["a.png"]["annotations"][0]["labels"] == ["cat"]


@pytest.mark.parametrize(
    "name",
    ["a b.png", "images/a b.png", "C:\\data\\images\\a b.png", "/somewhere/else/images/a b.png", "../images/a b.png",
     ".\\images\\a b.png"],
)  # fmt: skip
def test_file_names_are_looked_up(tmp_path: Path, name: str) -> None:
    pictures(tmp_path, "images/a b.png")
    document(tmp_path / "annotations/x.json", [{"id": 1, "file_name": name}], [box(1, 1)])
    found, ledger = read(tmp_path)
    assert found["images/a b.png"]["annotations"], reasons(ledger)


def test_the_folder_of_the_split_comes_before_others(tmp_path: Path) -> None:
    pictures(tmp_path, "train2017/1.png", "val2017/1.png")
    for split, category in (("train", 1), ("val", 2)):
        document(tmp_path / f"annotations/instances_{split}2017.json", [{"id": 1, "file_name": "1.png"}],
                 [box(1, 1, category)])  # fmt: skip
    found, ledger = read(tmp_path)
    assert {path: frame["annotations"][0]["labels"] for path, frame in found.items()} == {
        "train2017/1.png": ["cat"], "val2017/1.png": ["dog"],
    }  # fmt: skip
    assert [frame["meta"]["split"] for frame in found.values()] == ["train", "val"]
    assert ledger.complete


def test_two_candidates_are_an_error(tmp_path: Path) -> None:
    pictures(tmp_path, "one/a.png", "two/a.png")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)])
    _, ledger = read(tmp_path)
    assert "several files have that name (`a.png`: one/a.png, two/a.png)" in reasons(ledger)
    assert ledger.lost == {"frames": 1, "boxes": 1}


def test_a_picture_in_two_splits_is_named(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    for split in ("train", "val"):
        document(tmp_path / f"{split}.json", [{"id": 1, "file_name": "a.png"}])
    found, ledger = read(tmp_path)
    assert found["a.png"]["meta"]["split"] == "train"
    assert ledger.lost == {"splits": 1}


def test_panoptic_segments_are_rois_by_their_colour(tmp_path: Path) -> None:
    pictures(tmp_path, "val/a.jpg", "annotations/panoptic_val/a.png")
    segments = [{"id": 1 + 256 * 2 + 65536 * 3, "category_id": 1, "area": 9, "bbox": [1, 1, 3, 3], "iscrowd": 0},
                {"id": 7, "category_id": 99}]  # fmt: skip
    document(tmp_path / "annotations/panoptic_val.json", [{"id": 1, "file_name": "a.jpg"}],
             [{"image_id": 1, "file_name": "a.png", "segments_info": segments}],
             [{"id": 1, "name": "sky", "isthing": 0}])  # fmt: skip
    found, ledger = read(tmp_path)
    assert list(found) == ["val/a.jpg"]
    (mask,) = found["val/a.jpg"]["sources"][0]["masks"]
    assert mask["uri"] == "file:///annotations/panoptic_val/a.png"
    (roi,) = found["val/a.jpg"]["annotations"]
    assert (roi["geometry"], roi["labels"]) == ({"mask": [1, 2, 3]}, ["sky"])
    assert roi["meta"] == {"category": {"isthing": 0}, "box": [1, 1, 3, 3], "area": 9}
    assert "category 99 is not listed" in reasons(ledger)


def test_result_files_are_predictions(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    document(tmp_path / "truth.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)])
    results = [{"image_id": 1, "category_id": 2, "bbox": [3, 3, 5, 5], "score": 0.25},
               {"image_id": 8, "category_id": 2, "bbox": [3, 3, 5, 5], "score": 0.5}]  # fmt: skip
    (tmp_path / "yolox.json").write_text(json.dumps(results))
    found, ledger = read(tmp_path)
    (predicted,) = [each for each in found["a.png"]["annotations"] if "origin" in each]
    assert (predicted["origin"], predicted["confidence"], predicted["labels"]) == ("yolox", 0.25, ["dog"])
    assert ledger.lost == {"boxes": 1}


def test_pictures_that_no_document_names_are_frames_and_are_named(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    (tmp_path / "README.md").write_text("hello")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)])
    found, ledger = read(tmp_path)
    assert sorted(found) == ["a.png", "b.png"]
    assert "b.png: pictures that no annotation file names" in reasons(ledger)
    assert "README.md: files that are no data of this format" in reasons(ledger)
    assert ledger.complete


# --- written


def written(frames: list[Any], labels: dict[str, int], split: str = "") -> tuple[dict[str, Any], Ledger]:
    ledger, output = Ledger("coco", writes=True), Files()
    writer = WRITTEN.start(output, Subject("made", labels), ledger)
    for frame in frames:
        names = {"default": frame["sources"][0]["uri"].removeprefix("file:///")}
        masks = frame["sources"][0].get("masks", ())
        names |= {f"default/{mask['id']}": mask["uri"].removeprefix("file:///") for mask in masks}
        writer.add(Placed(frame, names, split))
    writer.finish()
    (file,) = output.files.values()
    return json.loads(file.getvalue()), ledger


def frame_of(*annotations: dict[str, Any], name: str = "a.png", **more: Any) -> Any:
    source = {"uri": f"file:///{name}", "content_type": "image/png", "width": 100, "height": 80, "size_bytes": 1}
    return normalise({"sources": [source], "annotations": list(annotations), **more})[0]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_written_boxes_have_no_empty_segmentation_and_masks_can_be_drawn(tmp_path: Path) -> None:
    rings = [[10.0, 10, 40, 10, 40, 40, 10, 40], [20.0, 20, 30, 20, 30, 30, 20, 30]]
    turned = {"labels": ["a"], "geometry": {"box": [50, 50, 20, 10, 30]}}
    frame = frame_of({"labels": ["a"], "geometry": {"box": [1, 1, 5, 5]}},
                     {"labels": ["a"], "geometry": {"polygon": rings}}, turned)  # fmt: skip
    content, ledger = written([frame], {"a": 1})
    assert all("segmentation" not in each or each["segmentation"] for each in content["annotations"])
    (tmp_path / "x.json").write_text(json.dumps(content))
    coco = COCO(str(tmp_path / "x.json"))
    drawn = {each["bbox"][0]: int(coco.annToMask(each).sum()) for each in content["annotations"]
             if "segmentation" in each}  # fmt: skip
    assert drawn[10] == 800
    told = reasons(ledger)
    assert "holes, shown as masks" in told
    assert "turned boxes, shown as polygons" in told


def test_what_another_tool_changed_wins_over_what_we_know(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    frame = frame_of({"id": "mine", "labels": ["a", "b"], "geometry": {"box": [1, 1, 5, 5]}, "origin": "m1"})
    content, _ = written([frame], {"a": 1, "b": 2})
    for each in content["annotations"]:
        each["bbox"] = [20, 20, 9, 9]
    (tmp_path / "x.json").write_text(json.dumps(content))
    found, ledger = read(tmp_path)
    kept = found["a.png"]["annotations"]
    assert [each["geometry"]["box"] for each in kept] == [[20, 20, 9, 9]] * 2
    assert sorted(each["labels"][0] for each in kept) == ["a", "b"]
    assert [each for each in kept if each["id"] == "mine"]
    assert [each["origin"] for each in kept] == ["m1", "m1"]
    assert "changed after their export" in reasons(ledger)


def test_a_stated_number_of_key_points_is_kept_where_it_is_another(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    points = [1, 2, 2, 3, 4, 0]
    annotations = [box(1, 1, keypoints=points, num_keypoints=1), box(2, 1, keypoints=points, num_keypoints=7)]
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], annotations)
    found, _ = read(tmp_path)
    assert {each["meta"].get("num_keypoints") for each in found["a.png"]["annotations"]} == {None, 7}
    content, _ = written([found["a.png"]], {"cat": 0})
    assert sorted(each["num_keypoints"] for each in content["annotations"]) == [1, 7]


def test_a_second_definition_of_a_category_is_named(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    categories = [{"id": 1, "name": "cat", "color": "red"}, {"id": 1, "name": "cat", "color": "blue"},
                  {"id": 1, "name": "cat", "color": "red"}]  # fmt: skip
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)], categories)
    _, ledger = read(tmp_path)
    assert [note.detail for note in ledger.losses()] == ["id 1: `color`"]


@pytest.mark.parametrize(("shape", "kind"), [
    ({"segmentation": [["2", 2, 9, 2, 9, 9]]}, "polygons"),
    ({"segmentation": [[2, 2, 9, 2, 10**400, 9]]}, "polygons"),
    ({"segmentation": [[2, 2, 9, 2, float("nan"), 9]]}, "polygons"),
    ({"segmentation": [[1, 2, 11, 2, float("nan"), 5, 11, 12]]}, "polygons"),
    ({"segmentation": [[1, 2, 11, 2, float("inf"), 5, 11, 12]]}, "polygons"),
    ({"keypoints": [1, "2", 2]}, "key points"), ({"keypoints": [1, float("nan"), 2]}, "key points"),
])  # fmt: skip
def test_a_box_stays_without_its_bad_outline_or_points(tmp_path: Path, shape: dict[str, Any], kind: str) -> None:
    pictures(tmp_path, "a.png")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1, **shape)])
    found, ledger = read(tmp_path)
    assert [each["geometry"] for each in found["a.png"]["annotations"]] == [{"box": [1, 2, 10, 10]}]
    assert ledger.lost == {kind: 1}


def test_a_box_with_an_enormous_number_is_lost(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1, bbox=[1, 2, 10**400, 3]), box(2, 1)])
    found, ledger = read(tmp_path)
    assert len(found["a.png"]["annotations"]) == 1
    assert ledger.lost == {"boxes": 1}


def test_a_good_ring_stays_without_a_bad_one(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    rings = [[1, 2, 11, 2, 11, 12], [1, None, 2, 2, 3, 3]]
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1, segmentation=rings)])
    found, ledger = read(tmp_path)
    assert [each["geometry"] for each in found["a.png"]["annotations"]] == [{"polygon": rings[:1]}]
    assert ledger.lost == {"polygons": 1}


@pytest.mark.parametrize(
    ("path", "name", "field", "taken", "further"),
    [
        ("train/a.png", "instances_val.json", "", "val", ["train"]),
        ("train/a.png", "i.json", "val", "val", ["train"]),
        ("a.png", "instances_train.json", "val", "val", ["train"]),
        ("test/a.png", "train/instances_dev.json", "val", "val", ["dev", "train", "test"]),
        ("train/a.png", "train/instances_train.json", "train", "train", []),
    ],
)
def test_what_says_another_split_is_counted(
    tmp_path: Path, path: str, name: str, field: str, taken: str, further: list[str]
) -> None:
    pictures(tmp_path, path)
    document(tmp_path / name, [{"id": 1, "file_name": Path(path).name} | ({"split": field} if field else {})])
    found, ledger = read(tmp_path)
    assert found[path]["meta"] == {"split": taken}
    assert [note.detail.partition(" ")[0] for note in ledger.losses()] == further
    assert ledger.read["splits"] == 1 + len(further)


@pytest.mark.parametrize("meta", [{}, {"split": "val"}, {"split": "train"}])
@pytest.mark.parametrize("split", ["", "val", "fold"])
def test_our_own_splits_contradict_no_folder(tmp_path: Path, meta: dict[str, str], split: str) -> None:
    pictures(tmp_path, "train/a.png")
    content, _ = written([frame_of(name="train/a.png", meta=meta)], {}, split)
    (tmp_path / (f"instances_{split}.json" if split else "instances.json")).write_text(json.dumps(content))
    found, ledger = read(tmp_path)
    expected = meta.get("split") or {"": None, "val": "val", "fold": "train"}[split]
    assert found["train/a.png"].get("meta", {}).get("split") == expected
    assert "splits" not in ledger.lost


def test_two_exports_that_say_different_things_of_a_picture(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    for context in ("one", "two"):
        content, _ = written([frame_of(context_id=context, timestamp=5, meta={"n": context})], {})
        (tmp_path / f"{context}.json").write_text(json.dumps(content))
    found, ledger = read(tmp_path)
    assert (found["a.png"]["context_id"], found["a.png"]["meta"]) == ("one", {"n": "one"})
    assert [note.detail for note in ledger.losses()] == ["n", "`context_id`"]


def test_fields_of_an_image_that_another_tool_changed_are_named(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    frame = frame_of(meta={"w": "sun", "n": 1})
    frame["sources"][0]["uri"] = "https://d.x/a.png"
    ledger, output = Ledger("coco", writes=True), Files()
    writer = WRITTEN.start(output, Subject("made", {}), ledger)
    writer.add(Placed(frame, {"default": "a.png"}, ""))
    writer.finish()
    content = json.loads(output.files["annotations/instances.json"].getvalue())
    (tmp_path / "x.json").write_text(json.dumps(content))
    found, ledger = read(tmp_path)
    assert found["a.png"]["meta"] == {"w": "sun", "n": 1}
    assert {note.weight for note in ledger.notes} == {"skipped"}
    content["images"][0]["w"] = "rain"
    (tmp_path / "x.json").write_text(json.dumps(content))
    found, ledger = read(tmp_path)
    assert found["a.png"]["meta"] == {"w": "rain", "n": 1}
    assert [note.detail for note in ledger.notes if note.weight == "noticed"] == ["w"]


def test_splits_are_files(tmp_path: Path) -> None:
    output, ledger = Files(), Ledger("coco", writes=True)
    writer = WRITTEN.start(output, Subject("made", {"a": 1}), ledger)
    for split in ("train", "val"):
        writer.add(Placed(frame_of(name=f"{split}.png"), {"default": f"{split}.png"}, split))
    writer.finish()
    assert sorted(output.files) == ["annotations/instances_train.json", "annotations/instances_val.json"]


@pytest.mark.parametrize(
    ("stated", "more"),
    [
        (3000, {"bbox": [10, 10, 50, 60]}),
        (3000.5, {"bbox": [10, 10, 50, 60]}),
        (1500.0, {"bbox": [10, 10, 50, 60], "segmentation": [[10, 10, 60, 10, 60, 70]]}),
        (3000, {"segmentation": [[10, 10, 60, 10, 60, 70, 10, 70]]}),
    ],
)
def test_the_area_of_key_points_is_written_as_it_was_stated(
    tmp_path: Path, stated: float, more: dict[str, Any]
) -> None:
    pictures(tmp_path, "a.png")
    named = [{"id": 1, "name": "cat", "keypoints": ["nose", "tail", "paw"]}]
    points = {"keypoints": [20, 20, 2, 30, 40, 1, 0, 0, 0], "num_keypoints": 2}
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}],
             [{"id": 1, "image_id": 1, "category_id": 1, "area": stated, **points, **more}], named)  # fmt: skip
    found, _ = read(tmp_path)
    content, _ = written(list(found.values()), {"cat": 1})
    assert content["annotations"][0]["area"] == stated
    assert content["annotations"][0]["bbox"] == more.get("bbox", [20, 20, 10, 20])


def test_a_box_of_key_points_leaves_out_those_that_are_not_labelled() -> None:
    points = {"geometry": {"keypoints": [20, 20, 30, 40, 0, 0]}, "labels": ["a"]}
    content, _ = written([frame_of({**points, "meta": {"visibility": [2, 1, 0]}}),
                          frame_of({**points, "meta": {"visibility": [0, 0, 0]}}, name="b.png")], {"a": 1})  # fmt: skip
    assert [each["bbox"] for each in content["annotations"]] == [[20, 20, 10, 20], [0, 0, 30, 40]]
    assert [each["area"] for each in content["annotations"]] == [200, 1200]


NUMBERS = st.floats(0, 60, allow_nan=False, width=32).map(float) | st.integers(0, 60).map(float)
SIZES = st.floats(0.5, 20, allow_nan=False, width=32).map(float)
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-9, 9) | st.text("ab é", max_size=3)
KEYS = st.sampled_from(["iscrowd", "area", "box", "encoding", "visibility", "supercategory", "attributes", "x", "id",
                        "score", "category", "keypoint_names", "hyperdatasets", "bbox"])  # fmt: skip
NESTED = st.lists(VALUES, max_size=4) | st.dictionaries(st.text("ab", max_size=2), VALUES)
METAS = st.dictionaries(KEYS, VALUES | NESTED, max_size=3)
RING = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=5).map(lambda points: [x for p in points for x in p])
GEOMETRIES = st.one_of(
    st.none(),
    st.tuples(NUMBERS, NUMBERS, SIZES, SIZES).map(lambda box: {"box": list(box)}),
    st.tuples(NUMBERS, NUMBERS, SIZES, SIZES, NUMBERS).map(lambda box: {"box": list(box)}),
    st.lists(RING, min_size=1, max_size=3).map(lambda rings: {"polygon": rings}),
    st.tuples(NUMBERS, NUMBERS, SIZES, SIZES, NUMBERS).map(lambda ellipse: {"ellipse": list(ellipse)}),
    RING.map(lambda points: {"keypoints": points}),
    st.lists(st.integers(0, 255), min_size=3, max_size=3).map(lambda colour: {"mask": colour}),
    st.tuples(st.integers(0, 9), st.integers(9, 20)).map(lambda span: {"span": list(span)}),
)


@st.composite
def annotations(draw: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"labels": draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))}
    geometry = draw(GEOMETRIES)
    if geometry:
        plain["geometry"] = geometry
    if draw(st.booleans()):
        plain["meta"] = draw(METAS)
    if draw(st.booleans()):
        plain["confidence"] = draw(st.floats(0, 1))
    if draw(st.booleans()):
        plain["origin"] = draw(st.sampled_from(["m1", "m2"]))
    if draw(st.booleans()):
        plain["id"] = draw(st.sampled_from(["one", "two", "three", "0123456789abcdef"]))
    return plain


@st.composite
def frames(draw: Any) -> list[Any]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        listed, used = [], set()
        for each in draw(st.lists(annotations(), max_size=4)):
            if each.get("id") not in used:
                listed.append(each)
                used |= {each["id"]} if "id" in each else set()
        more: dict[str, Any] = {}
        if draw(st.booleans()):
            more["meta"] = draw(METAS) | draw(st.sampled_from([{}, {"split": "train"}, {"captions": ["x", "y"]}]))
        if draw(st.booleans()):
            more |= {"context_id": "video", "timestamp": draw(st.integers(0, 99))}
        try:
            made.append(frame_of(*listed, name=f"{number}.png", **more))
        except ValueError:  # wholly outside of the picture
            continue
    return made


@examples(150, suppress_health_check=list(HealthCheck))
@given(frames())
def test_what_is_written_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, given: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("coco")
    for frame in given:
        pictures(folder, frame["sources"][0]["uri"].removeprefix("file:///"))
    content, ledger = written(given, {"a": 1, "b": 2, "c": 7})
    (folder / "x.json").write_text(json.dumps(content))
    found, _ = read(folder)
    for frame in given:
        back = found[frame["sources"][0]["uri"].removeprefix("file:///")]
        for source in (*frame["sources"], *back["sources"]):
            source.pop("size_bytes", None)
        assert back == frame
    assert not ledger.lost


# --- what was dropped, changed or guessed without a word


def detected(folder: Path) -> Ledger:
    """The ledger of a run whose format is found out."""
    intake = Intake(Folder(folder), Options())
    for entry in intake.entries():
        assert entry.path
        intake.ledger.keep("frames")
    return intake.finish()


def one(tmp_path: Path, *annotations: Any, image: Any = (), **more: Any) -> tuple[dict[str, Any], Ledger]:
    """The frame of a picture with these annotations."""
    pictures(tmp_path, "a.png")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"} | dict(image)], annotations, **more)
    found, ledger = read(tmp_path)
    return found["a.png"], ledger


def test_captions_of_regions_keep_their_boxes_and_labels(tmp_path: Path) -> None:
    whole = {"id": 3, "image_id": 1, "caption": "all", "bbox": None, "lang": "en"}
    without = {"id": 2, "image_id": 1, "bbox": [1, 1, 5, 5], "caption": "lost"}
    frame, ledger = one(tmp_path, box(1, 1, caption="a cat"), without, whole)
    (roi,) = frame["annotations"]
    assert (roi["labels"], roi["geometry"], roi["meta"]) == (["cat"], {"box": [1, 2, 10, 10]}, {"caption": "a cat"})
    assert frame["meta"] == {"captions": ["all"]}
    assert ledger.lost == {"boxes": 1, "attributes": 1}
    assert "fields of captions beside their text (lang)" in reasons(ledger)
    assert "it has no `category_id`" in reasons(ledger)


def test_captions_of_regions_come_back_from_an_export(tmp_path: Path) -> None:
    frame = frame_of({"labels": ["a"], "geometry": {"box": [1, 1, 5, 5]}, "meta": {"caption": "here"}})
    content, _ = written([frame], {"a": 1})
    pictures(tmp_path, "a.png")
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert read(tmp_path)[0]["a.png"]["annotations"] == frame["annotations"]


def test_data_of_our_own_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    _, ledger = one(tmp_path, image={"hyperdatasets": "text"})
    assert "data under `hyperdatasets` that cannot be read ('text')" in reasons(ledger)
    _, ledger = one(tmp_path, image={"hyperdatasets": {"timestamp": "now", "masks": 1}})
    assert "(`timestamp`: 'now')" in reasons(ledger)
    assert "(`masks`: 1)" in reasons(ledger)


def test_a_field_where_captions_belong_is_named(tmp_path: Path) -> None:
    frame, ledger = one(tmp_path, {"id": 1, "image_id": 1, "caption": "x"}, image={"captions": 5})
    assert frame["meta"] == {"captions": ["x"]}
    assert "where captions belong" in reasons(ledger)


def test_results_take_categories_from_the_documents_that_list_their_image(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    swapped = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    document(tmp_path / "one.json", [{"id": 1, "file_name": "a.png"}, {"id": 3, "file_name": "c.png"}])
    document(
        tmp_path / "two.json", [{"id": 2, "file_name": "b.png"}, {"id": 3, "file_name": "c.png"}], categories=swapped
    )
    results = [{"image_id": image, "category_id": 1, "bbox": [3, 3, 5, 5], "score": 0.5} for image in (1, 2, 3)]
    (tmp_path / "model.json").write_text(json.dumps(results))
    found, ledger = read(tmp_path)
    assert found["a.png"]["annotations"][0]["labels"] == ["cat"]
    assert found["b.png"]["annotations"][0]["labels"] == ["dog"]
    assert "annotations" not in found["c.png"] or not found["c.png"]["annotations"]
    assert "category id names several (category 1: `cat`, `dog`)" in reasons(ledger)


def _runs(width: int, height: int) -> dict[str, Any]:
    return {"size": [height, width], "counts": [0, 20, width * height - 20]}


def test_run_lengths_for_another_size_are_lost_and_the_box_is_kept(tmp_path: Path) -> None:
    frame, ledger = one(tmp_path, box(1, 1, segmentation=_runs(50, 40)), image={"width": 100, "height": 80})
    assert frame["annotations"][0]["geometry"] == {"box": [1, 2, 10, 10]}
    assert "run-length masks for another size" in reasons(ledger)
    assert "for 50 x 40, the image states 100 x 80" in reasons(ledger)


def test_run_lengths_state_the_size_of_an_image_that_states_none(tmp_path: Path) -> None:
    frame, ledger = one(tmp_path, box(1, 1, segmentation=_runs(50, 40)))
    assert "polygon" in frame["annotations"][0]["geometry"]
    assert "larger or smaller picture" in reasons(ledger)
    _, ledger = one(tmp_path, *(box(n, 1, segmentation=_runs(50 * n, 40 * n)) for n in (1, 2)))
    assert ledger.lost == {"masks": 2}
    assert "its masks have several sizes" in reasons(ledger)


@pytest.mark.parametrize("numbers", [[1, 2, 10, 10, 30], [1, 2, 3]])
def test_boxes_that_have_not_four_numbers_are_lost(tmp_path: Path, numbers: list[int]) -> None:
    ring = [[10, 10, 30, 10, 30, 30]]
    frame, ledger = one(tmp_path, box(1, 1, bbox=numbers), box(2, 1, bbox=numbers, segmentation=ring))
    (roi,) = frame["annotations"]
    assert roi["geometry"] == {"polygon": ring}
    assert "meta" not in roi
    assert ledger.lost == {"boxes": 2}
    assert f"boxes that have not four numbers ({numbers})" in reasons(ledger)


def test_key_points_that_do_not_fit_their_names_are_named(tmp_path: Path) -> None:
    points = {"keypoints": [12, 12, 2, 20, 20, 7], "num_keypoints": 2}
    person = [{"id": 1, "name": "person", "keypoints": ["nose", "eye", "ear"]}]
    frame, ledger = one(tmp_path, box(1, 1, **points), categories=person)
    assert frame["annotations"][0]["meta"] == {"box": [1, 2, 10, 10], "visibility": [2, 7]}
    assert "key points that are not as many as their names; names not used (2 points, 3 names)" in reasons(ledger)
    assert "visibilities other than 0, 1, 2" in reasons(ledger)
    assert ledger.complete


@pytest.mark.parametrize("value", [10**30, {"deep": -(2**70)}])
def test_a_number_past_64_bits_costs_its_field_alone(tmp_path: Path, value: Any) -> None:
    frame, ledger = one(tmp_path, box(1, 1, good=1, bad=value), image={"size": value, "n": 2})
    (roi,) = frame["annotations"]
    assert (roi["meta"], frame["meta"]) == ({"good": 1}, {"n": 2})
    assert ledger.lost == {"attributes": 2}


@pytest.mark.parametrize("value", ["9" * 5_000, "-" + "9" * 5_000, "--5", "-0", "²", "0" * 5_000, ""])
def test_any_text_is_an_id(tmp_path: Path, value: str) -> None:
    pictures(tmp_path, "a.png")
    categories = [{"id": value, "name": "cat"}]
    document(tmp_path / "x.json", [{"id": value, "file_name": "a.png"}], [box(1, value, value)], categories=categories)
    found, ledger = read(tmp_path)
    assert [each["labels"] for each in found["a.png"]["annotations"]] == [["cat"]]
    assert not ledger.notes


def test_ids_past_64_bits_stay_apart(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    ids = [2**70, 2**70 + 1]
    images = [{"id": number, "file_name": name} for number, name in zip(ids, ("a.png", "b.png"), strict=True)]
    own = {"hyperdatasets": {"copy": "x"}}  # whose seal is asked for
    document(tmp_path / "x.json", images, [box(1, ids[0], 1), box(2, ids[1], 2, far=10**25, **own)])
    found, ledger = read(tmp_path)
    assert [found[name]["annotations"][0]["labels"] for name in ("a.png", "b.png")] == [["cat"], ["dog"]]
    assert ledger.lost == {"attributes": 1}


def test_long_fractions_are_read_as_before() -> None:
    content = b'{"x": 0.1234567890123456789012, "y": 1e400, "z": 12345678901234567890}'
    assert _json(content) == {"x": 0.1234567890123456789012, "y": float("inf"), "z": 12345678901234567890}


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b'{"images": [{"id": 1', b'{"imag', json.dumps({"images": {}, "annotations": []}).encode("utf-16-le"),
     b'{"images": {"1": {}}, "annotations": [], "categories": []}', b"\xff\xfe{"],
)  # fmt: skip
@pytest.mark.parametrize("named", [True, False])
def test_damaged_files_fail_the_run(tmp_path: Path, content: bytes, *, named: bool) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / "instances.json").write_bytes(content)
    if content == b"\xff\xfe{" and not named:
        return  # not even text: nothing speaks for COCO
    ledger = read(tmp_path)[1] if named else detected(tmp_path)
    assert "1 annotation file could not be read" in ledger.failed, reasons(ledger)


def test_other_json_is_no_damaged_coco(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / "lines.json").write_text('{"a": 1}\n{"a": 2}\n')
    (tmp_path / "notes.json").write_text('{"a": 1}')
    assert not read(tmp_path)[1].failed
    assert detected(tmp_path).format == "files"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_other_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    pictures(tmp_path, "a.png")
    content = json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": CATEGORIES})
    (tmp_path / "x.json").write_bytes(content.encode(encoding))
    ledger = detected(tmp_path)
    assert ledger.format == "coco"
    assert ledger.complete


def test_a_document_whose_pictures_are_gone_is_recognised(tmp_path: Path) -> None:
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)])
    ledger = detected(tmp_path)
    assert ledger.format == "coco"
    assert ledger.lost == {"frames": 1, "boxes": 1}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("\u00c4.png", "A\u0308.png"),
        ("A%20b.png", "A b.png"),
        ("A b.png", "A%20b.png"),
        ("IMAGES/A.PNG", "images/a.png"),
    ],
)
def test_names_that_resemble_one_file_mean_it_and_are_named(tmp_path: Path, name: str, file: str) -> None:
    pictures(tmp_path, file)
    document(tmp_path / "x.json", [{"id": 1, "file_name": name}], [box(1, 1)])
    found, ledger = read(tmp_path)
    assert found[file]["annotations"]
    assert f"Unicode normalisation or %-escapes ({name!a} is {file!a})" in reasons(ledger)
    assert ledger.complete


def test_names_that_resemble_a_file_of_another_image_are_lost(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    images = [{"id": n, "file_name": name} for n, name in enumerate(("A.png", "a.png", "B.png", "b.PNG"))]
    document(tmp_path / "x.json", images, [box(n, n) for n in range(4)])
    found, ledger = read(tmp_path)
    assert len(found["a.png"]["annotations"]) == 1
    assert not found["b.png"].get("annotations")
    assert ledger.lost == {"frames": 3, "boxes": 3}
    assert "several names resemble" in reasons(ledger)


@pytest.mark.parametrize(
    "mask",
    [{"counts": [1]}, {"size": [80, 100]}, {"size": [80, 100], "counts": ["x", 1]}, {"size": "x", "counts": [1]},
     {"size": [80, 100], "counts": [None]}, {"size": [80, 100], "counts": [10**30]}]
)  # fmt: skip
def test_reasons_are_plain_words(tmp_path: Path, mask: dict[str, Any]) -> None:
    _, ledger = one(tmp_path, box(1, 1, segmentation=mask))
    (note,) = ledger.losses()
    assert note.kind == "masks"
    assert note.detail
    assert not any(word in note.detail for word in ("'size'", "supported", "object", "C long", "NoneType", "argument"))


@pytest.mark.parametrize("value", [1, True, "1", 1.0, " 1"])
def test_crowds_are_crowds_however_they_are_written(tmp_path: Path, value: Any) -> None:
    frame, ledger = one(tmp_path, box(1, 1, iscrowd=value), box(2, 1, 2, iscrowd="0", bbox=[5, 5, 5, 5]))
    crowds = {each["labels"][0]: each.get("meta") for each in frame["annotations"]}
    assert crowds == {"cat": {"iscrowd": 1}, "dog": None}
    assert type(crowds["cat"]["iscrowd"]) is int
    assert not ledger.notes


@pytest.mark.parametrize("size", [(-1, 80), (0, 0), ("100", "80"), (100, None)])
def test_sizes_that_cannot_be_true_are_named(tmp_path: Path, size: Any) -> None:
    _, ledger = one(tmp_path, box(1, 1), image={"width": size[0], "height": size[1]})
    assert f"sizes that cannot be true, not used ({size[0]!r} x {size[1]!r})" in reasons(ledger)
    assert ledger.complete


def test_garbage_is_collected_while_pictures_are_read_and_after_reading_failed(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    document(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [box(1, 1)])
    frozen, threshold = gc.get_freeze_count(), gc.get_threshold()
    for _ in Intake(Folder(tmp_path), Options("coco")).entries():
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    assert gc.get_freeze_count() == 0
    with pytest.raises(ZeroDivisionError), unscanned():
        _ = 1 / 0
    assert gc.isenabled()
    assert gc.get_threshold() == threshold
