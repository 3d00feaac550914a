"""YOLO: what is read, what is written, and what is told of it."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.agreement import from_shares
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.writing import Placed, Subject
from hyperdatasets.formats.yolo import FORMAT, WRITTEN
from hyperdatasets.formats.yolo import reader as label_reader
from hyperdatasets.formats.yolo.lines import MAYBE_CUT, MAYBE_CUT_BOX, TRACKED, Task, read_line, write_line
from hyperdatasets.formats.yolo.reader import NO_FILE, WITHOUT
from hyperdatasets.formats.yolo.writer import NO_SPLIT, NO_TRAIN, NO_VAL
from tests.reference.properties import examples
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
)

N = "images/a.png"
SOURCE = {"uri": "file:x.png", "width": WIDTH, "height": HEIGHT}
CAT = "0 .5 .5 .2 .2\n"


def text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def run(path: Path, lines: str | bytes, data: str = "names: [cat, dog]\n", **files: str) -> tuple[list[Any], Ledger]:
    """The ROIs of a picture of 100 x 50 with these lines, without their ids, and what was told."""
    picture(path / N, (100, 50))
    text(path / "labels/a.txt", lines)
    if data:
        text(path / "data.yaml", data)
    for name, content in files.items():
        text(path / name.replace("__", "/").replace("_dot_", "."), content)
    found, ledger = read_all(path, FORMAT)
    return [
        {key: value for key, value in each.items() if key != "id"} for each in found[N].get("annotations", [])
    ], ledger


def labels(frame: dict[str, Any]) -> list[str]:
    return sorted(label for each in frame.get("annotations", []) for label in each["labels"])


# Lines


POSE = "names: [cat, dog]\nkpt_shape: [2, 3]\n"


@pytest.mark.parametrize(("line", "data", "expected"), [
    ("0 .5 .5 .2 .4", "", {"geometry": {"box": [40, 15, 20, 20]}}),
    ("0 0.1 0.1 0.2 0.2", "", {"geometry": {"box": [0, 0, 20, 10]}}),
    ("0.0 5e-1 .5 .2 .4 .75", "", {"geometry": {"box": [40, 15, 20, 20]}, "confidence": 0.75}),
    ("0 .5 .5 .2 .4 .9 12", "", {"geometry": {"box": [40, 15, 20, 20]}, "confidence": 0.9, "meta": {"track": 12}}),
    ("0 .1 .1 .3 .1 .3 .2", "", {"geometry": {"polygon": [[10, 5, 30, 5, 30, 10]]}}),
    ("0 .1 .1 .3 .1 .3 .2 .5 .5 .1 .4", "", {"geometry": {"polygon": [[10, 5, 30, 5, 30, 10, 50, 25, 10, 20]]}}),
    ("0 .1 .1 .3 .1 .3 .2 .9 7", "", {"geometry": {"polygon": [[10, 5, 30, 5, 30, 10]]}, "confidence": 0.9,
                                      "meta": {"track": 7}}),
    ("0 .5 .5 .2 .4 .4 .4 0 .5 .5 1", "kpt_shape: [2, 3]",
     {"geometry": {"keypoints": [40, 20, 50, 25]}, "meta": {"box": [40, 15, 20, 20], "visibility": [0, 1]}}),
    ("0 .5 .5 .2 .4 .4 .4 2 .5 .5 2", "kpt_shape: [2, 3]",
     {"geometry": {"keypoints": [40, 20, 50, 25]}, "meta": {"box": [40, 15, 20, 20]}}),
    ("0 .5 .5 .2 .4 .4 .4 .5 .5", "kpt_shape: [2, 2]",
     {"geometry": {"keypoints": [40, 20, 50, 25]}, "meta": {"box": [40, 15, 20, 20]}}),
    ("0 .5 .5 .2 .4 .4 .4 .5 .5 .9 3", "kpt_shape: [2, 2]",
     {"geometry": {"keypoints": [40, 20, 50, 25]}, "confidence": 0.9, "meta": {"box": [40, 15, 20, 20], "track": 3}}),
    ("0 .5 .5 .2 .4 0 0 0 0 0 0", "kpt_shape: [2, 3]", {"geometry": {"box": [40, 15, 20, 20]}}),
    ("0 .5 .5 .2 .4", "kpt_shape: [2, 3]", {"geometry": {"box": [40, 15, 20, 20]}}),
    ("0 .5 .5 .2 .4 .4 .4 2 .5 .5 2", "kpt_shape: [2, 3]\nkpt_names: {0: [nose, ear]}",
     {"geometry": {"keypoints": [40, 20, 50, 25]},
      "meta": {"box": [40, 15, 20, 20], "keypoint_names": ["nose", "ear"]}}),
    ("0 .5 .5 .2 .4 .4 .4 .5 .5", "kpt_shape: [2, 2]\nkpt_names: [no, ear]",
     {"geometry": {"keypoints": [40, 20, 50, 25]}, "meta": {"box": [40, 15, 20, 20], "keypoint_names": ["no", "ear"]}}),
    ("0 .1 .2 .3 .2 .3 .6 .1 .6", "task: obb", {"geometry": {"box": [10, 10, 20, 20]}}),
    ("0 .1 .2 .3 .2 .3 .6 .1 .6 .5", "task: obb", {"geometry": {"box": [10, 10, 20, 20]}, "confidence": 0.5}),
    ("0 .3 .2 .5 .6 .3 1.0 .1 .6", "task: obb", {"geometry": {"box": [15.857864376, 15.857864376, 28.284271247,
                                                                   28.284271247, 45]}}),
    ("0 .3 .2 .5 .6 .3 1.0 .1 .6", "path: dota8", {"geometry": {"box": [15.857864376, 15.857864376, 28.284271247,
                                                                      28.284271247, 45]}}),
    ("0 .1 .2 .3 .2 .3 .7 .1 .6", "task: obb", {"geometry": {"polygon": [[10, 10, 30, 10, 30, 35, 10, 30]]}}),
    ("0 .1 .2 .3 .2 .3 .6 .1 .6", "task: segment", {"geometry": {"polygon": [[10, 10, 30, 10, 30, 30, 10, 30]]}}),
])  # fmt: skip
def test_lines(tmp_path: Path, line: str, data: str, expected: dict[str, Any]) -> None:
    found, ledger = run(tmp_path, f"{line}\n", f"names: [cat, dog]\n{data}\n")
    assert found == [{"labels": ["cat"], **expected}]
    assert told(ledger) == []
    shape = next(iter(expected["geometry"]))
    assert ledger.kept[{"box": "boxes", "polygon": "polygons", "keypoints": "key points"}[shape]] == 1  # type: ignore[index]


def test_lines_that_may_mean_several_things_are_told_once(tmp_path: Path) -> None:
    track = "0 .5 .5 .2 .4 .9 1\n"
    found, ledger = run(tmp_path, track * 2)
    assert [(each["confidence"], each["meta"]) for each in found] == [(0.9, {"track": 1})] * 2
    assert told(ledger) == [
        (
            "boxes",
            "lines of a class and six numbers, taken as a box with its confidence and track, not as a triangle",
            2,
        )
    ]
    assert len(ledger.notes) == 1


def test_a_whole_number_behind_a_box(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, "0 .5 .5 .2 .4 1\n")
    assert found[0]["confidence"] == 1
    assert [reason for _, reason, _ in told(ledger)] == [
        "boxes followed by a whole number that may be a confidence or a track, taken as a confidence"
    ]


def test_a_triangle_among_polygons(tmp_path: Path) -> None:
    ring = "0 .1 .1 .3 .1 .3 .2 .5 .5 .1 .4\n"
    found, ledger = run(tmp_path, f"{ring}0 .5 .5 .2 .4 .9 1\n")
    assert {"polygon": [[50, 25, 20, 20, 90, 50]]} in [each["geometry"] for each in found]
    assert told(ledger) == []


def test_tracks_elsewhere_decide(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, "0 .5 .5 .2 .4 .9 1\n0 .5 .5 .2 .4 .9 2\n0 .5 .5 .2 .4 1\n")
    assert sorted(each["meta"]["track"] for each in found) == [1, 1, 2]
    assert told(ledger) == []


def test_eight_numbers_without_a_hint_are_polygons_and_this_is_told_once(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, "0 .1 .2 .3 .2 .3 .6 .1 .6\n0 .1 .2 .3 .2 .3 .7 .1 .6\n")
    assert all("polygon" in each["geometry"] for each in found)
    ((kind, reason, count),) = told(ledger)
    assert (kind, count, "task: obb" in reason, len(ledger.notes)) == ("polygons", 2, True, 1)


@pytest.mark.parametrize(("line", "kind", "reason"), [
    ("x", "boxes", "lines that are not a class and numbers with blanks between them"),
    ("0", "boxes", "lines that are not a class and numbers with blanks between them"),
    ("0,.5,.5,.2,.2", "boxes", "lines that are not a class and numbers with blanks between them"),
    ("cat .5 .5 .2 .2", "boxes", "lines that are not a class and numbers with blanks between them"),
    ("# class x y w h", "boxes", "lines that are not a class and numbers with blanks between them"),
    ("0 .5 .5 .2 1_0", "boxes", "lines that are not a class and numbers with blanks between them"),
    ("0 .5 .5 .2 nan", "boxes", "lines with numbers that are NaN, infinite or enormous"),
    ("0 .5 .5 .2 -Inf", "boxes", "lines with numbers that are NaN, infinite or enormous"),
    ("0 .5 .5 .2 1e999", "boxes", "lines with numbers that are NaN, infinite or enormous"),
    ("inf .5 .5 .2 .2", "boxes", "lines with numbers that are NaN, infinite or enormous"),
    ("0.5 .5 .5 .2 .2", "boxes", "lines whose class is no whole number"),
    ("0 .5 .5", "boxes", "lines with a count of numbers that no task of YOLO has"),
    ("7 .5 .5 .2 .2", "boxes", "classes that are not listed in the file of names"),
    ("-1 .5 .5 .2 .2", "boxes", "classes that are not listed in the file of names"),
    ("9 .1 .1 .3 .1 .3 .2", "polygons", "classes that are not listed in the file of names"),
    ("0 50 25 20 10", "boxes",
     "lines with numbers that are no shares of the picture's sides, which run from 0 to 1"),
    ("0 1 1 30 1 30 20.5", "polygons",
     "lines with numbers that are no shares of the picture's sides, which run from 0 to 1"),
    ("0 .5 .5 0 .2", "boxes", "boxes that are degenerate: their width or height is not above 0"),
    ("0 .5 .5 .2 -.2", "boxes", "boxes that are degenerate: their width or height is not above 0"),
    ("0 1.5 1.5 .2 .2", "boxes", "annotations that are not valid"),
])  # fmt: skip
def test_faults_of_a_line_are_named_and_the_others_stay(tmp_path: Path, line: str, kind: str, reason: str) -> None:
    found, ledger = run(tmp_path, f"{line}\n1 .5 .5 .2 .2\n")
    assert [each["labels"] for each in found] == [["dog"]]
    assert told(ledger) == [(kind, reason, 1)]
    assert [note.place for note in ledger.notes] == ["labels/a.txt, line 1"]


def test_a_confidence_that_is_none(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, "0 .5 .5 .2 .4 -.5\n")
    assert "confidence" not in found[0]
    assert told(ledger) == [("attributes", "confidences that do not lie between 0 and 1", 1)]


def test_a_box_of_key_points_without_a_width(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, "0 .5 .5 0 .4 .4 .4 2 .5 .5 2\n", POSE)
    assert found == [{"labels": ["cat"], "geometry": {"keypoints": [40, 20, 50, 25]}}]
    assert told(ledger) == [("boxes", "boxes of key points that have no width or height", 1)]


@pytest.mark.parametrize(("line", "found"), [
    (f"0 .5 .5 .2 .4 {rest}", 4 + len(rest.split())) for rest in (
        ".9", ".9 3", ".4 .4 2", ".4 .4 2 .5", ".4 .4 2 .5 .5", ".4 .4 2 .5 .5 2 1.7", ".4 .4 2 .5 .5 2 .9 .7",
        ".4 .4 2 .5 .5 2 .9 7 7")
] + [("0 .5 .5 .2", 3)])  # fmt: skip
def test_lines_that_do_not_fit_kpt_shape_are_lost(tmp_path: Path, line: str, found: int) -> None:
    rois, ledger = run(tmp_path, f"{line}\n1 .5 .5 .2 .2\n", POSE)
    assert [each["labels"] for each in rois] == [["dog"]]
    (note,) = ledger.notes
    assert (note.weight, note.reason) == ("lost", "lines that do not have the numbers of `kpt_shape`")
    assert note.detail == f"expected 4 or 10 numbers after the class, found {found}"


@pytest.mark.parametrize(
    "data", ["kpt_shape: 17", "task: pose", f"kpt_shape: [00000000{'9' * 5_000}, 3]", "kpt_shape: [\u0662, 3]"]
)
def test_key_points_of_an_unknown_number_are_lost(tmp_path: Path, data: str) -> None:
    lines = "0 .5 .5 .2 .4 .4 .4 .5 .5\n0 .5 .5 .2 .4 .4 .4 2 .5 .5 2\n1 .5 .5 .2 .2\n"
    found, ledger = run(tmp_path, lines, f"names: [cat, dog]\n{data}\n")
    assert sorted(next(iter(each["geometry"])) for each in found) == ["box", "keypoints"]
    assert told(ledger, "lost") == [
        ("key points", "lines of a set of key points whose `kpt_shape` is not known; write it into the YAML file", 1)
    ]


@pytest.mark.parametrize(("rest", "said"), [
    (".9", {"confidence": 0.9}), ("7", {"track": 7}), (".9 7", {"confidence": 0.9, "track": 7}),
])  # fmt: skip
def test_poses_with_what_a_model_adds(tmp_path: Path, rest: str, said: dict[str, Any]) -> None:
    (roi,), ledger = run(tmp_path, f"0 .5 .5 .2 .4 .4 .4 2 .5 .5 2 {rest}\n", POSE)
    assert roi["geometry"] == {"keypoints": [40, 20, 50, 25]}
    assert {name: {**roi, **roi["meta"]}.get(name) for name in said} == said
    assert told(ledger) == []


def test_visibilities_of_other_numbers_are_told(tmp_path: Path) -> None:
    (roi,), ledger = run(tmp_path, "0 .5 .5 .2 .4 .4 .4 .9 .5 .5 .25\n", POSE)
    assert roi["meta"] == {"box": [40, 15, 20, 20], "visibility": [0.9, 0.25]}
    assert told(ledger) == [
        ("key points", "key points with another visibility than 0, 1 or 2, which is kept as it is", 1)
    ]


@pytest.mark.parametrize("line", ["0 .5 .5 .2 .2 .3", "0 .5 .5 .2 .2 .3 .9", "0 .1 .2 .3 .2 .3 .6 .1",
                                  "0 .1 .2 .3 .2 .3 .6 .1 .6 .2 .3", "0 .1 .2 .3 .2 .3 .6 .1 .6 1.5"])  # fmt: skip
def test_rotated_boxes_are_corners_only(tmp_path: Path, line: str) -> None:
    found, ledger = run(tmp_path, f"{line}\n1 .5 .5 .2 .4\n", "names: [cat, dog]\ntask: obb\n")
    assert found == [{"labels": ["dog"], "geometry": {"box": [40, 15, 20, 20]}}]
    (note,) = ledger.notes
    assert (note.weight, note.kind) == ("lost", "boxes")
    assert "the 8 numbers of its corners" in note.reason
    assert note.detail == f"expected 4 or 8 numbers after the class, found {len(line.split()) - 1}"


def test_a_rotated_box_with_confidence_and_track(tmp_path: Path) -> None:
    (roi,), ledger = run(tmp_path, "0 .1 .2 .3 .2 .3 .6 .1 .6 .5 1\n", "names: [cat, dog]\ntask: obb\n")
    assert roi == {
        "labels": ["cat"], "geometry": {"box": [10, 10, 20, 20]}, "confidence": 0.5, "meta": {"track": 1},
    }  # fmt: skip
    assert told(ledger) == []


@pytest.mark.parametrize(("data", "detail"), [
    ("kpt_shape: 17", "it is `17`"), ("kpt_shape: [2, 4]", "it is a list: 2, 4"),
    ("kpt_shape: []", "it is an empty list"),
    ("kpt_shape: {a: 1}", "it is empty, or has keys of its own"),
    ("kpt_names: {1234567890: [nose]}", "`1234567890`"),
    ("kpt_names: nose", "it is `nose`"), ("kpt_names: {a: [nose]}", "`a`"), ("kpt_names: {0: nose}", "`0`"),
    ("train: {a: images}", "`train`: it is empty, or has keys of its own"),
    ("train: [images, [x]]", "`train`: it is a list: images, "),
])  # fmt: skip
def test_values_of_the_yaml_file_that_are_not_used_are_shown(tmp_path: Path, data: str, detail: str) -> None:
    _, ledger = run(tmp_path, CAT, f"names: [cat]\n{data}\n")
    assert [note.detail for note in ledger.notes] == [detail]


def test_equal_lines_and_shares_a_little_outside_stay(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, CAT * 2 + "1 .1 .5 .2002 .2\n")
    assert sorted(each["labels"][0] for each in found) == ["cat", "cat", "dog"]
    assert [each["geometry"]["box"] for each in found if each["labels"] == ["dog"]] == [[-0.01, 20, 20.02, 10]]
    assert told(ledger) == [("boxes", "annotations that look wrong", 1)]


@pytest.mark.parametrize("content", [
    b"\xef\xbb\xbf0\t.5\t.5\t.2\t.2  \r\n\r\n1 .5 .5 .2 .2\r\n", "0 .5 .5 .2 .2\n1 .5 .5 .2 .2".encode("utf-16"),
])  # fmt: skip
def test_encodings_and_line_ends(tmp_path: Path, content: bytes) -> None:
    found, ledger = run(tmp_path, content)
    assert sorted(each["labels"][0] for each in found) == ["cat", "dog"]
    assert told(ledger) == []


def test_a_label_file_that_cannot_be_read(tmp_path: Path) -> None:
    picture(tmp_path / "images/b.png")
    text(tmp_path / "labels/b.txt", CAT)
    found, ledger = run(tmp_path, b"\xff\xff")
    assert found == []
    assert told(ledger) == [("annotation files", "label files that cannot be read", 1)]
    assert ledger.kept["frames"] == 2
    assert ledger.failed


# Names of classes


@pytest.mark.parametrize(("data", "expected"), [
    ("names: [no, 007, null, 1e3, yes, 0x1F, 1:30, '~', .5]\n",
     ["no", "007", "null", "1e3", "yes", "0x1F", "1:30", "~", ".5"]),
    ("names:\n- no\n- 007\n- null\n", ["no", "007", "null"]),
    ("names: {0: a, 2: c, 5: 'no'}\n", ["a", "", "c", "", "", "no"]),
    ("names:\n  0: ' a '\n  1: \"чат\"\n", [" a ", "чат"]),
    ("\ufeffnames: [a]\r\nnc: 1\r\n", ["a"]),
    ('{"names": ["a", "b"]}', ["a", "b"]),
])  # fmt: skip
def test_names_are_the_text_that_is_written(tmp_path: Path, data: str, expected: list[str]) -> None:
    lines = "".join(f"{number} .5 .5 .2 .2\n" for number, name in enumerate(expected) if name)
    found, ledger = run(tmp_path, lines, data)
    assert sorted(each["labels"][0] for each in found) == sorted(filter(None, expected))
    assert told(ledger) == []


@pytest.mark.parametrize(("file", "content"), [
    ("coco128.yaml", "names: [cat, dog]"), ("x/any.yml", "names: [cat, dog]"), ("classes.txt", "\ufeffcat\r\ndog \r\n"),
    ("labels/classes.txt", "cat\ndog\n"), ("obj.names", "cat\ndog\n"), ("data/coco.names", "cat\ndog"),
    ("_darknet.labels", "cat\ndog"), ("Data.YAML", "names: [cat, dog]"),
])  # fmt: skip
def test_files_of_names(tmp_path: Path, file: str, content: str) -> None:
    text(tmp_path / file, content)
    found, ledger = run(tmp_path, "0 .5 .5 .2 .2\n1 .5 .5 .2 .2\n", "")
    assert sorted(each["labels"][0] for each in found) == ["cat", "dog"]
    assert told(ledger) == []
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence
    assert (evidence.annotated, list(evidence.used)) == (1, ["labels/a.txt", file])


def test_names_in_a_file_that_the_yaml_names(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, CAT, "names: list.names\n", list_dot_names="cat\n")
    assert found[0]["labels"] == ["cat"]
    assert told(ledger) == []


def test_numbers_become_labels_only_with_a_notice(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, CAT * 3, "")
    assert [each["labels"] for each in found] == [["0"]] * 3
    assert told(ledger) == [
        ("boxes", "classes without names: no file of names was found, so their numbers became the labels", 3)
    ]
    assert len(ledger.notes) == 1


@pytest.mark.parametrize(("data", "weight", "note"), [
    ("names: [cat\n", "lost", "files with names of classes that cannot be read"),
    ("names: 5\n", "lost", "files with names of classes that cannot be read"),
    (b"names: [\xff]\n", "lost", "files with names of classes that cannot be read"),
    ("- names:\n" + "names: " + "[" * 5000, "lost", "files with names of classes that cannot be read"),
    ("names: [cat, [x]]\n", "noticed", "entries of `names` that are not a number and a name"),
    ("names: {cat: 0, 0: cat}\n", "noticed", "entries of `names` that are not a number and a name"),
    ("names: {0: dog, 0: cat}\n", "lost", "numbers of classes that are named twice; the last name was taken"),
    ("names: [dog]\nnames: [cat]\n", "lost", "keys of a data file that are there twice; the last one counts"),
    ("names: [cat, cat]\n", "noticed", "names that several classes have, which become one label"),
    ("names: [cat]\nnc: 3\n", "noticed", "`nc` is not the number of names"),
    ("names: [cat]\nkpt_shape: [2, 4]\n", "noticed", "`kpt_shape` is not a number of points and 2 or 3; not used"),
    ("names: [cat]\nkpt_shape: many\n", "noticed", "`kpt_shape` is not a number of points and 2 or 3; not used"),
    ("names: [cat]\ndownload: x\nroboflow: {a: b}\n", "skipped", "keys of the YAML file that say nothing of a frame"),
])  # fmt: skip
def test_faults_of_a_yaml_file(tmp_path: Path, data: str | bytes, weight: str, note: str) -> None:
    text(tmp_path / "data.yaml", data)
    found, ledger = run(tmp_path, CAT, "")
    assert len(found) == 1
    assert note in [reason for _, reason, _ in told(ledger, weight)]


def test_other_yaml_changes_nothing(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, CAT, args_dot_yaml="lr: 0.1\n", broken_dot_yaml="a: [")
    assert found[0]["labels"] == ["cat"]
    assert {kind for kind, _, _ in told(ledger)} == {"other files"}


def test_files_that_name_classes_differently(tmp_path: Path) -> None:
    found, ledger = run(tmp_path, CAT, classes_dot_txt="horse\n")
    assert found[0]["labels"] == ["cat"]
    assert told(ledger) == [("attributes", "files that name classes differently; the nearest one was taken", 1)]


def test_each_set_below_a_folder_has_its_own_names(tmp_path: Path) -> None:
    for name, label in (("one", "cat"), ("two", "dog")):
        picture(tmp_path / name / N)
        text(tmp_path / name / "labels/a.txt", CAT)
        text(tmp_path / name / "data.yaml", f"names: [{label}]\n")
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: labels(frame) for path, frame in found.items()} == {f"one/{N}": ["cat"], f"two/{N}": ["dog"]}
    assert told(ledger) == []


# Label files and their pictures


@pytest.mark.parametrize(("image", "label"), [
    ("images/a.png", "labels/a.txt"), ("images/train/a.png", "labels/train/a.txt"), ("a.JPG", "a.TXT"),
    ("train/images/a.png", "train/labels/a.txt"), ("images/x/images/a.png", "images/x/labels/a.txt"),
    ("obj_train_data/a.png", "obj_train_data/a.txt"), ("a.png", "labels/a.txt"), ("JPEGImages/a.png", "labels/a.txt"),
    ("images/a.b.png", "labels/a.b.txt"), ("images/classes.png", "labels/classes.txt"),
    ("Images/a.png", "Labels/a.txt"),
])  # fmt: skip
def test_where_label_files_lie(tmp_path: Path, image: str, label: str) -> None:
    picture(tmp_path / image)
    text(tmp_path / label, CAT)
    text(tmp_path / "data.yaml", "names: [cat]")
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: labels(frame) for path, frame in found.items()} == {image: ["cat"]}
    assert told(ledger) == []
    assert FORMAT.recognise(Folder(tmp_path))


def test_one_name_in_two_splits(tmp_path: Path) -> None:
    for split, label in (("train", CAT), ("val", "")):
        picture(tmp_path / f"images/{split}/a.png")
        text(tmp_path / f"labels/{split}/a.txt", label)
    text(tmp_path / "data.yaml", "names: [cat]")
    found, _ = read_all(tmp_path, FORMAT)
    assert {path: (labels(frame), frame["meta"]["split"]) for path, frame in found.items()} == {
        "images/train/a.png": (["cat"], "train"), "images/val/a.png": ([], "val"),
    }  # fmt: skip


def test_label_files_without_a_picture(tmp_path: Path) -> None:
    lines = CAT * 2 + "0 .1 .1 .3 .1 .3 .2\n"
    _, ledger = run(tmp_path, CAT, labels__zzz_dot_txt=lines, notes_dot_txt="remember\n", labels__empty_dot_txt="")
    assert told(ledger, "lost") == [
        ("boxes", "lines of a label file whose picture is not there", 2),
        ("polygons", "lines of a label file whose picture is not there", 1),
    ]
    assert {note.place for note in ledger.losses()} == {"labels/zzz.txt"}
    assert told(ledger, "skipped") == [("other files", "files that are no data of this format", 2)]


def test_broken_label_files_without_a_picture_are_lost(tmp_path: Path) -> None:
    _, ledger = run(tmp_path, CAT, labels__x_dot_txt=f"cat .5 .5 .2 .2\n{CAT}", labels__y_dot_txt="cat .5 .5 .2 .2\n",
                    labels__readme_dot_txt="Labels of cats.\n")  # fmt: skip
    assert sorted((note.kind, note.place, note.count) for note in ledger.losses()) == [
        ("annotation files", "labels/y.txt", 1), ("boxes", "labels/x.txt", 2),
    ]  # fmt: skip


def test_pictures_that_differ_by_their_suffix_share_a_label_file(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    _, ledger = run(tmp_path, CAT)
    assert ledger.kept["boxes"] == 2
    assert told(ledger) == [
        ("frames", "label files of several pictures that differ by their suffix; each of them got the annotations", 2)
    ]


def test_captions_are_no_labels(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "a photo of a cat\n")
    assert FORMAT.recognise(Folder(tmp_path)) is None
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger, "lost") == [("boxes", "lines that are not a class and numbers with blanks between them", 1)]


def test_what_is_recognised(tmp_path: Path) -> None:
    for number in range(200):
        picture(tmp_path / f"images/{number}.png", (4, 4))
        text(tmp_path / f"labels/{number}.txt", CAT if number % 4 else "")
    text(tmp_path / "data.yaml", "names: [cat]")
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence
    assert (evidence.annotated, len(evidence.used)) == (200, 201)
    assert evidence.told == "200 label files of numbers for pictures, classes named in data.yaml"
    assert FORMAT.recognise(Folder(tmp_path / "images")) is None


# Splits


def splits(path: Path) -> tuple[dict[str, Any], Ledger]:
    found, ledger = read_all(path, FORMAT)
    return {Path(name).stem: frame.get("meta", {}).get("split") for name, frame in found.items()}, ledger


def three(path: Path, data: str, folder: str = "images") -> None:
    for name in ("a", "b", "c"):
        picture(path / f"{folder}/{name}.png")
        text(path / f"{folder.replace('images', 'labels')}/{name}.txt", CAT)
    text(path / "data.yaml", f"names: [cat]\n{data}\n")


@pytest.mark.parametrize(("data", "lists"), [
    ("train: images/train.txt\nval: val.txt",
     {"images/train.txt": "images/a.png\nb.png\n", "val.txt": "./images/c.png\n"}),
    ("path: ../datasets/x\ntrain: train.txt\nval: [val.txt, more.txt]",
     {"train.txt": "\ufeff/home/me/x/images/a.png\r\nC:\\x\\images\\b.png\r\n", "val.txt": "", "more.txt": "c.png\n"}),
    ("", {"train.txt": "images/a.png\nimages/b.png\n", "valid.txt": "images/c.png\n"}),
])  # fmt: skip
def test_lists(tmp_path: Path, data: str, lists: dict[str, str]) -> None:
    three(tmp_path, data)
    for path, content in lists.items():
        text(tmp_path / path, content)
    found, ledger = splits(tmp_path)
    assert found == {"a": "train", "b": "train", "c": "val"}
    assert told(ledger) == []


@pytest.mark.parametrize("data", [
    "train: part1/images\nval: part2/images", "train: ../part1/images\nval: ../part2/images",
    "path: /data/x\ntrain: part1\nval: [part2/images]", "path: sets\ntrain: [part1/images/]\nval: ./part2/images",
])  # fmt: skip
def test_folders(tmp_path: Path, data: str) -> None:
    for part in ("part1", "part2"):
        picture(tmp_path / part / f"images/{part}.png")
        text(tmp_path / part / f"labels/{part}.txt", CAT)
    text(tmp_path / "data.yaml", f"names: [cat]\n{data}\n")
    found, ledger = splits(tmp_path)
    assert found == {"part1": "train", "part2": "val"}
    assert told(ledger) == []


def test_darknet(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"obj_train_data/{name}.png")
        text(tmp_path / f"obj_train_data/{name}.txt", "1 .5 .5 .2 .2\n")
    text(tmp_path / "obj.names", "cat\ndog\n")
    text(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")
    text(tmp_path / "train.txt", "data/obj_train_data/a.png\ndata/obj_train_data/b.png\n")
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: (labels(frame), frame["meta"]) for path, frame in found.items()} == {
        f"obj_train_data/{name}.png": (["dog"], {"split": "train"}) for name in ("a", "b")
    }
    assert told(ledger) == []


def test_doubts_about_splits(tmp_path: Path) -> None:
    three(tmp_path, "train: images\nval: val.txt\ntest: gone")
    text(tmp_path / "val.txt", "images/a.png\nimages/gone.png\n")
    found, ledger = splits(tmp_path)
    assert found == {"a": "train", "b": "train", "c": "train"}
    assert told(ledger, "lost") == [
        ("splits", "further splits of files that are said to be in several splits", 1),
        ("splits", "lines of a list of pictures that are not there", 1),
    ]
    assert told(ledger, "noticed") == [("splits", "folders or lists of a split that are not there", 1)]


def test_each_further_split_of_a_picture_is_counted(tmp_path: Path) -> None:
    three(tmp_path, "train: train.txt\nval: val.txt\ntest: test.txt")
    for split in ("train", "val", "test"):
        text(tmp_path / f"{split}.txt", "images/a.png\n")
    found, ledger = splits(tmp_path)
    assert found["a"] == "train"
    assert [note.detail.partition(" ")[0] for note in ledger.losses()] == ["val", "test"]
    assert (ledger.read["splits"], ledger.kept["splits"]) == (3, 1)


def test_a_list_and_a_folder_that_disagree(tmp_path: Path) -> None:
    picture(tmp_path / "images/val/a.png")
    text(tmp_path / "labels/val/a.txt", CAT)
    text(tmp_path / "data.yaml", "names: [cat]\ntrain: train.txt\n")
    text(tmp_path / "train.txt", "./images/val/a.png\n")
    found, ledger = splits(tmp_path)
    assert found == {"a": "train"}
    assert told(ledger, "lost") == [("splits", "further splits of files that are said to be in several splits", 1)]


def test_a_list_takes_no_picture_of_another_split_by_its_bare_name(tmp_path: Path) -> None:
    picture(tmp_path / "images/val/a.png")
    text(tmp_path / "labels/val/a.txt", CAT)
    text(tmp_path / "data.yaml", "names: [cat]\ntrain: train.txt\n")
    text(tmp_path / "train.txt", "./images/train/a.png\n")
    assert splits(tmp_path)[0] == {"a": "val"}


# Writing


def frame(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return normalise({"sources": [dict(SOURCE)], "annotations": list(annotations), **more})[0]  # type: ignore[return-value]


CLASSES = {"cat": 3, "kitten": 3, "dog": 7, "none": -1}


def export(path: Path, *placed: Placed, names: dict[str, int] | None = None, advice: bool = False) -> Ledger:
    """`advice`: the ledger has the notes on `train` and `val` too."""
    ledger, output = Ledger(), ToFolder(path)
    writer = WRITTEN.start(output, Subject("test", CLASSES if names is None else names), ledger)
    for each in placed:
        writer.add(each)
    writer.finish()
    output.close()
    if not advice:
        ledger.notes = [note for note in ledger.notes if note.reason not in {NO_SPLIT, NO_TRAIN, NO_VAL}]
    for each in placed:
        for source in each.frame["sources"]:
            if not (path / each.names[source["id"]]).exists():
                picture(path / each.names[source["id"]], (source.get("width", WIDTH), source.get("height", HEIGHT)))
    return ledger


def test_pictures_without_a_label_file_are_noticed_once(tmp_path: Path) -> None:
    for name in "abcd":
        picture(tmp_path / f"{name}.png")
    text(tmp_path / "a.txt", CAT)
    text(tmp_path / "b.txt", "")
    _, ledger = read_all(tmp_path, FORMAT)
    (note,) = [note for note in ledger.notes if note.reason == WITHOUT]
    assert (note.weight, note.count, note.place) == ("noticed", 2, "c.png, d.png")
    assert NO_FILE not in ledger.about


def test_no_label_file_at_all_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    _, ledger = read_all(tmp_path, FORMAT)
    assert ledger.about == [NO_FILE]


def there_and_back(path: Path, *annotations: dict[str, Any]) -> tuple[list[dict[str, Any]], Ledger, Ledger]:
    """The ROIs of a frame after export and import, without ids; and both ledgers."""
    ledger = export(path, Placed(frame(*annotations), {"default": N}))
    found, read = read_all(path, FORMAT)
    assert all(reason == WITHOUT for _, reason, _ in told(read))
    return [{k: v for k, v in each.items() if k != "id"} for each in found[N].get("annotations", [])], ledger, read


@pytest.mark.parametrize("annotation", [
    {"geometry": {"box": [1.5, 2, 3, 4]}},
    {"geometry": {"box": [1.123456789, 2, 3, 4]}},
    {"geometry": {"polygon": [[1, 1, 9, 1, 9.25, 9]]}},
    {"geometry": {"polygon": [[1, 1, 9, 1, 9, 9, 1, 9]]}},
    {"geometry": {"box": [5, 6, 7, 8, 30.5]}},
    {"geometry": {"box": [5, 6, 7, 8, -120]}},
    {"geometry": {"keypoints": [1, 1, 9, 1, 9.25, 9]}, "meta": {"box": [1, 1, 9.5, 9.25]}},
    {"geometry": {"keypoints": [1, 1, 9, 1]}, "meta": {"box": [1, 1, 9.5, 9.25], "visibility": [0, 2],
                                                      "keypoint_names": ["no", "007"]}},
])  # fmt: skip
def test_shapes_come_back_exactly(tmp_path: Path, annotation: dict[str, Any]) -> None:
    one = {"labels": ["cat"], **annotation}
    found, ledger, _ = there_and_back(tmp_path, one)
    assert found == [{key: value for key, value in frame(one)["annotations"][0].items() if key != "id"}]
    assert told(ledger) == []
    assert ledger.kept["attributes"] == len(annotation.get("meta", {}))


_GRID = 1 << 9  # nine decimals at most
_AT = st.integers(-_GRID, 40 * _GRID).map(lambda number: number / _GRID)
_DECIMAL = st.integers(0, 40 * 10**9).map(lambda number: number / 10**9)
_SIDE = st.integers(1, 30 * 10**9).map(lambda number: number / 10**9)


@examples(500)
@given(st.tuples(_AT | _DECIMAL, _AT | _DECIMAL, _SIDE, _SIDE), st.integers(1, 50_000), st.integers(1, 50_000))
def test_boxes_with_nine_decimals_come_back_exactly(box: tuple[float, ...], width: int, height: int) -> None:
    scale = max(box) / min(width, height)
    if scale > 1:
        return
    line = write_line(0, {"box": list(box)}, (width, height))
    read = from_shares(read_line(line.split(), Task()).plain, width, height)
    assert read["geometry"]["box"] == list(box)


@examples(300)
@given(st.lists(_AT | _DECIMAL, min_size=6, max_size=20), st.integers(40, 50_000), st.integers(40, 50_000))
def test_rings_with_nine_decimals_come_back_exactly(ring: list[float], width: int, height: int) -> None:
    ring = ring[: len(ring) // 2 * 2]
    line = write_line(0, {"ring": ring}, (width, height))
    read = from_shares(read_line(line.split(), Task(polygons=True)).plain, width, height)
    assert read["geometry"]["polygon"] == [ring]


_IN = st.integers(0, 20 * _GRID).map(lambda number: number / _GRID)
_LONG = st.integers(_GRID, 9 * _GRID).map(lambda number: number / _GRID)
_PLAIN = st.tuples(_IN, _IN, _LONG, _LONG).map(list)
_POINTS = st.lists(_IN, min_size=6, max_size=6)
_SEEN = st.lists(st.integers(0, 2), min_size=3, max_size=3).filter(lambda seen: set(seen) not in ({2}, {0}))
_OF_TASK = {
    "detect": st.fixed_dictionaries({"geometry": st.fixed_dictionaries({"box": _PLAIN})}),
    "segment": st.fixed_dictionaries({"geometry": st.fixed_dictionaries({
        "polygon": st.lists(_IN, min_size=3, max_size=9).map(lambda ring: [[*ring, *ring]])})}),
    "pose": st.fixed_dictionaries({"geometry": st.fixed_dictionaries({"keypoints": _POINTS}), "meta":
        st.fixed_dictionaries({"box": _PLAIN}, optional={"visibility": _SEEN})}),
    "obb": st.fixed_dictionaries({"geometry": st.fixed_dictionaries({"box": st.tuples(
        _PLAIN, st.integers(-359, 360).map(lambda angle: angle / 2)).map(
            lambda pair: [*pair[0], pair[1]] if pair[1] else pair[0])})}),
}  # fmt: skip


@examples(150)
@given(st.data(), st.sampled_from(sorted(_OF_TASK)))
def test_frames_of_one_task_come_back_exactly(data: st.DataObject, task: str) -> None:
    """All that YOLO holds: a class and a shape for each ROI, and a split."""
    placed = []
    for number in range(data.draw(st.integers(1, 3))):
        found = [{"labels": [data.draw(st.sampled_from(["cat", "dog"]))], **each}
                 for each in data.draw(st.lists(_OF_TASK[task], max_size=4))]  # fmt: skip
        split = data.draw(st.sampled_from(["", "train", "val", "my split"]))
        one = normalise({"sources": [{**SOURCE, "uri": f"file:{number}.png"}], "annotations": found,
                         "meta": {"split": split} if split else {}})[0]  # fmt: skip
        placed.append(Placed(one, {"default": f"images/{number}.png"}, split))
    with tempfile.TemporaryDirectory() as folder:
        ledger = export(Path(folder), *placed)
        back, read = read_all(Path(folder), FORMAT)
    assert [comparable(back[each.names["default"]]) for each in placed] == [comparable(each.frame) for each in placed]
    assert (told(ledger), told(read, "lost")) == ([], [])  # some lie partly outside
    assert ledger.kept == read.kept


def as_text(annotation: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in annotation.items() if k not in {"id", "sources"}}, sort_keys=True)


@examples(150)
@given(st.lists(frames(PLANE | ELSEWHERE, SOURCE), min_size=1, max_size=3))
def test_whatever_comes_back_otherwise_is_told(given_frames: list[dict[str, Any]]) -> None:
    """Each ROI comes back as it was, or the ledger names its frame; what was kept is what is read."""
    everything = {label: 0 for one in given_frames for each in one.get("annotations", ()) for label in each["labels"]}
    names = {label: number for number, label in enumerate(sorted(everything, key=str.encode))}
    placed = [Placed(one, {"default": f"images/{number}.png"}) for number, one in enumerate(given_frames)]
    with tempfile.TemporaryDirectory() as folder:
        ledger = export(Path(folder), *placed, names=names)
        found, read = read_all(Path(folder), FORMAT)
    assert told(read, "lost") == []
    assert len(found) == len(given_frames) == ledger.kept["frames"]
    told_of = {note.place for note in ledger.notes}
    for each in placed:
        back = found[each.names["default"]].get("annotations", [])
        if each.frame["id"] not in told_of:
            assert sorted(map(as_text, back)) == sorted(map(as_text, each.frame.get("annotations", ())))


def test_the_files_are_what_ultralytics_reads(tmp_path: Path) -> None:
    box = {"labels": ["dog"], "geometry": {"box": [10, 15, 20, 6]}}
    export(tmp_path, *(Placed(frame(box, timestamp=number), {"default": path}, split) for number, (path, split) in
                       enumerate([("images/p/a.png", "train"), ("images/b.png", "val"), ("images/images/c.png", "test"),
                                  ("d.png", "")])))  # fmt: skip
    data = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert data == {
        "train": "train.txt", "val": "val.txt", "test": "test.txt", "nc": 2, "names": {0: "cat", 1: "dog"},
        "task": "detect", "hyperdatasets": {"splits": {"train": "train.txt", "val": "val.txt", "test": "test.txt"}},
    }  # fmt: skip
    assert (tmp_path / "train.txt").read_text() == "./images/p/a.png\n"
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt")} == {
        "train.txt", "val.txt", "test.txt", "labels/p/a.txt", "labels/b.txt", "images/labels/c.txt", "d.txt",
    }  # fmt: skip
    assert (tmp_path / "d.txt").read_text() == "1 0.5 0.6 0.5 0.2\n"
    found, ledger = splits(tmp_path)
    assert found == {"a": "train", "b": "val", "c": "test", "d": None}
    assert told(ledger) == []


@pytest.mark.parametrize(("splits_given", "train", "val"), [
    (["", ""], "images", "images"), (["train", ""], "train.txt", "train.txt"), (["val", ""], "val.txt", "val.txt"),
    (["my split", "a/b"], "split-1.txt", "split-1.txt"), (["Train", "classes"], "Train.txt", "Train.txt"),
    (["0", "1"], "0.txt", "0.txt"),
])  # fmt: skip
def test_splits_come_back(tmp_path: Path, splits_given: list[str], train: str, val: str) -> None:
    placed = [Placed(frame(timestamp=n, meta={"split": split} if split else {}), {"default": f"images/{n}.png"}, split)
              for n, split in enumerate(splits_given)]  # fmt: skip
    ledger = export(tmp_path, *placed)
    data = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert (data["train"], data["val"]) == (train, val)
    found, read = splits(tmp_path)
    assert found == {str(n): split or None for n, split in enumerate(splits_given)}
    assert all(reason == WITHOUT for _, reason, _ in told(read))
    assert told(ledger, "lost") == [("attributes", "metadata, for which YOLO has no place", len(placed))]


@pytest.mark.parametrize(("splits_given", "reasons", "val"), [
    (["", ""], [NO_SPLIT], "images"), (["train", "test"], [NO_VAL], "train.txt"), (["val"], [NO_TRAIN], "val.txt"),
    (["a", "b"], [NO_TRAIN, NO_VAL], "a.txt"), (["train", "val"], [], "val.txt"), (["train", "valid"], [], "valid.txt"),
    ([], [], "images"),
])  # fmt: skip
def test_training_pictures_as_val_are_told(
    tmp_path: Path, splits_given: list[str], reasons: list[str], val: str
) -> None:
    placed = [Placed(frame(timestamp=n), {"default": f"images/{n}.png"}, split) for n, split in enumerate(splits_given)]
    ledger = export(tmp_path, *placed, advice=True)
    assert told(ledger, "noticed") == sorted(("splits", reason, 1) for reason in reasons)
    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["val"] == val


def test_pictures_outside_of_images_without_splits(tmp_path: Path) -> None:
    export(tmp_path, Placed(frame(), {"default": "p/a.png"}))
    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["train"] == "pictures.txt"
    assert splits(tmp_path)[0] == {"a": None}


BOX = {"geometry": {"box": [1, 2, 3, 4]}}
RING = {"geometry": {"polygon": [[1, 1, 9, 1, 9, 9]]}}
POINTS = {"geometry": {"keypoints": [1, 1, 9, 1]}, "meta": {"box": [1, 1, 8, 8]}}
TURNED = {"geometry": {"box": [5, 6, 7, 8, 30]}}


@pytest.mark.parametrize(("annotations", "notes"), [
    ([{"labels": ["cat"], **BOX, "confidence": 0.5, "origin": "m"}],
     [("lost", "attributes", "confidences and origins of ROIs, for which YOLO has no place", 2)]),
    ([{"labels": ["cat"], **BOX, "id": "mine"}],
     [("lost", "attributes", "ids that were given to frames or ROIs, for which YOLO has no place", 1)]),
    ([{"labels": ["cat"], **BOX, "meta": {"a": 1, "b": 2}}],
     [("lost", "attributes", "metadata, for which YOLO has no place", 2)]),
    ([{"labels": ["none"], **BOX}], [("lost", "boxes", "ROIs without a numbered label, left out", 1)]),
    ([{"labels": ["other"], **BOX}], [("lost", "boxes", "ROIs without a numbered label, left out", 1)]),
    ([{"labels": ["kitten"], **BOX}],
     [("noticed", "boxes", "labels that share the number of another one, written with its name", 1)]),
    ([{"labels": ["cat", "dog"], **BOX}],
     [("noticed", "boxes", "ROIs with several labels, written once for each", 1)]),
    ([{"labels": ["cat"]}], [("lost", "labels", ("ROIs that YOLO has no lines for, such as masks, spans and labels of "
                              "whole frames"), 1)]),
    ([{"labels": ["cat"], "geometry": {"span": [1, 2]}}],
     [("lost", "spans", "ROIs that YOLO has no lines for, such as masks, spans and labels of whole frames", 1)]),
    ([{"labels": ["cat"], "geometry": {"ellipse": [9, 9, 4, 2, 0]}}],
     [("noticed", "ellipses", "ellipses, written as their boxes", 1)]),
    ([{"labels": ["cat"], "geometry": {"polygon": [[1, 1, 9, 1, 9, 9], [2, 2, 5, 2, 5, 5]]}}],
     [("noticed", "polygons", "polygons with holes or parts, written as one ring with seams", 1)]),
    ([{"labels": ["cat"], **RING}, {"labels": ["cat"], **BOX}],
     [("noticed", "boxes", "boxes in a set of polygons: Ultralytics trains such sets as boxes only", 1)]),
    ([{"labels": ["cat"], **RING}, {"labels": ["dog"], **RING}, {"labels": ["cat"], **TURNED}],
     [("noticed", "boxes", "rotated boxes, written as polygons", 1)]),
    ([{"labels": ["cat"], **POINTS}, {"labels": ["dog"], **POINTS}, {"labels": ["cat"], **TURNED},
      {"labels": ["dog"], **BOX}],
     [("lost", "boxes", "ROIs of another task than most: a set of YOLO is for one task only", 1)]),
    ([{"labels": ["cat"], **POINTS}, {"labels": ["dog"], **POINTS},
      {"labels": ["cat"], "geometry": {"keypoints": [1, 1]}}],
     [("lost", "key points", "key points of another number than most: a set of YOLO has one number of points", 1)]),
    ([{"labels": ["cat"], "geometry": {"keypoints": [1, 1, 9, 9]}}],
     [("noticed", "key points", "key points without a box of their own; the box around them is written", 1)]),
    ([{"labels": ["cat"], "geometry": {"keypoints": [1, 1]}}], []),
    ([{"labels": ["cat"], "geometry": {"box": [1 / 3, 2, 3, 4]}}],
     [("noticed", "boxes", "shapes that come back a little different: shares hold a billionth of a pixel", 1)]),
    ([{"labels": ["cat"], "geometry": {"box": [1, 2, 300, 4]}}],
     [("lost", "boxes", "ROIs too far outside of their picture for YOLO", 1)]),
])  # fmt: skip
def test_what_is_lost_or_changed_is_named(
    tmp_path: Path, annotations: list[dict[str, Any]], notes: list[tuple[str, str, str, int]]
) -> None:
    _, ledger, _ = there_and_back(tmp_path, *annotations)
    found = [(weight, kind, reason, sum(note.count for note in each))
             for (weight, kind, reason), each in ledger.groups().items()]  # fmt: skip
    assert found == notes


def test_names_of_key_points_that_differ(tmp_path: Path) -> None:
    def named(names: list[str] | None, x: float) -> dict[str, Any]:
        meta = {"box": [1.0, 1, 8, 8]} | ({"keypoint_names": names} if names else {})
        return {"labels": ["cat"], "geometry": {"keypoints": [x, 1, 9, 1]}, "meta": meta}

    _, ledger, _ = there_and_back(
        tmp_path, named(["a", "b"], 1), named(["a", "b"], 2), named(["c", "d"], 3), named(None, 4)
    )
    reasons = {reason for _, reason, _ in told(ledger)}
    assert reasons <= {
        "names of key points that differ from those of their class",
        "key points without names, of a class whose key points have names",
    }
    assert reasons


def test_seams_keep_the_area(tmp_path: Path) -> None:
    from hyperdatasets.formats.raster import bitmap_of

    rings = [[1, 1, 20, 1, 20, 20, 1, 20], [4, 4, 10, 4, 10, 10, 4, 10], [25, 5, 30, 5, 30, 9]]
    found, _, _ = there_and_back(tmp_path, {"labels": ["cat"], "geometry": {"polygon": rings}})
    (ring,) = found[0]["geometry"]["polygon"]
    assert (bitmap_of([ring], WIDTH, HEIGHT) == bitmap_of(rings, WIDTH, HEIGHT)).all()


def test_boxes_in_a_set_of_poses_have_points_that_are_zero(tmp_path: Path) -> None:
    found, ledger, _ = there_and_back(tmp_path, {"labels": ["cat"], **POINTS}, {"labels": ["dog"], **BOX})
    assert {next(iter(each["geometry"])) for each in found} == {"keypoints", "box"}
    assert sorted(len(line.split()) for line in (tmp_path / "labels/a.txt").read_text().splitlines()) == [11, 11]
    assert told(ledger) == []


def test_boxes_in_a_set_of_rotated_ones_have_four_corners(tmp_path: Path) -> None:
    found, ledger, _ = there_and_back(tmp_path, {"labels": ["cat"], **TURNED}, {"labels": ["dog"], **BOX})
    assert sorted(each["geometry"]["box"] for each in found) == [[1, 2, 3, 4], [5, 6, 7, 8, 30]]
    assert [len(line.split()) for line in (tmp_path / "labels/a.txt").read_text().splitlines()] == [9, 9]
    assert told(ledger) == []


def test_frames_and_their_files(tmp_path: Path) -> None:
    source = {**SOURCE, "masks": [{"uri": "file:m.png"}], "meta": {"x": 1}}
    one = normalise({"id": "mine", "context_id": "c", "timestamp": 4, "sources": [source],
                     "meta": {"a": 1, "captions": ["x", "y"], "split": "train"}})[0]  # fmt: skip
    ledger, output = Ledger(), ToFolder(tmp_path)
    writer = WRITTEN.start(output, Subject("test", {}, mask_labels={"_all_": []}), ledger)
    writer.add(Placed(one, {"default": N}, "val"))
    writer.finish()
    output.close()
    assert told(ledger) == [
        ("attributes", "ids that were given to frames or ROIs, for which YOLO has no place", 1),
        ("attributes", "metadata of files, left out", 1),
        ("attributes", "metadata, for which YOLO has no place", 3),
        ("attributes", "names of the colours of masks, for which YOLO has no place", 1),
        ("captions", "metadata, for which YOLO has no place", 2),
        ("masks", "mask pictures, for which YOLO has no place", 1),
        ("splits", NO_TRAIN, 1),
        ("splits", "splits in the metadata that are not those of the export", 1),
    ]


def test_groups_sizes_and_frames_without_a_picture(tmp_path: Path) -> None:
    group = normalise({
        "sources": [{**SOURCE, "id": "left"}, {"id": "right", "uri": "file:y.png"},
                    {"id": "sound", "uri": "file:z.wav", "content_type": "audio/wav"}],
        "annotations": [{"labels": ["cat"], **BOX}],
    })[0]  # fmt: skip
    text_only = normalise({"blob": b"x", "annotations": [{"labels": ["t"]}]})[0]
    names = {"left": "images/l.png", "right": "images/r.png", "sound": "z.wav"}
    ledger = export(tmp_path, Placed(group, names), Placed(text_only, {}))
    assert told(ledger, "lost") == [
        ("boxes", "ROIs of pictures whose width and height are not known, left out", 1),
        ("frames", "frames without a picture, left out", 1),
        ("frames", "groups, written as a picture for each source", 1),
        ("frames", "sources that are no pictures, left out", 1),
        ("labels", "frames without a picture, left out", 1),
    ]


def test_pictures_of_one_label_file(tmp_path: Path) -> None:
    placed = [Placed(frame({"labels": ["cat"], **BOX}, timestamp=number), {"default": path})
              for number, path in enumerate(("images/a.png", "images/a.jpg"))]  # fmt: skip
    ledger = export(tmp_path, *placed)
    assert [(weight, reason) for (weight, kind, reason) in ledger.groups() if kind != "attributes"] == [
        ("lost", "ROIs of a picture whose label file is that of another picture, which differs by its suffix"),
        ("noticed", "pictures that differ by their suffix only, for which YOLO has one label file"),
    ]


def test_parts_of_a_frame_are_joined(tmp_path: Path) -> None:
    whole = frame(
        {"labels": ["cat"], "geometry": {"box": [1, 2, 3, 4]}}, {"labels": ["dog"], "geometry": {"box": [1, 2, 3, 5]}}
    )
    export(
        tmp_path, *(Placed({**whole, "annotations": [each]}, {"default": N}, key="k") for each in whole["annotations"])
    )  # type: ignore[arg-type]
    assert labels(read_all(tmp_path, FORMAT)[0][N]) == ["cat", "dog"]


@pytest.mark.parametrize("labels_given", [["no", "yes", "null"], ["007", "1e3", "~"], ["a: b", "# c", "'", '"', "- x"],
                                          [" x ", "чат", "😀", "\ufffe", "[br]", "a\u2028b"]])  # fmt: skip
def test_names_come_back_as_they_are(tmp_path: Path, labels_given: list[str]) -> None:
    one = frame(*({"labels": [label], "geometry": {"box": [1, 2, 3, 4 + n]}} for n, label in enumerate(labels_given)))
    ledger = export(tmp_path, Placed(one, {"default": N}), names={name: n for n, name in enumerate(labels_given)})
    assert labels(read_all(tmp_path, FORMAT)[0][N]) == sorted(labels_given)
    assert told(ledger) == []


@examples(300)
@given(
    st.lists(st.text("0123456789.e-+ naif#\t\x00é,", max_size=60), max_size=6), st.sampled_from(["", POSE, "task: obb"])
)
def test_hostile_lines_never_raise(lines: list[str], data: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        _, ledger = run(Path(name), "\n".join(lines), f"names: [cat]\n{data.removeprefix('names: [cat, dog]')}\n")
    assert ledger.kept["frames"] == 1
    assert sum(math.isnan(count) for count in ledger.read.values()) == 0


def flat(tmp_path: Path, *pictures: str, labels: tuple[str, ...] = ("labels/a.txt",)) -> Ledger:
    for path in pictures:
        picture(tmp_path / path)
    for path in labels:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("0 0.5 0.5 0.1 0.1\n")
    frames, ledger = read_all(tmp_path, FORMAT)
    assert ledger.kept["boxes"] == sum(len(frame.get("annotations", ())) for frame in frames.values())
    return ledger


@pytest.mark.parametrize(("line", "data", "expected", "doubt"), [
    ("0 .5 .5 .2 .4 17", "", {"geometry": {"box": [40, 15, 20, 20]}, "meta": {"track": 17}}, ("boxes", TRACKED, 2)),
    ("0 .5 .5 .2 .4 .3", "task: segment", {"geometry": {"box": [40, 15, 20, 20]}, "confidence": 0.3},
     ("boxes", MAYBE_CUT_BOX, 2)),
    ("0 .1 .1 .3 .1 .3 .2 .9", "", {"geometry": {"polygon": [[10, 5, 30, 5, 30, 10]]}, "confidence": 0.9},
     ("polygons", MAYBE_CUT, 2)),
    ("0 .1 .1 .3 .1 .3 .2 7", "", {"geometry": {"polygon": [[10, 5, 30, 5, 30, 10]]}, "meta": {"track": 7}},
     ("polygons", MAYBE_CUT, 2)),
])  # fmt: skip
def test_lines_that_may_be_cut_or_tracked_are_noticed_once(
    tmp_path: Path, line: str, data: str, expected: dict[str, Any], doubt: tuple[str, str, int]
) -> None:
    found, ledger = run(tmp_path, f"{line}\n{line}\n", f"names: [cat, dog]\n{data}\n")
    assert found == [{"labels": ["cat"], **expected}] * 2
    assert told(ledger) == [doubt]
    assert len(ledger.notes) == 1


def test_label_files_of_another_layout_belong_to_the_only_picture_of_their_name(tmp_path: Path) -> None:
    ledger = flat(tmp_path, "images/train/a.jpg", "images/val/b.jpg", labels=("labels/a.txt", "labels/b.txt"))
    assert ledger.kept["boxes"] == 2
    assert told(ledger, "noticed")[1] == ("frames", label_reader.BY_NAME, 2)
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert evidence.annotated == 2


@pytest.mark.parametrize(("pictures", "labels", "reason"), [
    (("images/train/a.jpg", "images/val/a.jpg"), ("labels/a.txt",), "SEVERAL"),
    (("images/a.jpg",), ("labels/a.txt", "images/a.txt"), "OTHER_FILE"),
    (("images/train/a.jpg",), ("labels/val/a.txt",), "NO_PICTURE"),
    (("images/train/a.jpg",), ("notes/a.txt",), "NO_PICTURE"),
])  # fmt: skip
def test_lines_of_a_label_file_that_has_no_picture_of_its_own_are_lost_with_the_reason(
    tmp_path: Path, pictures: tuple[str, ...], labels: tuple[str, ...], reason: str
) -> None:
    ledger = flat(tmp_path, *pictures, labels=labels)
    assert told(ledger, "lost") == [("boxes", getattr(label_reader, reason), 1)]
