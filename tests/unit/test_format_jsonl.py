"""Frames in JSON lines: everything of a frame comes back; lines that are none are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import jsonl
from hyperdatasets.formats.counting import kept_of
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import NAMELESS, Intake, Options
from hyperdatasets.formats.jsonl import FORMAT, WRITTEN
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Reading
from tests.reference import strategies
from tests.reference.format_runs import picture, read_all, text, write_all
from tests.reference.properties import examples

FRAME = {"id": "a", "sources": [{"uri": "s3://b/a.png"}], "annotations": [{"labels": ["x"]}], "meta": {"n": 1}}


@st.composite
def whole_frames(draw: st.DrawFn) -> dict[str, Any]:
    """Frames with everything, masks and content included."""
    frame: dict[str, Any] = dict(draw(strategies.frames(draw(st.sampled_from(("a", "b", "ü"))))))
    if draw(st.booleans()):
        first, *others = frame["sources"]
        frame["sources"] = [first | {"masks": [{"id": "m", "uri": "file:///m.png"}], "preview": "x"}, *others]
    if draw(st.booleans()):
        frame = {name: value for name, value in frame.items() if name != "site"} | {"blob": draw(st.binary(max_size=9))}
    return dict(normalise(frame)[0])


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(whole_frames(), min_size=1, max_size=3, unique_by=lambda frame: frame["id"]))
def test_frames_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, frames: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("lines")
    ledger = write_all(frames, WRITTEN, folder)
    found = read_all(folder, FORMAT)
    assert json.dumps(list(found.frames.values()), default=repr, sort_keys=True) == json.dumps(
        frames, default=repr, sort_keys=True
    )
    assert not found.ledger.notes
    assert not ledger.notes
    assert ledger.kept["frames"] == len(frames)
    assert sum(ledger.kept.values()) == sum(sum(kept_of(frame).values()) for frame in frames)  # type: ignore[arg-type]


def test_recognised_by_content(tmp_path: Path) -> None:
    text(tmp_path / "train_log.jsonl", '{"epoch": 1}\n')
    assert FORMAT.recognise(Folder(tmp_path)) is None
    picture(tmp_path / "a.png")
    text(tmp_path / "some" / "frames.JSONL", "\n# no JSON\n" + json.dumps(FRAME))
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert list(evidence.used) == ["some/frames.JSONL"]
    found = read_all(tmp_path, FORMAT)
    assert found.frames["a"]["meta"] == {"n": 1}
    assert found.said() == {
        jsonl.NO_JSON: ["some/frames.JSONL, line 2"],
        "files that are no data of this format": ["a.png", "train_log.jsonl"],
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", jsonl.NO_JSON), ("[1]", jsonl.NO_FRAME), ("5", jsonl.NO_FRAME), ('{"epoch": 1}', jsonl.NO_FRAME),
        ("[" * 5_000, jsonl.NO_JSON), ('{"id": "x"}', jsonl.NO_FRAME), ("null", jsonl.NO_FRAME),
        ('{"sources": [{"uri": "a"}], "blob": "?"}', "frames whose blob is no base64 text"),
        (b'{"id": "\xff", "sources": []}', jsonl.NO_JSON),
    ],
)  # fmt: skip
def test_lines_that_are_no_frames_are_losses(tmp_path: Path, line: str | bytes, reason: str) -> None:
    content = line if isinstance(line, bytes) else line.encode()
    text(tmp_path / "f.jsonl", json.dumps(FRAME).encode() + b"\n\n" + content + b"\n")
    found = read_all(tmp_path, FORMAT)
    assert list(found.frames) == ["a"]
    assert found.said() == {reason: ["f.jsonl, line 3"]}
    assert found.ledger.read["frames"] == 1, "frames that came are counted where they are checked"


def test_a_file_without_any_frame_says_so_if_it_is_asked_for(tmp_path: Path) -> None:
    text(tmp_path / "f.jsonl", '{"epoch": 1}\n{"epoch": 2}\n')
    found = read_all(tmp_path, FORMAT)
    assert found.said() == {jsonl.NO_FRAME: ["f.jsonl, line 1", "f.jsonl, line 2"]}
    assert found.ledger.failed


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**63), 5e-324, 1.7976931348623157e308, 1.0, 0.1])
def test_numbers_keep_their_value_and_type(tmp_path: Path, number: float) -> None:
    write_all([dict(normalise(FRAME | {"meta": {"n": number}})[0])], WRITTEN, tmp_path)
    value = read_all(tmp_path, FORMAT).frames["a"]["meta"]["n"]
    assert (value, type(value)) == (number, type(number))


def test_a_number_past_64_bits_is_not_made_a_double(tmp_path: Path) -> None:
    text(tmp_path / "f.jsonl", json.dumps(FRAME | {"meta": {"n": 2**64}}))
    reading = Reading(Folder(tmp_path), Ledger())
    (entry,) = FORMAT.read(reading)
    assert entry.frame is not None
    assert entry.frame["meta"]["n"] == 2**64
    assert reading.used == {"f.jsonl"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings(tmp_path: Path, encoding: str, line_end: str) -> None:
    lines = [json.dumps(FRAME | {"id": name}, ensure_ascii=False) for name in ("ä", "b")]
    text(tmp_path / "f.ndjson", line_end.join(lines).encode(encoding))
    assert FORMAT.recognise(Folder(tmp_path)) is not None
    assert sorted(read_all(tmp_path, FORMAT).frames) == ["b", "ä"]


@pytest.mark.parametrize("depth", [60, 150, 900, 1_020, 50_000])
@pytest.mark.parametrize(
    "line", ["{}", '{{"id": "x", "sources": [{{"uri": "a"}}], "meta": {{"n": {}}}}}', '{{"labels": {}}}']
)
def test_deep_nesting_never_raises(tmp_path: Path, depth: int, line: str) -> None:
    text(tmp_path / "f.jsonl", json.dumps(FRAME) + "\n" + line.format("[" * depth + "]" * depth))
    ledger = Ledger()
    entries = list(FORMAT.read(Reading(Folder(tmp_path), ledger)))
    assert len(entries) + len(ledger.notes) == 2


def test_frames_with_the_same_id_are_told(tmp_path: Path) -> None:
    text(tmp_path / "f.jsonl", f"{json.dumps(FRAME)}\n" * 2)
    assert read_all(tmp_path, FORMAT).said("noticed") == {jsonl.SAME_ID: ["f.jsonl, line 2"]}


def test_lines_of_large_files_are_estimated(tmp_path: Path) -> None:
    text(tmp_path / "f.jsonl", (json.dumps(FRAME) + " " * 100 + "\n") * 120_000)
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert abs(evidence.annotated - 120_000) < 1_000


def test_a_relative_uri_names_a_file_of_the_folder_or_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "a b.png").write_bytes(b"x")
    uris = ["../a%20b.png#xywh=1", "../../etc/passwd", "gone.png", "s3://x/a.png", "/a.png"]
    lines = [json.dumps({"sources": [{"uri": uri, "masks": [{"uri": uri}]}]}) for uri in uris]
    (tmp_path / "part" / "frames.jsonl").write_text("\n".join(lines))
    intake = Intake(Folder(tmp_path), Options("jsonl"))
    made = [intake.whole_frame(entry, lambda path: f"file:///{quote(path)}") for entry in intake.entries()]
    sources = [each.frame["sources"][0] for each in made if each]
    assert [each["uri"] for each in sources] == ["file:///a%20b.png#xywh=1", *uris[1:]]
    assert [each["masks"][0]["uri"] for each in sources] == [each["uri"] for each in sources]
    assert [(note.reason, note.detail) for note in intake.finish().notes] == [
        (NAMELESS, uri) for uri in uris[1:3] for _ in range(2)
    ]
