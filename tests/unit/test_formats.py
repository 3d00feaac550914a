"""Folders in every layout, with everything that goes wrong in them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from hyperdatasets.core.errors import InvalidArgument, NotFound
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import jsonl
from hyperdatasets.formats.entry import Entry, Problem
from hyperdatasets.formats.media import probe_file
from hyperdatasets.formats.reading import detect, read

BCCD = Path(__file__).parents[3] / "shared" / "data" / "bccd"


def picture(path: Path, size: tuple[int, int] = (100, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def frames(folder: Path, format_name: str = "auto") -> tuple[dict[str, list], list[Problem]]:
    found, problems = {}, []
    for entry in read(folder, format_name):
        problems += entry.problems
        if any(problem.reason.startswith("left out") for problem in entry.problems):
            continue
        media, _ = probe_file(folder / entry.path)
        assert media is not None
        frame, dropped = entry.to_frame(f"file:///{entry.path}", media)
        problems += dropped
        found[entry.path] = normalise(frame)[0].get("annotations", [])
    return found, problems


VOC = """<annotation><object><name>RBC</name><difficult>1</difficult>
<bndbox><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>25</ymax></bndbox></object>
<object><name>WBC</name><bndbox><xmin>{x}</xmin><ymin>5</ymin><xmax>{x}</xmax><ymax>5</ymax></bndbox></object>
<object><name>far</name><bndbox><xmin>500</xmin><ymin>5</ymin><xmax>510</xmax><ymax>25</ymax></bndbox></object>
</annotation>"""


def test_voc(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    picture(tmp_path / "JPEGImages" / "b.jpg")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(VOC.format(x=7))
    (tmp_path / "Annotations" / "gone.xml").write_text(VOC.format(x=7))
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a\n")
    assert detect(tmp_path) == "voc"
    found, problems = frames(tmp_path)
    (box,) = found["JPEGImages/a.jpg"]
    assert (box["labels"], box["geometry"]["box"], box["meta"]) == (["RBC"], [10, 5, 20, 20], {"difficult": True})
    assert found["JPEGImages/b.jpg"] == []
    reasons = {problem.file: problem.reason for problem in problems}
    assert "missing" in reasons["Annotations/gone.xml"]
    said = " ".join(problem.reason for problem in problems if problem.file == "JPEGImages/a.jpg")
    assert "degenerate" in said
    assert "wholly outside" in said
    assert {entry.path: entry.meta for entry in read(tmp_path)}["JPEGImages/a.jpg"] == {"split": "train"}


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>',
        "<annotation>",
        "<annotation><object><name>x</name><bndbox><xmin>a</xmin></bndbox></object></annotation>",
    ],
)
def test_xml_with_entities_or_mistakes_keeps_the_picture(tmp_path: Path, xml: str) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.xml").write_text(xml)
    found, problems = frames(tmp_path, "voc")
    assert found == {"a.jpg": []}
    assert len(problems) == 1


def test_coco_with_missing_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "gone.jpg"}],
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 1, "score": 0.5},
            {"id": 2, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 9, 1, 9, 9]], "bbox": [1, 1, 8, 8]},
            {"id": 3, "image_id": 1, "category_id": 9, "bbox": [1, 2, 3, 4]},
            {"id": 4, "image_id": 1, "category_id": 7, "segmentation": {"counts": [1], "size": [1, 1]}},
            {"id": 5, "image_id": 1, "category_id": 7, "bbox": [1, 2, 0, 4]},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    assert detect(tmp_path) == "coco"
    found, problems = frames(tmp_path)
    assert {shape for each in found["images/a.jpg"] for shape in each["geometry"]} == {"box", "polygon"}
    reasons = " | ".join(f"{problem.file}: {problem.reason}" for problem in problems)
    for text in ("gone.jpg: left out", "category 9 is not listed", "run-length", "width and height must be above 0"):
        assert text in reasons


def test_yolo(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.5 0.1 0.5 0.5\nx\n0 1\n")
    (tmp_path / "data.yaml").write_text("names: [cat, dog]")
    assert detect(tmp_path) == "yolo"
    found, problems = frames(tmp_path)
    boxes = {each["labels"][0]: each["geometry"] for each in found["images/a.png"]}
    assert boxes["cat"]["box"] == pytest.approx([40, 15, 20, 20])
    assert "polygon" in boxes["dog"]
    assert [problem.reason[:6] for problem in problems] == ["line 3", "line 4"]


def test_a_folder_per_label(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        picture(tmp_path / label / "1.png")
    assert detect(tmp_path) == "imagefolder"
    found, _ = frames(tmp_path)
    assert [each["labels"] for each in found["cat/1.png"]] == [["cat"]]


def test_files_with_sidecars(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.txt.json").write_text('{"annotations": [{"labels": ["x"], "geometry": {"span": [0, 2]}}]}')
    (tmp_path / "b.txt").write_text("text")
    (tmp_path / "b.json").write_text('{"lables": ["x"]}')
    (tmp_path / "c.txt").write_text("text")
    (tmp_path / "c.json").write_text("{")
    assert detect(tmp_path) == "files"
    found, problems = frames(tmp_path)
    assert [each["geometry"] for each in found["a.txt"]] == [{"span": [0, 2]}]
    assert found["b.txt"] == found["c.txt"] == []
    assert [problem.file for problem in problems] == ["b.json", "c.json"]


def test_json_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    frame = normalise({"id": "a", "blob": b"\1\2", "annotations": [{"labels": ["x"]}]})[0]
    (tmp_path / "a.jsonl").write_bytes(b"".join(jsonl.write([frame])) + b"nonsense\n[]\n")
    entries = list(read(tmp_path))
    assert normalise(entries[0].frame or {})[0] == frame
    assert all("left out" in entry.problems[0].reason for entry in entries[1:])


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read(tmp_path / "nothing")
    with pytest.raises(InvalidArgument, match="Did you mean coco"):
        read(tmp_path, "cocoo")
    assert Entry("a").frame is None


@pytest.mark.skipif(not BCCD.exists(), reason="the blood-cell pictures are not beside this checkout")
def test_the_blood_cells() -> None:
    problems, count = [], 0
    for entry in read(BCCD):
        count += 1
        problems += entry.problems
    assert count == 364
    assert {Path(problem.file).name for problem in problems} == {"BloodImage_00338.jpg", "BloodImage_00343.jpg"}


SIDECARS = ['{"annotations": 5}', '{"annotations": [5]}', '{"labels": 5}', '{"labels": "cat"}', '{"meta": [1]}',
            '{"annotations": [{"labels": 5}]}', '{"meta": {"x": "' + "y" * 2_000_000 + '"}}']  # fmt: skip


@pytest.mark.parametrize("sidecar", SIDECARS)
def test_a_sidecar_with_mistakes_keeps_the_file(tmp_path: Path, sidecar: str) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.json").write_text(sidecar)
    found, problems = frames(tmp_path, "files")
    assert found == {"a.jpg": []}
    assert len(problems) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"annotations": [1]},
        {"annotations": 5},
        {"categories": ["a"]},
        {"images": [{"id": 1, "file_name": "a.jpg"}, "x"]},
    ],
)
def test_a_coco_file_with_mistakes_keeps_the_pictures(tmp_path: Path, more: dict) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "x.json").write_text(json.dumps({"images": [{"id": [1], "file_name": "a.jpg"}], **more}))
    found, problems = frames(tmp_path, "coco")
    assert found == {"a.jpg": []}
    assert "expected lists of objects" in problems[0].reason


def test_a_picture_of_several_coco_files_comes_once_with_all_of_them(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    for label in ("cat", "dog"):
        content = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": label}],
                   "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}  # fmt: skip
        (tmp_path / f"{label}.json").write_text(json.dumps(content))
    assert [entry.path for entry in read(tmp_path, "coco")] == ["a.jpg"]
    found, _ = frames(tmp_path, "coco")
    assert sorted(each["labels"][0] for each in found["a.jpg"]) == ["cat", "dog"]


def test_pictures_of_one_name_get_each_its_own_annotations(tmp_path: Path) -> None:
    for part, label in (("train", "cat"), ("test", "dog")):
        picture(tmp_path / part / "1.jpg")
        (tmp_path / part / "1.xml").write_text(VOC.format(x=7).replace("RBC", label))
    picture(tmp_path / "elsewhere" / "1.jpg")
    found, problems = frames(tmp_path, "voc")
    assert {path: [each["labels"] for each in kept] for path, kept in found.items()} == {
        "train/1.jpg": [["cat"]], "test/1.jpg": [["dog"]], "elsewhere/1.jpg": [],
    }  # fmt: skip
    assert any("could be any of" in problem.reason for problem in problems if problem.file == "elsewhere/1.jpg")


@pytest.mark.parametrize("names", [b"names: {a: b}", b"names: 5", b"names: [gr\xf6n]", b"names: [", b"no names"])
def test_names_that_cannot_be_read_are_told(tmp_path: Path, names: bytes) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("0 .5 .5 .1 .1")
    (tmp_path / "data.yaml").write_bytes(names)
    with pytest.raises(InvalidArgument, match="names"):
        list(read(tmp_path, "yolo"))


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert probe_file(tmp_path / "pipe") == (None, "left out: it is no regular file")
