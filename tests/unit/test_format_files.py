"""Plain files with sidecars: every file is a frame, or it is said why it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.formats import files
from hyperdatasets.formats.files import FORMAT
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import Intake, Options
from tests.reference.format_runs import Run, picture, read_all, text


def beside(root: Path, plain: Any, name: str = "scan.png.json") -> Run:
    picture(root / "scan.png")
    text(root / name, plain if isinstance(plain, str | bytes) else json.dumps(plain))
    return read_all(root, FORMAT)


def test_every_file_is_a_frame(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "a.png")
    text(tmp_path / "bmi.csv", "BMI,age\n23.1,40\n")
    text(tmp_path / "note.txt", "BMW parked at the gate\n")
    text(tmp_path / "Thumbs.db", b"\0")
    assert FORMAT.recognise(Folder(tmp_path)) is None, "it is the fallback"
    found = read_all(tmp_path, FORMAT)
    assert sorted(found.frames) == ["bmi.csv", "note.txt", "train/a.png"]
    assert found.meta("train/a.png") == {"split": "train"}
    assert not found.ledger.notes


def test_files_like_annotations_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for name in ("a.xml", "ann.JSON", "b.jsonl", "data.yaml"):
        text(tmp_path / name, "{}")
    found = read_all(tmp_path, FORMAT)
    assert list(found.frames) == ["a.png"]
    assert found.said("lost") == {files.LIKELY: ["a.xml", "ann.JSON", "b.jsonl", "data.yaml"]}
    (tmp_path / "a.png").unlink()
    found = read_all(tmp_path, FORMAT)
    assert not found.frames
    assert len(found.said("lost")[files.LIKELY]) == 4


@pytest.mark.parametrize("name", ["scan.png.json", "scan.json", "scan.JSON"])
def test_sidecars(tmp_path: Path, name: str) -> None:
    plain = {
        "labels": ["a", "b"],
        "annotations": [
            {"labels": ["x"], "geometry": {"box": [1, 2, 3, 4]}, "id": "one", "confidence": 0.5, "origin": "m"},
            {"labels": ["y"], "geometry": {"polygon": [[0, 0, 1, 0, 1, 1]]}, "meta": {"n": 1}},
        ],
        "meta": {"city": "Ulm", "split": "val"},
    }
    found = beside(tmp_path, plain, name)
    assert found.labels("scan.png") == ["a", "b", "x", "y"]
    assert found.meta("scan.png") == {"city": "Ulm", "split": "val"}
    kept = found.ledger.kept
    assert (kept["labels"], kept["boxes"], kept["polygons"], kept["attributes"], kept["splits"]) == (1, 1, 1, 2, 1)
    assert not found.ledger.notes


def test_a_sidecar_of_a_text(tmp_path: Path) -> None:
    text(tmp_path / "letter.txt", "mild headache")
    text(tmp_path / "letter.json", json.dumps({"annotations": [{"labels": ["s"], "geometry": {"span": [5, 13]}}]}))
    found = read_all(tmp_path, FORMAT)
    assert list(found.frames) == ["letter.txt"]
    assert found.ledger.kept["spans"] == 1


def test_unknown_keys_are_told_one_by_one(tmp_path: Path) -> None:
    annotation = {"labels": ["x"], "geometry": {"box": [1, 2, 3, 4]}, "colour": "red"}
    found = beside(tmp_path, {"labels": ["a"], "foo": 1, "annotations": [annotation], "Meta": {}})
    assert found.labels("scan.png") == ["a", "x"]
    assert found.said("lost") == {files.UNKNOWN: ["scan.png.json"] * 2,
                                  files.UNKNOWN_OF_ANNOTATION: ["scan.png.json, annotation 0"]}  # fmt: skip
    assert found.details(files.UNKNOWN) == "`foo`; `Meta`"


@pytest.mark.parametrize(
    "plain", ["{", "[1]", "5", "\xff".encode("latin-1"), "[" * 5_000, "", b"\xff\xfe\x00"]
)  # fmt: skip
def test_broken_sidecars_are_unreadable_and_the_picture_is_kept(tmp_path: Path, plain: Any) -> None:
    found = beside(tmp_path, plain)
    assert list(found.frames) == ["scan.png"]
    assert found.ledger.failed
    assert found.said("lost") == {files.BROKEN: ["scan.png.json"]}


@pytest.mark.parametrize(
    "plain",
    [
        {"labels": "a"}, {"labels": [5]}, {"annotations": {"a": 1}}, {"annotations": ["a"]},
        {"annotations": [{"labels": []}]}, {"annotations": [{"labels": ["a"], "geometry": {"box": [1, 2, 0, 4]}}]},
        {"annotations": [{"labels": ["a"], "geometry": [1]}]}, {"meta": [1]}, {"meta": {"n": 10**30}},
        {"annotations": [{"labels": ["a"], "geometry": {"box": [500, 2, 5, 4]}}]},
    ],
)  # fmt: skip
def test_what_is_not_valid_is_a_loss(tmp_path: Path, plain: Any) -> None:
    found = beside(tmp_path, plain)
    assert found.annotations("scan.png") == []
    assert not found.ledger.complete


def test_ids_that_occur_twice(tmp_path: Path) -> None:
    boxes = [{"id": "1", "labels": ["a"], "geometry": {"box": [n, 1, 2, 2]}} for n in (1, 2)]
    found = beside(tmp_path, {"annotations": boxes})
    assert len(found.annotations("scan.png")) == 2
    assert found.said("noticed") == {files.SAME_ID: ["scan.png.json, annotation 1"]}


def test_one_sidecar_for_two_files(tmp_path: Path) -> None:
    picture(tmp_path / "scan.bmp")
    found = beside(tmp_path, {"labels": ["a"]}, "scan.json")
    assert found.labels("scan.bmp") == found.labels("scan.png") == ["a"]
    assert found.said("noticed") == {files.SHARED: ["scan.json"]}


def test_the_sidecar_with_the_whole_name_wins_and_the_other_one_is_named(tmp_path: Path) -> None:
    text(tmp_path / "scan.json", '{"labels": ["other"]}')
    found = beside(tmp_path, {"labels": ["a"]})
    assert found.labels("scan.png") == ["a"]
    assert found.said("lost") == {files.LIKELY: ["scan.json"]}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, line_end: str, encoding: str) -> None:
    found = beside(tmp_path, f'{{{line_end}"labels": ["ä"]}}'.encode(encoding))
    assert found.labels("scan.png") == ["ä"]


@pytest.mark.parametrize("name", ["x.json.gz", "x.csv.bz2", "x.XML.xz"])
def test_a_compressed_annotation_file_is_lost_and_no_frame(tmp_path: Path, name: str) -> None:
    for path in ("a.png", name, "more.zip"):
        (tmp_path / path).write_bytes(b"x")
    intake = Intake(Folder(tmp_path), Options())
    assert [entry.path for entry in intake.entries()] == ["a.png", "more.zip"]
    assert intake.finish().lost == {"annotation files": 1}


def test_compressed_tables_without_media_may_be_data(tmp_path: Path) -> None:
    (tmp_path / "run.csv.gz").write_bytes(b"x")
    intake = Intake(Folder(tmp_path), Options())
    assert [entry.path for entry in intake.entries()] == ["run.csv.gz"]
    assert intake.finish().lost == {}


@pytest.mark.parametrize("name", ["x.conll", "eng.train", "b/eng.testa", "x.BIO"])
def test_a_text_named_like_conll_that_was_not_recognised_is_noticed(tmp_path: Path, name: str) -> None:
    text(tmp_path / name, "Peter lives in Bonn.\nHe is well.\n")
    text(tmp_path / "notes.txt", "Nothing.")
    intake = Intake(Folder(tmp_path), Options())
    assert [entry.path for entry in intake.entries()] == sorted([name, "notes.txt"])
    assert [(note.place, note.reason) for note in intake.finish().notes] == [(name, files.LIKE_CONLL)]
