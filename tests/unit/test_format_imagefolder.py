"""Folders per label and metadata beside the pictures: what comes in, and everything that is said."""

from __future__ import annotations

import csv
import json
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.formats import folder_labels, imagefolder, metadata_files, rows, typed_text
from hyperdatasets.formats.entry import FURTHER_SPLITS
from hyperdatasets.formats.file_rows import NO_FILE, SEVERAL, TWICE
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.imagefolder import FORMAT
from hyperdatasets.formats.intake import Intake, Options
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Reading
from tests.reference.format_runs import Run, picture, read_all, text


def recording(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(b"\1\0" * 800)


def labelled(root: Path, *paths: str) -> None:
    for path in paths:
        (recording if path.endswith(".wav") else picture)(root / path)


def described(root: Path, *lines: dict, at: str = "metadata.jsonl") -> Run:
    text(root / at, "".join(json.dumps(line) + "\n" for line in lines))
    return read_all(root, FORMAT)


def test_a_folder_per_label(tmp_path: Path) -> None:
    labelled(tmp_path, "cat/1.png", "dog/1.png", "dog/2.PNG", "logo.png")
    for name in ("cat", "dog"):
        text(tmp_path / name / "Thumbs.db", b"\0\1")
        text(tmp_path / name / "desktop.ini", "[x]")
    text(tmp_path / "stats.json", '{"images": 2}')
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.weight, evidence.told) == (3, 0.5, "files in 2 folders of a label")
    found = read_all(tmp_path, FORMAT)
    assert {path: found.labels(path) for path in found.frames} == {
        "cat/1.png": ["cat"], "dog/1.png": ["dog"], "dog/2.PNG": ["dog"], "logo.png": [],
    }  # fmt: skip
    assert found.said("noticed") == {folder_labels.OUTSIDE: ["logo.png"]}
    assert found.said("skipped") == {"files that are no data of this format": ["stats.json"]}
    assert found.ledger.complete
    assert all(item.from_folder for entry in found.entries for item in entry.items)


def test_recordings_by_folder(tmp_path: Path) -> None:
    labelled(tmp_path, "train/dog/1.wav", "train/cat/1.wav", "test/dog/2.wav")
    found = read_all(tmp_path, FORMAT)
    assert found.labels("train/dog/1.wav") == ["dog"]
    assert found.meta("test/dog/2.wav") == {"split": "test"}


@pytest.mark.parametrize("name", ["train", "Training", "train2017", "train_images"])
def test_splits(tmp_path: Path, name: str) -> None:
    labelled(tmp_path, f"{name}/cat/1.png", "valid/cat/1.png")
    found = read_all(tmp_path, FORMAT)
    assert found.labels(f"{name}/cat/1.png") == ["cat"]
    assert [found.meta(f"{name}/cat/1.png"), found.meta("valid/cat/1.png")] == [{"split": "train"}, {"split": "val"}]
    assert FORMAT.recognise(Folder(tmp_path)) is not None, "one label below a split is enough"


@pytest.mark.parametrize("format_name", ["auto", "imagefolder"])
def test_splits_and_roles_below_a_label_are_passed_over(tmp_path: Path, format_name: str) -> None:
    labelled(tmp_path, "cat/train/1.png", "cat/val/2.png", "dog/train/images/3.png")
    intake = Intake(Folder(tmp_path), Options(format_name))
    found = {entry.path: (entry.items[0].plain["labels"], entry.split) for entry in intake.entries()}
    assert found == {
        "cat/train/1.png": (["cat"], "train"), "cat/val/2.png": (["cat"], "val"),
        "dog/train/images/3.png": (["dog"], "train"),
    }  # fmt: skip
    (note,) = intake.finish().notes
    assert (note.weight, note.reason, note.count) == ("noticed", folder_labels.PASSED, 3)


def test_one_folder_above_splits_is_no_label(tmp_path: Path) -> None:
    labelled(tmp_path, "cells/train/1.png", "cells/val/2.png")
    assert FORMAT.recognise(Folder(tmp_path)) is None


