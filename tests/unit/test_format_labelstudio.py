from __future__ import annotations

import itertools
import json
import math
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.labelstudio import FORMAT, WRITTEN
from hyperdatasets.formats.labelstudio_rle import decoded, encoded
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.writing import Placed, Subject
from tests.unit.annotation_tools import (
    ELSEWHERE,
    HEIGHT,
    PLANE,
    WIDTH,
    ToFolder,
    comparable,
    frames,
    picture,
    read_all,
    told,
    write,
)

BOOKS = ("attributes", "bookkeeping of Label Studio: numbers, times, users")
STATE = ("attributes", "what the editor shows and how: hidden, locked, sizes of points, copies of marked texts")


IDS = itertools.count()


def result(result_type: str, value: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    return {"original_width": 40, "original_height": 30, "image_rotation": 0, "value": value, "id": f"id{next(IDS)}",
            "from_name": "label", "to_name": "image", "type": result_type, "origin": "manual", **more}  # fmt: skip


def task(*results: Any, data: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    made = {"id": 5, "completed_by": 3, "result": list(results), "was_cancelled": False, "ground_truth": False}
    return {"id": 1, "data": data or {"image": "/data/upload/1/0123abcd-a.png"}, "annotations": [made],
            "predictions": [], "drafts": [], "meta": {}, **more}  # fmt: skip


def export(path: Path, *tasks: Any, pictures: tuple[str, ...] = ("a.png",)) -> None:
    for each in pictures:
        picture(path / each)
    (path / "export.json").write_text(json.dumps(list(tasks)))


def one(path: Path, *results: Any, **more: Any) -> tuple[dict[str, Any], Ledger]:
    export(path, task(*results, **more))
    found, ledger = read_all(path, FORMAT)
    return found["a.png"], ledger


def rle(bitmap: Any) -> list[int]:
    return encoded(np.array(bitmap, dtype=np.bool_))


BOX = {"x": 10, "y": 20, "width": 50, "height": 10, "rotation": 0, "rectanglelabels": ["cat"]}
PIXELS = np.zeros((30, 40), dtype=np.bool_)
PIXELS[5:7, 4:8] = True


@pytest.mark.parametrize(("each", "geometry", "meta"), [
    (result("rectanglelabels", BOX),
     {"box": [4, 6, 20, 3]}, {}),
    (result("polygonlabels", {"points": [[10, 10], [20, 10], [20, 50]], "closed": True, "polygonlabels": ["cat"]}),
     {"polygon": [[4, 3, 8, 3, 8, 15]]}, {}),
    (result("polygonlabels", {"points": [[10, 10], [20, 10], [20, 50]], "closed": False, "polygonlabels": ["cat"]}),
     {"polygon": [[4, 3, 8, 3, 8, 15]]}, {"closed": False}),
    (result("keypointlabels", {"x": 10, "y": 20, "keypointlabels": ["cat"]}), {"keypoints": [4, 6]}, {}),
    (result("ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "rotation": 30, "ellipselabels": ["cat"]},
            hidden=True),
     {"ellipse": [20, 15, 4, 3, 30]}, {}),
    (result("brushlabels", {"format": "rle", "rle": rle(PIXELS), "brushlabels": ["cat"]}),
     {"polygon": [[4, 5, 8, 5, 8, 7, 4, 7]]}, {"shape": "mask"}),
    (result("rectanglelabels", {"x": 10, "y": 20, "width": 50, "height": 10, "rectanglelabels": ["cat"]},
            from_name="box2", parentID="q", meta={"text": ["blurred"]}, origin="prediction", size=3),
     {"box": [4, 6, 20, 3]}, {"from_name": "box2", "parentID": "q", "text": ["blurred"], "source": "prediction",
                              "size": 3}),
])  # fmt: skip
def test_every_region_of_a_picture(tmp_path: Path, each: dict[str, Any], geometry: Any, meta: dict[str, Any]) -> None:
    frame, ledger = one(tmp_path, each)
    (annotation,) = frame["annotations"]
    assert annotation["geometry"] == geometry
    assert annotation["meta"] == {"annotator": 3, **meta}
    assert annotation["labels"] == ["cat"]
    assert told(ledger, "lost") == told(ledger, "noticed") == []
    assert [each for each in told(ledger, "skipped") if each[:2] != STATE] == [(*BOOKS, 2)]


@pytest.mark.parametrize("angle", [30, 90, 200, 359.5, -45])
def test_boxes_turn_about_their_top_left_corner_there_and_about_their_middle_here(tmp_path: Path, angle: float) -> None:
    value = {"x": 50, "y": 50, "width": 25, "height": 20, "rotation": angle, "rectanglelabels": ["cat"]}
    frame, _ = one(tmp_path, result("rectanglelabels", value))
    x, y, width, height, turned = frame["annotations"][0]["geometry"]["box"]
    radians = math.radians(angle)
    across, down = x + width / 2 - 20, y + height / 2 - 15  # from the corner to the middle
    assert (width, height, turned) == (10, 6, angle)
    assert across == pytest.approx(5 * math.cos(radians) - 3 * math.sin(radians))
    assert down == pytest.approx(5 * math.sin(radians) + 3 * math.cos(radians))


def test_a_region_with_several_results_is_one_annotation(tmp_path: Path) -> None:
    place = {"x": 10, "y": 20, "width": 50, "height": 10, "rotation": 0}
    frame, ledger = one(
        tmp_path,
        result("rectangle", place, id="r"),
        result("labels", {**place, "labels": ["word", "bold"]}, id="r"),
        result("textarea", {**place, "text": ["hello"]}, id="r", from_name="transcription"),
        result("choices", {**place, "choices": ["x", "y"]}, id="r", from_name="kind"),
        result("rating", {**place, "rating": 4}, id="r", from_name="kind"),
    )
    (annotation,) = frame["annotations"]
    assert annotation["labels"] == ["word", "bold"]
    assert annotation["geometry"] == {"box": [4, 6, 20, 3]}
    assert annotation["meta"] == {"annotator": 3, "transcription": "hello", "kind": ["x", "y"]}
    assert told(ledger, "lost") == [("attributes", "values under a name that is taken; the first was kept", 1)]


def test_facts_about_the_whole_picture(tmp_path: Path) -> None:
    frame, ledger = one(
        tmp_path,
        result("choices", {"choices": ["indoor", "night"]}, from_name="scene"),
        result("choices", {"choices": ["x"]}, from_name="choices"),
        result("taxonomy", {"taxonomy": [["animal", "cat"], ["plant"]]}, from_name="tax"),
        result("textarea", {"text": ["a cat", "a dog"]}, from_name="caption"),
        result("textarea", {"text": ["Meier"]}, from_name="doctor"),
        result("rating", {"rating": 4}, from_name="quality"),
        result("number", {"number": 2.5}, from_name="age"),
        result("datetime", {"datetime": "2024-01-01"}, from_name="day"),
    )
    assert sorted((each["labels"], each["meta"]) for each in frame["annotations"]) == [
        (["animal", "cat"], {"annotator": 3, "from_name": "tax", "taxonomy": ["animal", "cat"]}),
        (["indoor", "night"], {"annotator": 3, "from_name": "scene"}),
        (["plant"], {"annotator": 3, "from_name": "tax", "taxonomy": ["plant"]}),
        (["x"], {"annotator": 3}),
    ]
    assert frame["meta"] == {
        "captions": ["a cat", "a dog"],
        "doctor": "Meier",
        "quality": 4,
        "age": 2.5,
        "day": "2024-01-01",
    }
    assert told(ledger, "lost") == []


def test_spans_of_texts_and_recordings(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("Angela Merkel lives")
    (tmp_path / "README.md").write_text("x")
    with wave.open(str(tmp_path / "s.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * 80_000)
    spoken = {"start": 1.5, "end": 2.25, "channel": 0, "labels": ["speech"]}
    rough = {"start": 1.50049, "end": 2.25, "channel": 1, "labels": ["noise"]}
    export(
        tmp_path,
        task(
            result("labels", {"start": 0, "end": 13, "text": "Angela Merkel", "labels": ["PER"]}),
            data={"text": "t.txt"},
        ),
        task(result("labels", spoken), result("labels", rough), data={"audio": "s3://bucket/x/s.wav"}),
        pictures=(),
    )
    found, ledger = read_all(tmp_path, FORMAT)
    assert list(found) == ["s.wav", "t.txt"]
    (text,) = found["t.txt"]["annotations"]
    assert (text["labels"], text["geometry"]) == (["PER"], {"span": [0, 13]})
    spans = {each["labels"][0]: (each["geometry"]["span"], each["meta"]) for each in found["s.wav"]["annotations"]}
    assert spans == {
        "speech": ([1500, 2250], {"annotator": 3}), "noise": ([1500, 2250], {"annotator": 3, "channel": 1}),
    }  # fmt: skip
    assert told(ledger, "noticed") == [("spans", "times that are no whole milliseconds, rounded", 1)]
    assert told(ledger, "lost") == []
    assert (*STATE, 1) in told(ledger, "skipped")
    assert ("other files", "files that are no data of this format", 1) in told(ledger, "skipped")


def test_predictions_have_an_origin_and_a_confidence(tmp_path: Path) -> None:
    box = {"x": 10, "y": 20, "width": 50, "height": 10, "rotation": 0, "rectanglelabels": ["cat"]}
    predictions = [
        {"model_version": "yolo", "score": 0.5, "result": [result("rectanglelabels", box, id="a"),
                                                            result("rectanglelabels", box, score=0.75, id="b")]},
        {"score": 7, "result": [result("choices", {"choices": ["x"]}), result("rating", {"rating": 3}),
                                result("textarea", {"text": ["x"]}, from_name="caption")]},
    ]  # fmt: skip
    frame, ledger = one(tmp_path, predictions=predictions)
    assert sorted(
        (each["origin"], each.get("confidence"), each.get("meta")) for each in frame["annotations"][:3]
    ) == sorted(
        [
            ("yolo", 0.5, None),
            ("yolo", 0.75, {"prediction_score": 0.5}),
            ("unknown model", None, {"score": 7, "from_name": "label"}),
        ],
    )
    assert told(ledger, "lost") == [
        ("attributes", "texts and numbers by a model, which have no place", 1),
        ("captions", "texts and numbers by a model, which have no place", 1),
    ]
    assert told(ledger, "noticed") == [
        ("frames", "predictions without `model_version`, kept with the origin `unknown model`", 1)
    ]


def test_all_annotators_are_kept_and_skipped_annotations_are_not(tmp_path: Path) -> None:
    def choice(label: str, person: Any, **more: Any) -> dict[str, Any]:
        results = [
            result("choices", {"choices": [label]}, from_name="choices"),
            result("rating", {"rating": len(label)}),
        ]
        return {"completed_by": person, "result": results, **more}

    annotations = [choice("a", 1), choice("bb", {"id": 2, "email": "x@y.z"}, ground_truth=True, quality="good"),
                   choice("c", 3, was_cancelled=True), choice("d", None)]  # fmt: skip
    frame, ledger = one(tmp_path, annotations=annotations)
    assert sorted((each["labels"], each.get("meta")) for each in frame["annotations"]) == [
        (["a"], {"annotator": 1}), (["bb"], {"annotator": 2, "ground_truth": True, "quality": "good"}), (["d"], None),
    ]  # fmt: skip
    assert "x@y.z" not in str(frame)
    assert told(ledger, "noticed") == [
        ("attributes", "annotators, kept by their number; names and addresses are left out", 1),
        (
            "frames",
            "tasks with several annotations; all are kept, and `annotator` in the metadata says whose each is",
            1,
        ),
    ]
    assert told(ledger, "skipped")[0] == ("attributes", "annotations that their annotator skipped (was_cancelled)", 1)
    assert told(ledger, "lost") == [("attributes", "different values for one name; the first was kept", 1)]


def test_data_of_tasks_is_metadata(tmp_path: Path) -> None:
    data = {"image": "a.png", "city": "Bonn", "split": "Training", "tags": [1], "captions": "x"}
    frame, ledger = one(tmp_path, data=data, meta={"note": 1}, agreement=0.5, inner_id=4, drafts=[
        {"result": [result("choices", {"choices": ["x"]}), result("keypointlabels", {})]}, 7,
    ])  # fmt: skip
    assert frame["meta"] == {
        "city": "Bonn", "split": "train", "tags": [1], "note": 1, "agreement": 0.5, "captions": ["x"],
    }  # fmt: skip
    assert told(ledger, "lost") == [
        ("attributes", "drafts that were never submitted", 1), ("key points", "drafts that were never submitted", 1),
        ("labels", "drafts that were never submitted", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "there"), [
    ("/data/upload/1/0123abcd-a.png", "a.png"), ("/data/upload/1/0123abcd-a.png", "images/0123abcd-a.png"),
    ("/data/local-files/?d=sub/a.png", "sub/a.png"), ("/data/local-files/?d=x%2Fsub%2Fa%20b.png", "sub/a b.png"),
    ("s3://bucket/x/a.png", "a.png"), ("https://host/x/a%C3%A4.png?token=1", "aä.png"), ("sub\\a.png", "sub/a.png"),
    ("/data/upload/1/0123abcd-my_photo.png", "my photo.png"), ("A.PNG", "a.png"), ("/home/me/x/a.png", "x/a.png"),
])  # fmt: skip
def test_files_are_found_by_all_kinds_of_names(tmp_path: Path, value: str, there: str) -> None:
    export(tmp_path, task(result("choices", {"choices": ["x"]}), data={"image": value}), pictures=(there,))
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found[there]["annotations"]) == 1
    assert told(ledger, "lost") == []


def test_tasks_without_a_file_are_lost_with_their_annotations(tmp_path: Path) -> None:
    export(
        tmp_path, task(result("choices", {"choices": ["x"]}), data={"image": "no.png"}),
        task(result("labels", {"start": 1, "end": 2}), data={"text": "Once upon a time.\nThe end" * 999}),
        task(result("x", {}), "y", data={"image": "/data/d.png"}), task(data={"images": ["a.png", "b.png"]}),
        pictures=("a.png", "b.png", "x/d.png", "y/d.png"),
    )  # fmt: skip
    found, ledger = read_all(tmp_path, FORMAT)
    assert list(found) == ["a.png", "b.png", "x/d.png", "y/d.png"]
    assert told(ledger, "lost") == [
        ("attributes", "annotations of a task without a file", 2),
        ("frames", "files that are described, but are not in the folder", 1),
        ("frames", "files that are described, but several have this name", 1),
        ("frames", "further files of a task; only the first is read", 1),
        ("frames", "tasks with their data inside of the JSON; save each as a file and refer to it", 1),
        ("labels", "annotations of a task without a file", 1),
        ("spans", "annotations of a task without a file", 1),
    ]


@pytest.mark.parametrize(("each", "kind", "reason"), [
    (result("rectanglelabels", {**BOX, "x": "1"}), "boxes", "shapes whose coordinates are no numbers"),
    (result("rectanglelabels", {**BOX, "x": None}), "boxes", "shapes whose coordinates are no numbers"),
    (result("rectanglelabels", {**BOX, "x": 1e307}), "boxes", "annotations that are not valid"),
    (result("rectanglelabels", {**BOX, "rotation": "x"}), "boxes", "shapes whose coordinates are no numbers"),
    (result("rectanglelabels", {**BOX, "width": 0}), "boxes", "annotations that are not valid"),
    (result("rectanglelabels", {**BOX, "rectanglelabels": [["x"]]}), "boxes", "annotations that are not valid"),
    (result("rectanglelabels", {}), "boxes", "shapes whose coordinates are no numbers"),
    (result("rectanglelabels", BOX, item_index=1), "boxes",
     "regions on a further picture of a task; only the first is read"),
    (result("polygonlabels", {"points": [[1, 2], [3]]}), "polygons", "shapes whose points are no pairs of numbers"),
    (result("polygonlabels", {"points": [[1, 2], [3, 4]]}), "polygons", "annotations that are not valid"),
    (result("polygonlabels", {"points": 3}), "polygons", "shapes whose points are no pairs of numbers"),
    (result("ellipselabels", {"x": 1, "y": 1, "radiusX": 1}), "ellipses", "shapes whose coordinates are no numbers"),
    (result("keypointlabels", {"x": 1}), "key points", "shapes whose coordinates are no numbers"),
    (result("brushlabels", {"format": "rle", "rle": [1, 2]}), "polygons", "masks that cannot be decoded"),
    (result("brushlabels", {"format": "rle", "rle": [1, 999]}), "polygons", "masks that cannot be decoded"),
    (result("brushlabels", {"format": "png"}), "polygons", "masks that cannot be decoded"),
    (result("brushlabels", {"format": "rle", "rle": rle(PIXELS)[:-2]}), "polygons", "masks that cannot be decoded"),
    (result("brushlabels", {"format": "rle", "rle": rle(PIXELS & False)}), "polygons", "masks without a set pixel"),
    (result("labels", {"start": 1, "end": 2, "labels": ["x"]}), "spans", "spans on a picture"),
    (result("choices", {"choices": []}), "labels", "results without a value"),
    (result("choices", {"choices": "x"}), "labels", "results without a value"),
    (result("taxonomy", {"taxonomy": ["x"]}), "labels", "results without a value"),
    (result("rating", {"rating": None}), "attributes", "results without a value"),
    ({"type": "relation", "from_id": "a", "to_id": "b"}, "attributes", "relations between regions"),
    (result("videorectangle", {"sequence": []}), "boxes", "results of a type that is not known"),
    (result("paragraphlabels", {"start": 1}), "spans", "results of a type that is not known"),
    (result("klingon", {}), "attributes", "results of a type that is not known"),
    ({"type": ["x"], "value": {}}, "attributes", "results of a type that is not known"),
    ("x", "attributes", "results that are no objects"), (result("x", 3), "attributes", "results that are no objects"),  # type: ignore[arg-type]
])  # fmt: skip
def test_what_cannot_be_kept_is_counted_and_named(tmp_path: Path, each: Any, kind: str, reason: str) -> None:
    frame, ledger = one(tmp_path, each)
    assert "annotations" not in frame
    assert told(ledger, "lost") == [(kind, reason, 1)]


@pytest.mark.parametrize("value", [[], {}, 0, False, "x", ["a"], 1e300, {"a": [1]}])
@pytest.mark.parametrize("name", [
    "type", "value", "id", "from_name", "score", "meta", "origin", "hidden", "image_rotation", "original_width",
    "item_index", "hyperdatasets", "parentID", "closed", "channel", "rectanglelabels", "labels", "text", "width",
])  # fmt: skip
def test_any_value_in_any_field_is_survived(tmp_path: Path, name: str, value: Any) -> None:
    inner = {
        **BOX,
        **({name: value} if name in {"closed", "channel", "rectanglelabels", "labels", "text", "width"} else {}),
    }
    frame, ledger = one(tmp_path, result("rectanglelabels", inner, **({} if inner != BOX else {name: value})),
                        result("choices", {"choices": ["x"]}, **({} if inner != BOX else {name: value})))  # fmt: skip
    assert len(frame.get("annotations", ())) <= 2
    assert ledger.kept["frames"] == 1


@pytest.mark.parametrize("name", ["annotations", "predictions", "drafts", "meta", "data", "completions"])
@pytest.mark.parametrize(
    "value", [[], {}, 0, "x", [1], [{"result": 3}], {"hyperdatasets": 3}, {"hyperdatasets": {"meta": 1}}]
)
def test_any_value_in_any_field_of_a_task_is_survived(tmp_path: Path, name: str, value: Any) -> None:
    export(tmp_path, {**task(result("choices", {"choices": ["x"]})), name: value}, {"x": 1}, 3, task())
    _, ledger = read_all(tmp_path, FORMAT)
    assert ledger.kept["frames"] == 1
    assert ("frames", "entries that are no tasks", 2 + (name == "data" and not isinstance(value, dict))) in told(ledger)


def test_guesses_are_named(tmp_path: Path) -> None:
    soft = encoded(PIXELS)
    place = {key: part for key, part in BOX.items() if key != "rectanglelabels"}
    frame, ledger = one(
        tmp_path, result("rectangle", place, from_name="bbox"), result("rectanglelabels", BOX, image_rotation=90),
        result("brushlabels", {"format": "rle", "rle": soft, "brushlabels": ["x"]}),
        result("rectanglelabels", BOX, original_width=80, original_height=60),
    )  # fmt: skip
    assert sorted(each["labels"][0] for each in frame["annotations"]) == ["bbox", "cat", "cat", "x"]
    assert told(ledger, "noticed") == [
        ("boxes", "regions drawn on a picture that the annotator had turned; kept as if it had not been", 1),
        ("boxes", "regions without a label, kept under the name of their tag", 1),
        ("frames", "files that are described with different sizes; the first was taken", 1),
    ]


def test_a_fact_of_a_region_that_is_not_known_is_named(tmp_path: Path) -> None:
    _, ledger = one(tmp_path, result("rectanglelabels", BOX, id="r"), result("klingon", BOX, id="r"))
    assert told(ledger, "lost") == [("attributes", "results without a value", 1)]


def test_annotations_by_number_and_other_lists_are_named(tmp_path: Path) -> None:
    _, ledger = one(tmp_path, predictions=[4, 5], completions={"a": 1})
    assert told(ledger, "lost") == [
        ("attributes", "annotations or predictions given by their number only", 2),
        ("attributes", "annotations or predictions that are no list", 1),
    ]


def test_two_places_with_one_id_are_two_regions(tmp_path: Path) -> None:
    frame, ledger = one(
        tmp_path, result("labels", {"labels": ["x"]}, id="r"), result("rectangle", {**BOX}, id="r"),
        result("rectanglelabels", {**BOX, "x": 20}, id="r"), result("rectanglelabels", {**BOX}, id="r"),
    )  # fmt: skip
    found = sorted((each["geometry"]["box"][0], each["labels"]) for each in frame["annotations"])
    assert found == [(4, ["cat", "x"]), (8, ["cat"])]
    assert told(ledger, "lost") == []


def test_sizes_that_are_not_stated_are_those_of_the_picture(tmp_path: Path) -> None:
    without = {key: part for key, part in result("rectanglelabels", BOX).items() if not key.startswith("original")}
    frame, ledger = one(tmp_path, without)
    assert frame["annotations"][0]["geometry"] == {"box": [4, 6, 20, 3]}
    assert told(ledger, "lost") == []


def test_pictures_turned_by_exif_are_measured_as_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.jpg", exif=exif)
    without = {key: part for key, part in result("rectanglelabels", BOX).items() if not key.startswith("original")}
    export(tmp_path, task(without, data={"image": "a.jpg"}), pictures=())
    found, _ = read_all(tmp_path, FORMAT)
    assert found["a.jpg"]["annotations"][0]["geometry"]["box"] == pytest.approx([3, 8, 15, 4])


def test_shapes_on_files_that_are_no_pictures_are_lost(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("x")
    results = [result("rectanglelabels", BOX), result("labels", {"start": 0.5, "end": 1})]
    export(tmp_path, task(*results, data={"x": "t.txt"}), pictures=())
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger, "lost") == [
        ("boxes", "shapes of a picture on a file that is none", 1),
        ("spans", "spans of a text whose ends are no whole numbers", 1),
    ]


def test_the_small_export(tmp_path: Path) -> None:
    box = {**BOX, "original_width": 40, "original_height": 30}
    small = {
        "image": "/data/upload/1/0123abcd-a.png", "id": 1, "label": [box], "scene": {"choices": ["a", "b"]},
        "mood": "glad",
        "parts": [{"points": [[10, 10], [20, 10], [20, 50]], "original_width": 40, "original_height": 30}],
        "annotator": 1, "annotation_id": 1, "created_at": "2024", "updated_at": "2024", "lead_time": 3.5,
    }  # fmt: skip
    export(tmp_path, small)
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert evidence.annotated == 1
    found, ledger = read_all(tmp_path, FORMAT)
    frame = found["a.png"]
    assert frame["meta"] == {"mood": "glad"}
    assert sorted((each["labels"], *each.get("geometry", ())) for each in frame["annotations"]) == [
        (["a", "b"],), (["cat"], "box"), (["parts"], "polygon"),
    ]  # fmt: skip
    unsure = "texts of a JSON-MIN export: data or choices, kept as metadata; the JSON export tells them apart"
    assert ("attributes", unsure, 1) in told(ledger, "noticed")
    assert told(ledger, "lost") == []


def test_a_file_for_each_annotation_of_a_storage(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for number in (1, 2):
        content = {"id": number, "result": [result("choices", {"choices": [f"c{number}"]})], "completed_by": number,
                   "task": {"id": 1, "data": {"image": "a.png"}}}  # fmt: skip
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
    found, ledger = read_all(tmp_path, FORMAT)
    assert sorted(each["labels"][0] for each in found["a.png"]["annotations"]) == ["c1", "c2"]
    assert ("frames", "files that are described more than once; all annotations were kept", 1) in told(ledger)


@pytest.mark.parametrize("content", [
    b'[{"annotations": [], "data": {"image": "a.png"}', b'[{"annotations": [], "data": {"image": "\xff"}}]',
    b'[{"annotations": [], "data": {"image": ' + b"[" * 500 + b"]" * 500 + b"}}]",
])  # fmt: skip
def test_files_that_cannot_be_read_fail_the_run_and_pictures_stay(tmp_path: Path, content: bytes) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "export.json").write_bytes(content)
    found, ledger = read_all(tmp_path, FORMAT)
    assert list(found) == ["a.png"]
    assert told(ledger, "lost") == [("annotation files", "Label Studio files that cannot be read", 1)]
    assert ledger.failed


def test_other_files_and_marks_change_nothing(tmp_path: Path) -> None:
    export(tmp_path, task(result("choices", {"choices": ["x"]})))
    text = (tmp_path / "export.json").read_text()
    (tmp_path / "export.json").unlink()
    (tmp_path / "export.JSON").write_bytes(b"\xef\xbb\xbf" + text.replace(", ", ",\r\n").encode())
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "other.json").write_text('{"images": []}')
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found["a.png"]["annotations"]) == 1
    assert told(ledger, "lost") == []
    assert [note.place for note in ledger.notes if note.kind == "other files"] == ["other.json"]


def test_recognised_by_its_keys(tmp_path: Path) -> None:
    assert FORMAT.recognise(Folder(tmp_path)) is None
    export(tmp_path, task(), task())
    (tmp_path / "coco.json").write_text('{"images": [], "annotations": [], "categories": []}')
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.used, evidence.told) == (
        1,
        ["export.json"],
        "1 Label Studio file with 2 tasks",
    )


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_brush_masks_come_back(bitmap: np.ndarray) -> None:
    back, soft = decoded(encoded(bitmap), bitmap.shape[1], bitmap.shape[0])
    assert (back == bitmap).all()
    assert not soft


def slow_decoded(stream: list[int]) -> list[int]:
    """The algorithm of @thi.ng/rle-pack, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in stream)
    at = 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    total, word_size = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    out: list[int] = []
    while len(out) < total:
        repeats, length = take(1), take(sizes[take(2)]) + 1
        out += [take(word_size)] * length if repeats else [take(word_size) for _ in range(length)]
    return out


@given(st.data())
def test_brush_masks_with_words_one_by_one(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    total = width * height * 4
    bits, made = f"{total:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}", 0
    while made < total:
        length = data.draw(st.integers(1, min(8, total - made)))
        repeats = data.draw(st.booleans())
        words = data.draw(st.lists(st.integers(0, 255), min_size=length, max_size=length))
        bits += f"{int(repeats)}00{length - 1:03b}" + "".join(f"{word:08b}" for word in words[: 1 if repeats else None])
        made += length
    bits += "0" * (-len(bits) % 8)
    stream = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    alphas = np.array(slow_decoded(stream)).reshape(height, width, 4)[:, :, 3]
    back, soft = decoded(stream, width, height)
    assert (back == (alphas > 0)).all()
    assert soft == bool(((alphas > 0) & (alphas < 255)).any())


def test_a_run_of_colours_without_alpha_is_no_soft_edge() -> None:
    """Found by the property above: red repeats, and alpha follows in a record of its own."""
    bits = f"{4:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + f"100{2:03b}{1:08b}" + f"000{0:03b}{0:08b}"
    bits += "0" * (-len(bits) % 8)
    back, soft = decoded([int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)], 1, 1)
    assert (back.tolist(), soft) == ([[False]], False)


def test_soft_brushes_are_named(tmp_path: Path) -> None:
    total = WIDTH * HEIGHT * 4
    bits = f"{total:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + f"111{total - 1:016b}{128:08b}"
    bits += "0" * (-len(bits) % 8)
    stream = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    _, ledger = one(tmp_path, result("brushlabels", {"format": "rle", "rle": stream, "brushlabels": ["x"]}))
    assert told(ledger, "noticed") == [
        ("polygons", "masks with soft edges; pixels that are covered in part belong to them", 1)
    ]


SOURCE = {"id": "default", "uri": "file:0.png", "width": WIDTH, "height": HEIGHT}
TEXT = {"id": "default", "uri": "file:0.txt", "content_type": "text/plain"}


def round_trip(path: Path, given_frames: list[dict[str, Any]]) -> Ledger:
    write(path, WRITTEN, given_frames, {"cat": 0})
    names = []
    for number, frame in enumerate(given_frames):
        if frame["sources"][0]["uri"].endswith(".txt"):
            names.append(f"images/{number}-default.txt")
            (path / "images").mkdir(exist_ok=True)
            (path / names[-1]).write_text(f"text {number}")
        else:
            names.append(f"images/{number}-default.png")
            picture(path / names[-1])
    found, ledger = read_all(path, FORMAT)
    for name, frame in zip(names, given_frames, strict=True):
        back, there = comparable(found[name]), comparable(frame)
        assert back == there
        assert orjson.dumps(back, option=orjson.OPT_SORT_KEYS) == orjson.dumps(there, option=orjson.OPT_SORT_KEYS)
    return ledger


@given(st.lists(frames(PLANE | ELSEWHERE, SOURCE) | frames(PLANE | ELSEWHERE, TEXT), min_size=1, max_size=2))
def test_frames_come_back_exactly(given_frames: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        ledger = round_trip(Path(name), given_frames)
        assert told(ledger, "lost") == []


def frame(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return normalise({"sources": [dict(SOURCE)], "annotations": list(annotations), **more})[0]  # type: ignore[return-value]


def written(path: Path, given_frame: dict[str, Any]) -> tuple[dict[str, Any], Ledger]:
    ledger = write(path, WRITTEN, [given_frame], {})
    (made,) = json.loads((path / "tasks.json").read_text())
    return made, ledger


def test_the_file_is_what_label_studio_imports(tmp_path: Path) -> None:
    made, ledger = written(tmp_path, frame(
        {"labels": ["cat", "dog"], "geometry": {"box": [4, 6, 20, 3]}},
        {"labels": ["cat"], "origin": "yolo", "confidence": 0.5},
        meta={"split": "train", "city": "Bonn", "captions": ["x"]},
    ))  # fmt: skip
    assert made["data"] == {"image": "images/0-default.png", "split": "train", "city": "Bonn"}
    captions, box = made["annotations"][0]["result"]
    assert captions["value"] == {"text": ["x"]}
    assert box["value"] == {
        "x": 10,
        "y": 20,
        "width": 50,
        "height": 10,
        "rotation": 0,
        "rectanglelabels": ["cat", "dog"],
    }
    assert (box["original_width"], box["original_height"], box["type"]) == (40, 30, "rectanglelabels")
    (prediction,) = made["predictions"]
    assert prediction["model_version"] == "yolo"
    assert prediction["result"][0]["value"] == {"choices": ["cat"]}
    assert prediction["result"][0]["score"] == 0.5
    assert "hyperdatasets" not in json.dumps(made)
    assert ledger.kept == {"frames": 1, "boxes": 1, "labels": 1}
    assert ledger.notes == []


@pytest.mark.parametrize(("annotation", "types"), [
    ({"geometry": {"polygon": [[0, 0, 5, 0, 5, 5]]}}, ["polygonlabels"]),
    ({"geometry": {"polygon": [[0, 0, 5, 0, 5, 5, 0, 5], [1, 1, 2, 1, 2, 2, 1, 2]]}}, ["brushlabels"]),
    ({"geometry": {"polygon": [[0, 0, 5, 0, 5, 5, 0, 5]]}, "meta": {"shape": "mask"}}, ["brushlabels"]),
    ({"geometry": {"ellipse": [5, 5, 2, 3, 0]}}, ["ellipselabels"]),
    ({"geometry": {"keypoints": [5, 5]}}, ["keypointlabels"]),
    ({"geometry": {"keypoints": [5, 5, 6, 6, 7, 8]}}, ["keypointlabels"] * 3),
    ({"geometry": {"box": [5, 5, 6, 6, 30]}}, ["rectanglelabels"]),
    ({}, ["choices"]),
])  # fmt: skip
def test_every_shape_is_written(tmp_path: Path, annotation: dict[str, Any], types: list[str]) -> None:
    made, ledger = written(tmp_path, frame({"labels": ["cat"], **annotation}))
    assert [each["type"] for each in made["annotations"][0]["result"]] == types
    assert [kind for kind, _, _ in told(ledger)] == (["key points"] if len(types) > 1 else [])


def test_spans_are_written(tmp_path: Path) -> None:
    span = [{"labels": ["x"], "geometry": {"span": [1500, 2250]}}]
    sound = {"id": "default", "uri": "file:s.wav", "content_type": "audio/wav"}
    for number, source in enumerate((TEXT, sound)):
        made, ledger = written(tmp_path / str(number), normalise({"sources": [source], "annotations": span})[0])  # type: ignore[arg-type]
        (each,) = made["annotations"][0]["result"]
        assert (each["type"], each["to_name"]) == ("labels", ["text", "audio"][number])
        assert each["value"] == {"labels": ["x"], "start": [1500, 1.5][number], "end": [2250, 2.25][number]}
        assert ledger.notes == []


def test_what_label_studio_does_not_see_is_named(tmp_path: Path) -> None:
    unsized = normalise(
        {"sources": [{"uri": "file:x.png"}], "annotations": [{"labels": ["a"], "geometry": {"box": [1, 2, 3, 4]}}]}
    )
    given_frames = [
        frame({"labels": ["a"], "geometry": {"span": [1, 2]}}, {"labels": ["a"], "geometry": {"mask": [1, 2, 3]}},
              {"labels": ["a"], "geometry": {"box": [1, 2, 1e15, 1e15]}},
              {"labels": ["a"], "geometry": {"polygon": [[0, 0, 0.1, 0, 0.1, 0.1], [2, 2, 2.1, 2, 2.1, 2.1]]}},
              {"labels": ["a"], "geometry": {"polygon": [[0, 0, 5, 0, 5, 5.5], [1, 1, 2, 1, 2, 2, 1, 2]]}}),
        unsized[0], normalise({"blob": b"x"})[0],
        normalise({"sources": [{"id": "l", "uri": "file:l.png"}, {"id": "r", "uri": "file:r.png"}]})[0],
    ]  # fmt: skip
    ledger = write(tmp_path, WRITTEN, given_frames, {})  # type: ignore[arg-type]
    unseen = "labels, spans and shapes kept under `hyperdatasets`, since Label Studio has no place for them"
    assert told(ledger, "noticed") == [
        ("boxes", unseen, 2), ("masks", unseen, 1),
        ("polygons", unseen, 1),
        ("polygons", "polygons of several rings, which Label Studio sees as masks of whole pixels", 1),
        ("spans", unseen, 1),
    ]  # fmt: skip
    assert told(ledger, "lost") == [
        ("frames", "frames without a file, left out", 1), ("frames", "groups, written as a task for each source", 1),
    ]  # fmt: skip


def test_masks_come_back(tmp_path: Path) -> None:
    source = {**SOURCE, "masks": [{"id": "m", "uri": "file:m.png"}]}
    ledger = write(tmp_path, WRITTEN, [normalise({"sources": [source]})[0]], {})  # type: ignore[list-item]
    picture(tmp_path / "images/0-default.png")
    picture(tmp_path / "masks/0-m.png")
    found, back = read_all(tmp_path, FORMAT)
    assert list(found) == ["images/0-default.png"]
    assert found["images/0-default.png"]["sources"][0]["masks"] == [{"id": "m", "uri": "file:masks/0-m.png"}]
    assert ledger.notes == back.notes == []


def test_nothing_is_a_list_without_tasks(tmp_path: Path) -> None:
    write(tmp_path, WRITTEN, [], {})
    assert json.loads((tmp_path / "tasks.json").read_text()) == []


def test_a_frame_that_comes_in_parts_is_one_task(tmp_path: Path) -> None:
    output, ledger = ToFolder(tmp_path), Ledger("labelstudio")
    writer = WRITTEN.start(output, Subject("x", {}), ledger)
    for label, geometry in (("cat", {"box": [1, 2, 3, 4]}), ("dog", {"box": [1, 2, 3, 5]}), ("ant", {"span": [1, 2]})):
        part = frame({"labels": [label], "geometry": geometry})
        writer.add(Placed(part, {"default": "images/a.png"}, key=7))  # type: ignore[arg-type]
    writer.finish()
    output.close()
    picture(tmp_path / "images/a.png")
    found, _ = read_all(tmp_path, FORMAT)
    assert len(found["images/a.png"]["annotations"]) == 2
    assert told(ledger, "lost") == [("spans", "ROIs that come apart and have no place in Label Studio", 1)]


def test_what_somebody_changed_after_the_export_is_taken(tmp_path: Path) -> None:
    exact = {"labels": ["cat"], "geometry": {"keypoints": [1.1, 2.2, 3.3, 4.4]}, "meta": {"tags": [1]}, "id": "mine"}
    write(tmp_path, WRITTEN, [frame(exact)], {})
    picture(tmp_path / "images/0-default.png")
    file = tmp_path / "tasks.json"
    (made,) = json.loads(file.read_text())
    made["annotations"][0]["result"][1]["value"]["x"] = 50
    file.write_text(json.dumps([made]))
    found, ledger = read_all(tmp_path, FORMAT)
    points = sorted(
        (each["geometry"]["keypoints"], each["id"] == "mine") for each in found["images/0-default.png"]["annotations"]
    )
    assert [(pytest.approx(at), mine) for at, mine in points] == [([1.1, 2.2], True), ([20, 4.4], False)]
    assert told(ledger, "noticed") == [
        ("key points", "annotations that were changed after their export; what the format itself says is taken", 2)
    ]


@pytest.mark.parametrize("value", ["https://[docs", "http://℀.example/a", "://", "/data/local-files/?d=%", "a%ff\x00"])
def test_texts_that_look_like_addresses_are_data(tmp_path: Path, value: str) -> None:
    export(tmp_path, task(data={"image": "a.png", "note": value}), task(data={"note": value, "image": "gone.png"}))
    frames, ledger = read_all(tmp_path, FORMAT)
    assert frames["a.png"]["meta"]["note"] == value
    assert told(ledger, "lost") == [("frames", "files that are described, but are not in the folder", 1)]


def test_a_large_picture_is_not_read_for_its_size(tmp_path: Path, paths_given_to: Callable[[str], list[str]]) -> None:
    value = {"x": 0, "y": 0, "width": 50, "height": 50, "rectanglelabels": ["cat"]}
    export(tmp_path, task({"id": "r", "type": "rectanglelabels", "from_name": "label", "value": value}))
    read = paths_given_to("read")
    frames, _ = read_all(tmp_path, FORMAT)
    assert frames["a.png"]["annotations"][0]["geometry"] == {"box": [0, 0, WIDTH / 2, HEIGHT / 2]}
    assert "a.png" not in read
