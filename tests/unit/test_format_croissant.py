"""Croissant: what we write comes back; descriptions of others are read as far as they can be, and the rest is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import croissant_document, croissant_reader, croissant_types
from hyperdatasets.formats.croissant import FORMAT, WRITTEN
from hyperdatasets.formats.file_rows import NO_FILE
from hyperdatasets.formats.folder import Folder
from tests.conftest import module_of_dev
from tests.reference.format_runs import Run, picture, read_all, text, write_all
from tests.reference.properties import examples
from tests.unit.test_format_jsonl import whole_frames

FRAME = dict(
    normalise({"id": "a", "sources": [{"uri": "s3://a"}], "annotations": [{"labels": ["x"]}], "meta": {"n": 1.0}})[0]
)
CONFORMS = "http://mlcommons.org/croissant/1.0"


def field(name: str, column: str = "", kind: str = "sc:Text", file: str = "table", **more: Any) -> dict[str, Any]:
    source = {"fileObject": {"@id": file}, "extract": {"column": column or name}}
    return {"@type": "cr:Field", "@id": f"rows/{name}", "name": name, "dataType": kind, "source": source} | more


def description(*fields: dict[str, Any], url: str = "table.csv", sha256: str = "", **more: Any) -> dict[str, Any]:
    return {
        "@type": "sc:Dataset", "conformsTo": CONFORMS,
        "distribution": [{"@type": "cr:FileObject", "@id": "table", "contentUrl": url,
                          **({"sha256": sha256} if sha256 else {})}],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "rows", "field": list(fields)}],
    } | more  # fmt: skip


def read(root: Path, plain: Any, name: str = "croissant.json") -> Run:
    text(root / name, plain if isinstance(plain, str | bytes) else json.dumps(plain))
    return read_all(root, FORMAT)


@examples(50)
@given(st.lists(whole_frames(), min_size=1, max_size=3, unique_by=lambda frame: frame["id"]))
def test_frames_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, frames: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("croissant")
    ledger = write_all(frames, WRITTEN, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["frames.jsonl", "metadata.json"]
    found = read_all(folder, FORMAT)
    texts = [json.dumps(each, default=repr, sort_keys=True) for each in (list(found.frames.values()), frames)]
    assert texts[0] == texts[1]
    assert found.ledger.complete
    assert not ledger.notes
    assert ledger.kept["frames"] == len(frames)


def test_what_we_write_is_recognised_before_the_lines_in_it(tmp_path: Path) -> None:
    from hyperdatasets.formats import jsonl

    write_all([FRAME, FRAME | {"id": "b"}], WRITTEN, tmp_path)
    evidence, lines = FORMAT.recognise(Folder(tmp_path)), jsonl.FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert lines is not None
    assert evidence.score > lines.score
    assert evidence.annotated == 2


def test_records_that_were_changed_are_not_read(tmp_path: Path) -> None:
    write_all([FRAME], WRITTEN, tmp_path)
    with (tmp_path / "frames.jsonl").open("ab") as file:
        file.write(b"\n")
    found = read_all(tmp_path, FORMAT)
    assert not found.frames
    assert found.said("lost") == {croissant_reader.CHANGED: ["frames.jsonl"]}
    (tmp_path / "frames.jsonl").unlink()
    assert list(read_all(tmp_path, FORMAT).said("lost")) == [croissant_reader.REMOTE]


def test_pictures_beside_frames_are_no_frames_again(tmp_path: Path) -> None:
    write_all([FRAME], WRITTEN, tmp_path)
    picture(tmp_path / "a.png")
    found = read_all(tmp_path, FORMAT)
    assert list(found.frames) == ["a"]
    assert found.said("skipped")["files that are no data of this format"] == ["a.png"]


def test_a_table_of_others(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path / "images" / name)
    content = "img,animal,age,patient,note\nimages/a.png,cat,5,007,x\nimages/b.png,dog,NA,7,\ngone.png,dog,1,8,\n"
    text(tmp_path / "table.csv", content)
    digest = hashlib.sha256(content.encode()).hexdigest()
    fields = [field("image", "img", "sc:ImageObject"), field("label", "animal"), field("age", kind="sc:Integer"),
              field("patient")]  # fmt: skip
    found = read(tmp_path, description(*fields, sha256=digest.upper(), name="Animals", license="MIT"))
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, sorted(evidence.used)) == (3, ["croissant.json", "table.csv"])
    assert found.labels("images/a.png") == ["cat"]
    assert found.meta("images/a.png") == {"age": 5, "patient": "007"}
    assert found.meta("images/b.png") == {"patient": "7"}
    assert found.said("lost") == {
        NO_FILE: ["table.csv, line 4"], croissant_reader.NOT_DESCRIBED: ["table.csv, column `note`"],
    }  # fmt: skip
    assert found.said("noticed")[croissant_reader.WITHOUT_ROW] == ["images/c.png"]
    assert found.details(croissant_reader.ABOUT) == "license, name"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.json", "t.parquet", "t.tsv"])
def test_kinds_of_files(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "a.png")
    row = {"file_name": "a.png", "n": 5}
    if name.endswith(".parquet"):
        pa = module_of_dev("pyarrow")
        module_of_dev("pyarrow.parquet").write_table(pa.Table.from_pylist([row]), tmp_path / name)
    elif name.endswith(("csv", "tsv")):
        text(tmp_path / name, "file_name,n\na.png,5\n".replace(",", "\t" if name.endswith("tsv") else ","))
    else:
        text(tmp_path / name, json.dumps([row] if name.endswith(".json") else row))
    found = read(tmp_path, description(field("file_name"), field("n", kind="sc:Integer"), url=f"./{name}"))
    assert found.meta("a.png") == {"n": 5}
    assert found.ledger.complete
    assert not found.said("noticed")


@pytest.mark.parametrize("prefix", ["cr:", "http://mlcommons.org/croissant/"])
def test_keys_with_a_prefix_and_in_any_order(tmp_path: Path, prefix: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "file_name,n\na.png,5\n")
    plain = description(field("file_name"), field("n", kind="sc:Integer"))
    renamed = json.dumps(dict(reversed(plain.items()))).replace('"recordSet"', f'"{prefix}recordSet"')
    renamed = renamed.replace('"field"', f'"{prefix}field"').replace('"column"', f'"{prefix}column"')
    assert read(tmp_path, renamed, "about.JSON").meta("a.png") == {"n": 5}


def test_urls_name_files(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "link,n\nhttps://host/x/a.png,5\n")
    found = read(tmp_path, description(field("link", kind="sc:URL"), field("n", kind="sc:Integer")))
    assert found.meta("a.png") == {"n": 5}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"source": {"fileSet": {"@id": "set"}, "extract": {"fileProperty": "fullpath"}}}, croissant_document.FILE_SET),
        ({"source": {"fileObject": {"@id": "table"}, "extract": {"fileProperty": "content"}}},
         croissant_document.PROPERTY),
        ({"source": {"fileObject": {"@id": "table"}, "extract": {"column": "n"}, "transform": {"regex": "(.)"}}},
         croissant_document.TRANSFORMED),
        ({"subField": [{"name": "x"}]}, croissant_document.NESTED),
        ({"source": {}}, croissant_document.NO_COLUMN), ({"source": 5}, croissant_document.NO_COLUMN),
        ({"source": {"fileObject": {"@id": "other"}, "extract": {"column": "n"}}}, croissant_reader.TWO_FILES),
    ],
)  # fmt: skip
def test_fields_that_are_not_read_are_told(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "file_name,m\na.png,5\n")
    found = read(tmp_path, description(field("file_name"), field("m", kind="sc:Integer"), field("n") | changed))
    assert found.said("lost") == {reason: ["croissant.json, field `rows/n`"]}
    assert found.meta("a.png") == {"m": 5}


def test_joins_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "file_name,k\na.png,5\n")
    plain = description(field("file_name"), field("k", references={"field": {"@id": "kinds/id"}}))
    plain["recordSet"].append({"@id": "kinds", "field": [{"@id": "kinds/id"}], "data": [{"kinds/id": "5"}, {}]})
    found = read(tmp_path, plain)
    assert found.meta("a.png") == {"k": "5"}
    assert found.said("noticed") == {croissant_document.JOINED: ["croissant.json, field `rows/k`"]}
    (note,) = [note for note in found.ledger.losses() if note.reason == croissant_reader.INLINE]
    assert note.count == 2


@pytest.mark.parametrize("url", ["https://host/table.csv", "gone.csv", ""])
def test_records_that_are_not_here_are_told_and_pictures_are_kept(tmp_path: Path, url: str) -> None:
    picture(tmp_path / "a.png")
    found = read(tmp_path, description(field("file_name"), url=url))
    assert list(found.frames) == ["a.png"]
    assert found.said("lost") == {croissant_reader.REMOTE: ["croissant.json, records `rows`"]}
    assert found.ledger.failed
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert evidence.weight < 0.5


def test_a_remote_file_that_was_fetched_is_read_if_its_digest_is_right(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", content := "file_name,k\na.png,5\n")
    digest = hashlib.sha256(content.encode()).hexdigest()
    plain = description(field("file_name"), field("k"), url="https://host/table.csv", sha256=digest)
    assert read(tmp_path, plain).meta("a.png") == {"k": "5"}
    text(tmp_path / "table.csv", content + "b.png,6\n")
    assert croissant_reader.CHANGED in read(tmp_path, plain).said("lost")


def test_a_table_without_names_of_files_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "a,b\n1,2\n3,4\n")
    found = read(tmp_path, description(field("a"), field("b")))
    (note,) = list(found.ledger.losses())
    assert (note.reason, note.count) == (croissant_reader.NO_FILES, 2)


@pytest.mark.parametrize("rest", ["", "5", '"recordSet": 5', '"recordSet": [5], "distribution": "x"'])
def test_descriptions_that_cannot_be_read(tmp_path: Path, rest: str) -> None:
    picture(tmp_path / "a.png")
    found = read(tmp_path, f'{{"conformsTo": "{CONFORMS}", {rest}}}')
    assert found.ledger.failed


def test_hostile_descriptions_are_unreadable(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for inner in ("[" * 5_000, "[" * 900 + "]" * 900):
        found = read(tmp_path, f'{{"conformsTo": "{CONFORMS}", "x": {inner}}}')
        assert croissant_reader.UNREADABLE in found.said("lost")
        assert list(found.frames) == ["a.png"]


def test_other_json_is_no_description(tmp_path: Path) -> None:
    text(tmp_path / "metadata.json", '{"images": []}')
    assert FORMAT.recognise(Folder(tmp_path)) is None


def test_a_field_whose_name_another_one_has_is_lost(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "file,x,y\na.png,1,2\n")
    found = read(tmp_path, description(field("file"), field("x"), field("x", "y")))
    assert found.meta("a.png") == {"x": "1"}
    assert found.said("lost") == {croissant_reader.SAME_NAME: ["croissant.json, field `rows/x`"]}


def test_a_described_column_that_the_file_does_not_have_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.csv", "file,label\na.png,car\n")
    found = read(tmp_path, description(field("file"), field("label"), field("age")))
    assert found.labels("a.png") == ["car"]
    assert found.said("lost") == {croissant_reader.NO_SUCH_COLUMN: ["croissant.json, field `rows/age`"]}


@pytest.mark.parametrize(("kind", "cell", "value", "fits"), [
    ("sc:Integer", "7", 7, True), ("sc:Integer", "007", "007", False), ("sc:Integer", "x", "x", False),
    ("sc:Integer", "1.5", "1.5", False), ("sc:Integer", "-0", "-0", False), ("cr:Int64", "9", 9, True),
    ("sc:Float", "1.50", 1.5, True), ("sc:Float", "2", 2, True), ("sc:Float", "1e400", "1e400", False),
    ("sc:Float", "0.12345678901234567890", "0.12345678901234567890", False),
    ("sc:Boolean", "true", True, True), ("sc:Boolean", "False", False, True), ("sc:Boolean", "yes", "yes", False),
    ("sc:Date", "2020-01-01", "2020-01-01", True), ("sc:Date", "soon", "soon", False), ("sc:Text", "7", "7", True),
])  # fmt: skip
def test_a_value_has_the_type_of_its_field_or_is_noticed(
    tmp_path: Path, kind: str, cell: str, value: Any, *, fits: bool
) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    text(tmp_path / "table.csv", f"file,x\na.png,{cell}\nb.png,{cell}\n")
    found = read(tmp_path, description(field("file"), field("x", kind=kind)))
    assert [repr(found.meta(name)["x"]) for name in ("a.png", "b.png")] == [repr(value)] * 2
    misfits = [note for note in found.ledger.notes if note.reason == croissant_types.NOT_OF_TYPE]
    assert [(note.place, note.count) for note in misfits] == ([] if fits else [("croissant.json, field `rows/x`", 2)])


def test_values_of_json_keep_their_own_types(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "table.jsonl", json.dumps({"file": "a.png", "n": "7", "b": 1, "f": 2.5}) + "\n")
    fields = field("file"), field("n", kind="sc:Integer"), field("b", kind="sc:Boolean"), field("f", kind="sc:Float")
    found = read(tmp_path, description(*fields, url="table.jsonl"))
    assert found.meta("a.png") == {"n": "7", "b": 1, "f": 2.5}
    assert found.said("noticed") == {
        croissant_types.NOT_OF_TYPE: ["croissant.json, field `rows/n`", "croissant.json, field `rows/b`"]
    }