def test_deeper_folders_are_told_once(tmp_path: Path) -> None:
    labelled(tmp_path, "train/animals/cat/1.png", "train/animals/dog/1.png", "train/car/1.png")
    found = read_all(tmp_path, FORMAT)
    assert found.labels("train/animals/cat/1.png") == ["cat"], "as Hugging Face has it"
    assert found.labels("train/car/1.png") == ["car"]
    (note,) = [note for note in found.ledger.notes if note.reason == folder_labels.DEEPER]
    assert (note.weight, note.count) == ("noticed", 2)


@pytest.mark.parametrize("name", ["images", "JPEGImages", "data", "train", "test_images", "labels2"])
def test_roles_are_no_labels(tmp_path: Path, name: str) -> None:
    labelled(tmp_path, f"{name}/1.png", "other/1.png")
    assert FORMAT.recognise(Folder(tmp_path)) is None, "one folder alone may be called anything"
    found = read_all(tmp_path, FORMAT)
    assert found.labels(f"{name}/1.png") == []
    assert found.said("noticed")[folder_labels.OUTSIDE] == [f"{name}/1.png"]


def test_only_media_are_frames(tmp_path: Path) -> None:
    labelled(tmp_path, "cat/1.png", "dog/1.png")
    text(tmp_path / "cat" / "notes.txt", "x")
    found = read_all(tmp_path, FORMAT)
    assert sorted(found.frames) == ["cat/1.png", "dog/1.png"]
    assert found.said("skipped")["files that are no data of this format"] == ["cat/notes.txt"]


def test_metadata_in_json_lines(tmp_path: Path) -> None:
    labelled(tmp_path, "a.png", "sub/b.png")
    found = described(
        tmp_path,
        {"file_name": "a.png", "text": "a cat", "id": "007", "n": 5, "x": 2.5, "on": True, "tags": ["u"], "no": None},
        {"file_name": "sub\\b.png", "caption": "a dog", "captions": ["one", "two"], "label": "dog", "split": "valid"},
    )
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.used, evidence.weight) == (2, ["metadata.jsonl"], 1.0)
    assert found.meta("a.png") == {"captions": ["a cat"], "id": "007", "n": 5, "x": 2.5, "on": True, "tags": ["u"]}
    assert found.meta("sub/b.png") == {"captions": ["a dog", "one", "two"], "split": "val"}
    assert found.labels("sub/b.png") == ["dog"]
    assert found.ledger.kept["captions"] == 4
    assert found.ledger.complete


def test_metadata_in_csv_keeps_names_that_look_like_numbers(tmp_path: Path) -> None:
    labelled(tmp_path, "a.png", "b.png", "c.png")
    table = [
        ["file_name", "patient", "age", "score", "ok", "code", "text", "label", "mixed", "long", "small"],
        ["a.png", "007", "60", "0.5", "true", "1E2", "12", "3", "5", "12345678901234567890", "1e-05"],
        ["b.png", "7", "NA", "1", "False", "100", "a, b", "4", "five", "1", "2.5e+3"],
        ["c.png", "07", "", "-2.25", "", "2", "", "", "", "", ""],
    ]
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    found = read_all(tmp_path, FORMAT)
    assert found.meta("a.png") == {
        "patient": "007", "age": 60, "score": 0.5, "ok": True, "code": "1E2", "captions": ["12"], "mixed": "5",
        "long": "12345678901234567890", "small": 1e-05,
    }  # fmt: skip
    assert found.meta("b.png") == {
        "patient": "7", "score": 1, "ok": False, "code": "100", "captions": ["a, b"], "mixed": "five", "long": "1",
        "small": 2500.0,
    }  # fmt: skip
    assert found.meta("c.png") == {"patient": "07", "score": -2.25, "code": "2"}
    assert found.labels("a.png") == ["3"]
    assert found.said()[typed_text.MISSING] == ["metadata.csv, column `age`"]
    assert "metadata.csv, column `mixed`" in found.said()[typed_text.MIXED]


