"""Parquet and Arrow: frames as columns come back as they were; tables of others describe files."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.given import Canonical
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import parquet, rows, table_files
from hyperdatasets.formats.csv_rows import NAMELESS
from hyperdatasets.formats.file_rows import NO_FILE, TWICE
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.parquet import FORMAT, WRITTEN
from hyperdatasets.wire import columns
from tests.conftest import module_of_dev
from tests.reference.format_runs import Run, picture, read_all, text, write_all
from tests.reference.properties import examples
from tests.unit.test_format_jsonl import whole_frames

pa = module_of_dev("pyarrow")
feather = module_of_dev("pyarrow.feather")
pq = module_of_dev("pyarrow.parquet")

SIMPLE = {
    "id": "a", "site": "north", "context_id": "c", "timestamp": 2**53 + 1,
    "sources": [{"uri": "s3://b/a.png", "content_type": "image/png", "digest": "sha256:00", "width": 9, "height": 8,
                 "size_bytes": 7}],
    "annotations": [
        {"labels": ["x", "y"], "id": "1", "confidence": 0.1, "origin": "m", "geometry": {"box": [0.1, 1, 2, 3]}},
        {"labels": ["whole"]},
    ],
    "meta": {"n": 1, "x": 1.0, "t": "1", "b": True, "none": None, "deep": {"a": [1, 2.5, "c"]}},
}  # fmt: skip


def normal(**changed: Any) -> dict[str, Any]:
    return dict(normalise(SIMPLE | changed)[0])


def stored(table: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".feather":
        feather.write_feather(table, path)
    else:
        make = pa.ipc.new_stream if path.stem.startswith("data-") else pa.ipc.new_file
        with path.open("wb") as file, make(file, table.schema) as writer:
            writer.write_table(table)


def described(root: Path, table: dict[str, Any] | Any, name: str = "train.parquet") -> Run:
    stored(table if isinstance(table, pa.Table) else pa.table(table), root / name)
    return read_all(root, FORMAT)


@examples(100)
@given(st.lists(whole_frames(), min_size=1, max_size=3, unique_by=lambda frame: frame["id"]))
def test_frames_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, frames: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("table")
    ledger = write_all(frames, WRITTEN, folder)
    found = read_all(folder, FORMAT)
    assert found.frames == {frame["id"]: frame for frame in frames}
    assert json.dumps(list(found.frames.values()), default=repr, sort_keys=True) == json.dumps(
        frames, default=repr, sort_keys=True
    ), "types, too"
    assert not found.ledger.notes
    assert not ledger.notes
    assert ledger.kept["frames"] == len(frames)


def test_simple_frames_are_columns_that_bulk_writes_take(tmp_path: Path) -> None:
    frames = [normal(), normal(id="b", annotations=[], meta={})]
    write_all(frames, WRITTEN, tmp_path)
    table = pq.read_table(tmp_path / "frames.parquet")
    assert "frame_json" not in table.column_names
    taken = columns.decode(columns.encode(table))
    plain = [json.loads(each.payload) if isinstance(each, Canonical) else normalise(each)[0] for each in taken]
    assert plain == frames


def test_a_frame_without_columns_is_held_whole(tmp_path: Path) -> None:
    polygon = {"labels": ["p"], "geometry": {"polygon": [[0, 0, 1, 0, 1, 1]]}, "meta": {"n": 1}}
    frames = [normal(), normal(id="b", annotations=[*SIMPLE["annotations"], polygon])]
    write_all(frames, WRITTEN, tmp_path)
    whole = pq.read_table(tmp_path / "frames.parquet").column("frame_json").to_pylist()
    assert whole[0] is None
    assert json.loads(whole[1]) == frames[1]
    assert read_all(tmp_path, FORMAT).frames == {"a": frames[0], "b": frames[1]}


def test_many_frames_are_written_in_batches(tmp_path: Path) -> None:
    frames = [normal(id=f"{n:05d}") for n in range(2_500)]
    write_all(frames, WRITTEN, tmp_path)
    assert list(read_all(tmp_path, FORMAT).frames.values()) == frames
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.used) == (2_500, ["frames.parquet"])


def test_no_frames_are_a_table_without_rows(tmp_path: Path) -> None:
    write_all([], WRITTEN, tmp_path)
    assert pq.read_table(tmp_path / "frames.parquet").num_rows == 0
    assert read_all(tmp_path, FORMAT).ledger.failed


@pytest.mark.parametrize("name", ["f.parquet", "f.arrow", "data-0.arrow", "f.feather", "sub/F.parquet"])
def test_tables_of_bulk_writes(tmp_path: Path, name: str) -> None:
    roi = pa.list_(pa.struct([("labels", pa.list_(pa.string())), ("box", pa.list_(pa.float64(), 4))]))
    table = pa.table({
        "id": ["a", None], "uri": pa.array(["s3://a.jpg", "s3://b.jpg"]).dictionary_encode(), "width": [100, None],
        "height": [50, None], "meta.city": ["Ulm", None], "meta.place.floor": [1, 2],
        "meta.day": [dt.date(2024, 1, 2), None], "meta.at": [dt.datetime(2024, 1, 2, 3, 4), None],  # noqa: DTZ001
        "rois": pa.array([[{"labels": ["car"], "box": [10, 20, 50, 40]}], []], roi),
    })  # fmt: skip
    found = described(tmp_path, table, name)
    assert FORMAT.recognise(Folder(tmp_path)) is not None
    first, second = found.frames["a"], next(frame for frame in found.frames.values() if frame["id"] != "a")
    assert first["meta"] == {"city": "Ulm", "place": {"floor": 1}, "day": "2024-01-02", "at": "2024-01-02T03:04:00"}
    assert first["annotations"][0]["geometry"] == {"box": [10, 20, 50, 40]}
    assert second["meta"] == {"place": {"floor": 2}}
    assert "annotations" not in second
    assert not found.ledger.notes


def test_columns_that_bulk_writes_do_not_know_are_metadata(tmp_path: Path) -> None:
    roi = [[{"labels": ["a"], "hard": True}]]
    found = described(tmp_path, {"id": ["a"], "uri": ["s3://a"], "rois": roi, "city": ["Ulm"]})
    assert found.frames["a"]["meta"] == {"city": "Ulm"}
    assert found.frames["a"]["annotations"][0]["meta"] == {"hard": True}


@pytest.mark.parametrize("column", ["meta_json", "frame_json"])
@pytest.mark.parametrize("value", ["{", "[1]", "5", "[" * 5_000])
def test_rows_that_are_no_frames_are_losses(tmp_path: Path, column: str, value: str) -> None:
    found = described(tmp_path, {"id": ["a", "b"], "uri": ["s3://a", "s3://b"], column: [None, value]})
    assert list(found.frames) == ["a"]
    assert found.said("lost") == {parquet.NO_FRAME: ["train.parquet, row 2"]}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"meta.a": [None, 5], "meta.a.b": [7, 6]}, "`meta.a.b`: `a` is a value in another column, not an object"),
        ({"meta.a.b": [7, 6], "meta.a": [None, 5]}, "`meta.a`: another column has another value for it"),
        ({"meta_json": [None, '{"a": 5}'], "meta.a": [7, 6]}, "`meta.a`: another column has another value for it"),
        ({"rois": [[], []], "meta.city": [None, "Ulm"], "city": ["Bonn", "Köln"]},
         "`city`: another column has another value for it"),
    ],
)  # fmt: skip
def test_columns_that_contradict_each_other_are_named(tmp_path: Path, columns: dict[str, Any], reason: str) -> None:
    found = described(tmp_path, {"id": ["a", "b"], "uri": ["s3://a", "s3://b"], **columns})
    assert list(found.frames) == ["a"]
    (note,) = found.ledger.losses()
    assert (note.reason, note.place, note.detail) == (parquet.NO_FRAME, "train.parquet, row 2", reason)


def test_columns_that_say_the_same_are_one(tmp_path: Path) -> None:
    more = {"meta_json": ['{"a": {"c": 1}, "b": 2}'], "meta.a.d": [3], "meta.b": [2]}
    found = described(tmp_path, {"id": ["a"], "uri": ["s3://a"], **more})
    assert found.frames["a"]["meta"] == {"a": {"c": 1, "d": 3}, "b": 2}
    assert found.ledger.complete


HUGGING_FACE = json.dumps({"info": {"features": {
    "image": {"_type": "Image"},
    "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    "objects": {"feature": {"bbox": {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "Sequence"},
                            "category": {"names": ["nose", "ear"], "_type": "ClassLabel"}}, "_type": "Sequence"},
}}})  # fmt: skip


def hugging_face(images: list[dict[str, Any] | None], **more: Any) -> Any:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(images, kind), **more})
    return table.replace_schema_metadata({"huggingface": HUGGING_FACE})


def test_tables_of_hugging_face(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "0.png")
    picture(tmp_path / "images" / "1.png")
    images = [{"bytes": None, "path": "images/0.png"}, {"bytes": b"x", "path": "1.png"}]
    objects = [{"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [1]}, None]
    found = described(
        tmp_path, hugging_face(images, label=[1, 0], text=["a dog", None], objects=objects, n=[5, 6]),
        "data/train-00000-of-00001.parquet",
    )  # fmt: skip
    assert found.labels("images/0.png") == ["dog", "ear"]
    assert found.labels("images/1.png") == ["cat"]
    assert found.meta("images/0.png") == {"captions": ["a dog"], "n": 5, "split": "train"}
    assert [each["geometry"] for each in found.annotations("images/0.png") if "geometry" in each] == [
        {"box": [1, 2, 3, 4]}
    ]
    assert not found.ledger.notes


def test_pictures_inside_of_a_table_are_losses(tmp_path: Path) -> None:
    images = [
        {"bytes": b"x", "path": None},
        {"bytes": b"x", "path": "gone.png"},
        {"bytes": None, "path": "gone.png"},
        None,
    ]
    found = described(tmp_path, hugging_face(images, label=[0, 1, 1, 1]))
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None, "else it would not be said"
    assert not found.frames
    embedded, *_ = [note for note in found.ledger.notes if note.reason == table_files.EMBEDDED]
    assert (embedded.count, embedded.kind) == (2, "frames")
    assert found.said("lost")[NO_FILE] == ["train.parquet, row 3"]
    assert found.said("lost")["rows that name no file"] == ["train.parquet, row 4"]
    assert found.ledger.failed


def test_labels_without_names_or_without_a_number(tmp_path: Path) -> None:
    for name in "abcd":
        picture(tmp_path / f"{name}.png")
    table = {"path": ["a.png", "b.png", "c.png", "d.png"], "label": [0.0, -1.0, float("nan"), None]}
    found = described(tmp_path, table)
    assert found.labels("a.png") == ["0.0"]
    assert found.said()[rows.NUMBERS] == ["train.parquet, row 1"]
    assert found.said()[rows.NO_NAME] == ["train.parquet, row 2", "train.parquet, row 3"]


@pytest.mark.parametrize("column", ["path", "file", "file_name", "uri", "image", "Filename"])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_column_that_names_files(tmp_path: Path, column: str, kind: Any) -> None:
    picture(tmp_path / "x" / "a.png")
    text(tmp_path / "note.txt", "words")
    names = pa.array(["C:\\data\\x\\a.png", "note.txt"], pa.string()).cast(kind)
    found = described(tmp_path, {column: names, "city": ["Ulm", "Bonn"], "patient": ["007", "7"]})
    assert found.meta("x/a.png") == {"city": "Ulm", "patient": "007", "split": "train"}
    assert found.meta("note.txt")["city"] == "Bonn"
    assert found.ledger.complete


def test_rows_and_files_that_do_not_meet(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    text(tmp_path / "notes.md", "x")
    found = described(tmp_path, {"path": ["a.png", "gone.png", "a.png"], "n": [1, 2, 3]}, "t.parquet")
    assert found.said("lost") == {NO_FILE: ["t.parquet, row 2"], TWICE: ["t.parquet, row 3"]}
    assert found.said("noticed") == {parquet.WITHOUT_ROW: ["b.png"]}
    assert found.said("skipped") == {"files that are no data of this format": ["notes.md"]}
    assert sorted(found.frames) == ["a.png", "b.png"]


def test_values_of_every_type(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    found = described(tmp_path, {
        "path": ["a.png"], "day": [dt.date(2024, 1, 2)], "time": [dt.time(1, 2)], "money": [decimal.Decimal("1.50")],
        "raw": [b"x"], "nan": [float("nan")], "list": [[1, 2]], "inner": [{"a": dt.date(2024, 1, 2)}],
        "big": pa.array([2**64 - 1], pa.uint64()), "null": pa.nulls(1), "length": [dt.timedelta(1)],
    }, "t.parquet")  # fmt: skip
    assert found.meta("a.png") == {
        "day": "2024-01-02", "time": "01:02:00", "money": "1.50", "list": [1, 2], "inner": {"a": "2024-01-02"},
    }  # fmt: skip
    assert found.said("lost") == {rows.NO_META: ["t.parquet, row 1"] * 4}


def test_tables_without_names_of_files_are_told(tmp_path: Path) -> None:
    stored(pa.table({"a": [1, 2]}), tmp_path / "t.parquet")
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert evidence.annotated == 0
    found = read_all(tmp_path, FORMAT)
    (note,) = found.ledger.notes
    assert (note.reason, note.kind, note.count, note.detail) == (parquet.NO_FILES, "table rows", 2, "a")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"ARROW1", b"FEA1", b"\0" * 64, b"PAR1" + b"\xff" * 64 + b"PAR1"])
def test_broken_tables_are_unreadable(tmp_path: Path, name: str, content: bytes) -> None:
    text(tmp_path / name, content)
    picture(tmp_path / "a.png")
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert evidence.weight < 0.5, "anything else that fits is better"
    found = read_all(tmp_path, FORMAT)
    assert found.said("lost") == {parquet.UNREADABLE: [name]}
    assert list(found.frames) == ["a.png"]


def test_a_table_that_is_cut_says_so_and_keeps_what_came(tmp_path: Path) -> None:
    write_all([normal(id=f"{n:05d}") for n in range(2_000)], WRITTEN, tmp_path)
    whole = (tmp_path / "frames.parquet").read_bytes()
    half = bytearray(whole)
    half[len(whole) // 4 : len(whole) // 2] = bytes(len(whole) // 2 - len(whole) // 4)
    text(tmp_path / "frames.parquet", bytes(half))
    found = read_all(tmp_path, FORMAT)
    assert found.ledger.failed


@pytest.mark.parametrize(
    "info", ["{", "[]", '{"info": 5}', '{"info": {"features": {"label": {"_type": "ClassLabel", "names": 5}}}}']
)
def test_features_that_are_none(tmp_path: Path, info: str) -> None:
    picture(tmp_path / "a.png")
    table = pa.table({"path": ["a.png"], "label": [1]}).replace_schema_metadata({"huggingface": info})
    assert described(tmp_path, table).labels("a.png") == ["1"]


def test_without_pyarrow_the_message_names_the_extra(tmp_path: Path) -> None:
    text(tmp_path / "t.parquet", b"PAR1")
    code = f"""
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from random import Random
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.parquet import FORMAT, WRITTEN
from hyperdatasets.formats.reading import Reading
folder = Folder(Path({str(tmp_path)!r}))
assert FORMAT.recognise(folder).weight < 1
for call in (lambda: list(FORMAT.read(Reading(folder, Ledger()))), lambda: WRITTEN.start(None, None, Ledger())):
    try:
        call()
    except InvalidConfig as error:
        assert "hyperdatasets[arrow]" in str(error)
    else:
        raise SystemExit("nothing was said")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "data-t.arrow", "t.feather"])
def test_damaged_bytes_never_raise(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "a.png")
    stored(pa.table({"path": ["a.png"] * 9, "n": list(range(9)), "tags": [["x", "y"]] * 9}), tmp_path / name)
    whole, random = (tmp_path / name).read_bytes(), Random(1)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(random.randint(1, 6)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        text(tmp_path / name, bytes(damaged))
        FORMAT.recognise(Folder(tmp_path))
        read_all(tmp_path, FORMAT)


def test_a_column_that_is_there_twice_is_lost(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    names = pa.array(["a.png"])
    found = described(tmp_path, pa.Table.from_arrays([names, pa.array([1]), pa.array([2])], ["file_name", "x", "x"]))
    assert found.meta("a.png")["x"] == 1
    assert found.said("lost") == {NAMELESS: ["train.parquet, column `x`"]}