@pytest.mark.parametrize(
    "content",
    [
        "\ufefffile_name,n\r\na.png,1\r\n",
        "n;file_name\n1;a.png\n",
        "file_name\tn\na.png\t1\n",
        "\n file_name , n\na.png,1\n\n\n",
        "file_name,n\ra.png,1\r",
        '"file_name","n"\n"a.png","1"',
        "file_name,n\na.png,1\n".encode("utf-16"),
    ],
)
def test_csv_as_it_is_found(tmp_path: Path, content: str | bytes) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "metadata.csv", content)
    assert FORMAT.recognise(Folder(tmp_path)) is not None
    found = read_all(tmp_path, FORMAT)
    assert found.meta("a.png") == {"n": 1}
    assert found.ledger.complete


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n"])
def test_json_lines_as_they_are_found(tmp_path: Path, encoding: str, line_end: str) -> None:
    labelled(tmp_path, "a.png", "ä.png")
    lines = ('{"n": 1, "file_name": "a.png"}', '{"file_name": "ä.png", "n": 2}')
    text(tmp_path / "Metadata.JSONL", (line_end + line_end.join(lines)).encode(encoding))
    assert FORMAT.recognise(Folder(tmp_path)) is not None
    found = read_all(tmp_path, FORMAT)
    assert (found.meta("a.png"), found.meta("ä.png")) == ({"n": 1}, {"n": 2})
    assert found.ledger.complete


def test_csv_cells_that_do_not_fit_the_header(tmp_path: Path) -> None:
    labelled(tmp_path, "a.png", "b.png")
    text(tmp_path / "metadata.csv", "file_name,n,n,\na.png,1,2,3,4\nb.png\n")
    found = read_all(tmp_path, FORMAT)
    assert found.meta("a.png") == {"n": 1}
    said = found.said()
    assert len(said["columns without a name, or with the name of another one"]) == 2
    assert said["cells beyond the last column of the header"] == ["metadata.csv, line 2"]
    assert said["rows with fewer cells than the header; the others are missing"] == ["metadata.csv, line 3"]


def test_objects_of_hugging_face(tmp_path: Path) -> None:
    labelled(tmp_path, *(f"{name}.png" for name in "abcdef"))
    found = described(
        tmp_path,
        {
            "file_name": "a.png",
            "objects": {"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "categories": [0, 1], "area": [12, 56]},
        },
        {"file_name": "b.png", "objects": [{"bbox": [1, 2, 3, 4], "category": "cat", "hard": True, "note": None}]},
        {"file_name": "c.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": ["a", "b"]}},
        {"file_name": "d.png", "objects": {"bbox": [[1, 2, 0, 4], [1, 2, 3]], "categories": ["a", "b"]}},
        {"file_name": "e.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [-1]}},
        {"file_name": "f.png", "objects": "what"},
    )
    first = {each["labels"][0]: (each["geometry"]["box"], each["meta"]) for each in found.annotations("a.png")}
    assert first == {"0": ([1, 2, 3, 4], {"area": 12}), "1": ([5, 6, 7, 8], {"area": 56})}
    (second,) = found.annotations("b.png")
    assert (second["labels"], second["meta"]) == (["cat"], {"hard": True})
    said = found.said()
    assert len(said[rows.NUMBERS]) == 2
    assert said[rows.UNEVEN] == ["metadata.jsonl, line 3"]
    assert said["annotations that are not valid"] == [
        "metadata.jsonl, line 4, object 0", "metadata.jsonl, line 4, object 1", "metadata.jsonl, line 5, object 0",
    ]  # fmt: skip
    assert said[rows.NO_NAME] == ["metadata.jsonl, line 5, object 0"]
    assert said[rows.NO_OBJECTS] == ["metadata.jsonl, line 6"]
    assert found.ledger.read["boxes"] == 9
    assert found.ledger.kept["boxes"] == 3


def test_objects_in_a_cell_are_json(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "metadata.csv", 'file_name,objects\na.png,"{""bbox"": [[1,2,3,4]], ""categories"": [""x""]}"\n')
    assert read_all(tmp_path, FORMAT).labels("a.png") == ["x"]


def test_rows_and_files_that_do_not_meet(tmp_path: Path) -> None:
    labelled(tmp_path, "a.png", "b.png", "x/c.png", "y/c.png", "d.png")
    found = described(
        tmp_path, {"file_name": "a.png", "n": 1}, {"file_name": "gone.png"}, {"file_name": "c.png"},
        {"file_name": "a.png", "n": 2}, {"n": 3}, {"file_name": 5}, {"file_name": ["d.png"]},
    )  # fmt: skip
    said = found.said("lost")
    assert said[NO_FILE] == ["metadata.jsonl, line 2"]
    assert said[SEVERAL] == ["metadata.jsonl, line 3"]
    assert said[TWICE] == ["metadata.jsonl, line 4"]
    assert said["rows that name no file"] == [f"metadata.jsonl, line {number}" for number in (5, 6, 7)]
    assert found.said("noticed")[imagefolder.WITHOUT_ROW] == ["b.png", "d.png", "x/c.png", "y/c.png"]
    assert len(found.frames) == 5
    assert found.meta("a.png") == {"n": 1}


def test_rows_are_counted_whether_they_are_kept_or_lost(tmp_path: Path) -> None:
    labelled(tmp_path, "a.png", "b.png", "mask.png")
    found = described(tmp_path, {"file_name": "a.png", "age": 1, "mask_file_name": "gone.png"}, {"file_name": "c.png"},
                      {"file_name": "b.png", "mask_file_name": "mask.png"}, {"file_name": "a.png"},
                      {"file_name": "mask.png"})  # fmt: skip
    assert (found.ledger.read["table rows"], found.ledger.kept["table rows"]) == (5, 2)
    assert (found.ledger.read["table cells"], found.ledger.kept["table cells"]) == (1, 1)
    assert found.said("lost")[imagefolder.OF_MASK] == ["metadata.jsonl, line 5"]
    assert found.ledger.lost == {"masks": 1, "table rows": 3}


def test_a_row_of_another_split_is_not_this_file(tmp_path: Path) -> None:
    labelled(tmp_path, "train/a.png", "train/b.png")
    found = described(tmp_path, {"file_name": "train/a.png"}, {"file_name": "val/b.png"})
    assert found.said("lost") == {NO_FILE: ["metadata.jsonl, line 2"]}


def test_metadata_in_each_split(tmp_path: Path) -> None:
    labelled(tmp_path, "train/1.png", "test/1.png")
    text(tmp_path / "test" / "metadata.jsonl", '{"file_name": "1.png", "n": 2}\n')
    found = described(tmp_path, {"file_name": "1.png", "n": 1}, at="train/metadata.jsonl")
    assert found.meta("train/1.png") == {"n": 1, "split": "train"}
    assert found.meta("test/1.png") == {"n": 2, "split": "test"}


def test_a_split_in_a_row_and_another_one_of_the_folder(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "1.png")
    found = described(tmp_path, {"file_name": "train/1.png", "split": "test"})
    assert found.meta("train/1.png") == {"split": "test"}
    assert FURTHER_SPLITS in found.said("lost")


def test_further_files_of_a_row(tmp_path: Path) -> None:
    labelled(tmp_path, "a.png", "depth/a.png", "m/a.png")
    found = described(
        tmp_path, {"image_file_name": "a.png", "depth_file_name": "depth/a.png", "mask_file_name": "m/a.png"}
    )
    assert sorted(found.frames) == ["a.png", "depth/a.png"]
    assert found.meta("a.png") == {"depth_file_name": "depth/a.png"}
    assert found.frames["a.png"]["sources"][0]["masks"] == [{"id": "mask", "uri": "file:///m/a.png"}]
    assert metadata_files.FURTHER in found.said("noticed")


def test_rows_of_several_files_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = described(tmp_path, {"file_name": "a.png"}, {"image_file_names": ["a.png"]})
    assert found.said("lost") == {metadata_files.FILES: ["metadata.jsonl, line 2"]}


def test_labels_of_folders_beside_metadata(tmp_path: Path) -> None:
    labelled(tmp_path, "cat/1.png", "dog/1.png")
    found = described(tmp_path, {"file_name": "cat/1.png", "text": "x"}, {"file_name": "dog/1.png", "text": "y"})
    assert found.labels("cat/1.png") == ["cat"]
    assert imagefolder.BOTH in found.said("noticed")
    found = described(tmp_path, {"file_name": "cat/1.png", "label": "tiger"}, {"file_name": "dog/1.png"})
    assert (found.labels("cat/1.png"), found.labels("dog/1.png")) == (["tiger"], [])
    assert imagefolder.LABELS_IN_ROWS in found.said("noticed")


@pytest.mark.parametrize(
    ("files", "reason"),
    [(["pets/1.png", "pets/2.png"], imagefolder.ONE_FOLDER), (["case1/a.dcm", "case2/a.dcm"], imagefolder.CASES)],
)
def test_why_names_of_folders_are_no_labels(tmp_path: Path, files: list[str], reason: str) -> None:
    labelled(tmp_path, *(path for path in files if path.endswith(".png")))
    for path in files:
        if path.endswith(".dcm"):
            text(tmp_path / path, b"\0" * 128 + b"DICM")
    text(tmp_path / "metadata.jsonl", "".join(json.dumps({"file_name": path, "age": 4}) + "\n" for path in files))
    ledger = Ledger("imagefolder")
    entries = list(FORMAT.read(Reading(Folder(tmp_path), ledger)))
    assert not any(entry.items for entry in entries)
    assert [note.reason for note in ledger.notes if note.kind == "labels"] == [reason]


@pytest.mark.parametrize(
    ("label", "labels", "reason"),
    [
        (3, ["3"], rows.NUMBERS), (["a", "b"], ["a", "b"], ""), (-1, [], rows.NO_NAME),
        ({"a": 1}, [], "annotations that are not valid"), (True, [], "annotations that are not valid"),
        ("", [], "annotations that are not valid"),
    ],
)  # fmt: skip
def test_labels_of_every_type(tmp_path: Path, label: object, labels: list[str], reason: str) -> None:
    picture(tmp_path / "a.png")
    found = described(tmp_path, {"file_name": "a.png", "label": label})
    assert found.labels("a.png") == labels
    assert set(found.said()) == ({reason} if reason else set())


@pytest.mark.parametrize(
    "line",
    [
        '{"file_name": "a.png", "n": 123456789012345678901234567890}', '{"file_name": "a.png", "n": NaN}',
        '{"file_name": "a.png", "n": 1e999}', '{"file_name": "a.png", "n": ' + "[" * 60 + "]" * 60 + "}",
        '{"file_name": "a.png", "captions": 5}',
    ],
)  # fmt: skip
def test_hostile_values_are_told(tmp_path: Path, line: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "metadata.jsonl", f'{{"file_name": "b.png"}}\n{line}\n')
    found = read_all(tmp_path, FORMAT)
    assert found.meta("a.png") == {}
    assert found.said("lost").keys() & {rows.NO_META, rows.NO_CAPTIONS}


@pytest.mark.parametrize("line", ["{", "[1]", "5", "[" * 5_000, '{"file_name": "a.png"', b"\xff\xfe\xfa"])
def test_broken_lines_are_told_and_the_others_are_read(tmp_path: Path, line: str | bytes) -> None:
    labelled(tmp_path, "a.png")
    content = line if isinstance(line, bytes) else line.encode()
    text(tmp_path / "metadata.jsonl", b'{"file_name": "a.png", "n": 1}\n' + content + b"\n")
    found = read_all(tmp_path, FORMAT)
    assert found.meta("a.png") == {"n": 1}
    assert found.said("lost") == {"lines that are no JSON objects": ["metadata.jsonl, line 2"]}


def test_metadata_in_another_encoding_is_unreadable_and_the_picture_is_kept(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "metadata.csv", "file_name,city\na.png,Köln\n".encode("latin-1"))
    found = read_all(tmp_path, FORMAT)
    assert list(found.frames) == ["a.png"]
    assert "could not be read" in found.ledger.failed


def test_a_metadata_file_without_names_of_files_is_none(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "metadata.csv", "name,n\na.png,1\n")
    assert FORMAT.recognise(Folder(tmp_path)) is None


@given(st.lists(st.text("0123456789.eE+-aN", max_size=6), min_size=1, max_size=4))
def test_typed_cells_lose_no_character(cells: list[str]) -> None:
    ledger = Ledger()
    for cell, value in zip(cells, typed_text.typed(cells, "x", ledger), strict=True):
        if isinstance(value, str):
            assert value == cell
        elif value is None:
            assert not cell or ledger.notes
        else:
            assert float(cell) == value
            assert repr(value) == cell or ledger.notes
            assert not cell.lstrip("-").startswith("0") or cell.lstrip("-")[1:2] in {"", ".", "e", "E"}


@pytest.mark.parametrize(
    ("cells", "values", "reason"),
    [
        (["1.1", "1.10", "2.0"], ["1.1", "1.10", "2.0"], typed_text.AMBIGUOUS),
        (["1.2", "1.10"], ["1.2", "1.10"], typed_text.AMBIGUOUS),
        (["1e-5", "1.0e-5"], ["1e-5", "1.0e-5"], typed_text.AMBIGUOUS),
        (["0.0", "0.00"], ["0.0", "0.00"], typed_text.AMBIGUOUS),
        (["0.50", "1.25", "12"], [0.5, 1.25, 12], typed_text.SHORTENED),
        (["0.50", "0.50"], [0.5, 0.5], typed_text.SHORTENED),
        (["1.5e3", "2.0"], [1500.0, 2.0], typed_text.SHORTENED),
        (["0.5", "-2.25", "2.0", "1"], [0.5, -2.25, 2.0, 1], ""),
        (["9007199254740993.0"], ["9007199254740993.0"], ""),
        (["1", "1.0"], [1, 1.0], ""),
        (["True", "FALSE"], [True, False], ""),
        (["True", "TRUE", "false"], [True, True, False], typed_text.SPELLINGS),
        (["0.50", "NA"], [0.5, None], typed_text.MISSING),
    ],
)
def test_different_numbers_stay_different(cells: list[str], values: list[Any], reason: str) -> None:
    ledger = Ledger()
    found = typed_text.typed(cells, "x", ledger)
    assert list(map(repr, found)) == list(map(repr, values))
    assert reason in {note.reason for note in ledger.notes} if reason else not ledger.notes


def test_numbers_that_lose_their_notation_are_counted() -> None:
    ledger = Ledger()
    typed_text.typed(["0.50", "0.50", "1.25", ""], "x", ledger)
    assert [(note.reason, note.detail, note.count) for note in ledger.notes] == [(typed_text.SHORTENED, "`0.50`", 2)]


@pytest.mark.parametrize(
    ("name", "file"), [("A.JPG", "a.jpg"), ("cafe\u0301.png", "caf\u00e9.png"), ("X/a.PNG", "x/a.png")]
)
def test_names_in_other_letters_are_told(tmp_path: Path, name: str, file: str) -> None:
    picture(tmp_path / file)
    found = described(tmp_path, {"file_name": name, "n": 1})
    assert found.meta(file) == {"n": 1}
    assert "other letters" in next(iter(found.said("noticed")))


@pytest.mark.parametrize("name", ["/data/set/x/a.png", "C:\\data\\x\\a.png", "./x//a.png", "x/../x/a.png"])
def test_paths_as_others_write_them(tmp_path: Path, name: str) -> None:
    labelled(tmp_path, "x/a.png", "y/a.png")
    assert described(tmp_path, {"file_name": name, "n": 1}).meta("x/a.png") == {"n": 1}


@pytest.mark.parametrize("depth", [33, 60, 300, 900, 1_020, 50_000])
def test_deep_nesting_never_raises(tmp_path: Path, depth: int) -> None:
    picture(tmp_path / "a.png")
    deep = "[" * depth + "]" * depth
    for column in ("n", "label", "objects", "text", "captions", "split", "file_name"):
        text(tmp_path / "metadata.jsonl", f'{{"file_name": "a.png", "{column}": {deep}}}')
        text(tmp_path / "x" / "metadata.jsonl", '{"file_name": "b.png"}')
        found = read_all(tmp_path, FORMAT)
        assert list(found.frames) == ["a.png"]
        assert not found.ledger.complete


def test_texts_of_any_kind_have_the_label_of_their_folder(tmp_path: Path) -> None:
    texts = ("train/pos/1.txt", "train/pos/5.md", "train/neg/2.rst", "train/neg/3.html")
    for path in (
        *texts,
        "README.md",
        "train/pos/README_de.md",
        "train/neg/LICENSE.md",
        "train/about.md",
        "docs/use.md",
    ):
        text(tmp_path / path, "word")
    found = read_all(tmp_path, FORMAT)
    assert {path: found.labels(path) for path in found.frames} == {path: [path.split("/")[1]] for path in texts}
    skipped = {"README.md", "train/pos/README_de.md", "train/neg/LICENSE.md", "train/about.md", "docs/use.md"}
    assert {path for paths in found.said("skipped").values() for path in paths} == skipped


def test_documents_beside_folders_of_media_are_no_data(tmp_path: Path) -> None:
    labelled(tmp_path, "cat/1.png", "dog/1.png")
    text(tmp_path / "notes" / "guide.md", "word")
    assert set(read_all(tmp_path, FORMAT).frames) == {"cat/1.png", "dog/1.png"}
