"""What our exports put under `hyperdatasets`, edited by hand: whatever is not as it should be is lost by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, unescape

import pytest

from hyperdatasets.formats import coco, cvat, labelstudio, voc
from hyperdatasets.formats.extension import OWN, UNREADABLE, carried, restored, seal_of
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Format
from hyperdatasets.formats.writing import WrittenFormat
from tests.unit.annotation_tools import picture, read_all, write

SAID = {"labels": ["cat"], "geometry": {"box": [1, 2, 3, 4]}, "meta": {"a": 1, "b": 2}}
WRONG: dict[str, list[Any]] = {
    "id": [5, None, ["x"]],
    "labels": ["cat", 5, None, [5], [["x"]]],
    "confidence": ["1", None, True, [1]],
    "origin": [5, None],
    "geometry": ["box", 5, None, []],
    "sources": ["default", 5, None, [5]],
    "meta": ["x", 5, None, []],
    "gone": ["abc", 5, None, [5], [["b"]], {"b": 1}],
}
OF_FRAME: dict[str, list[Any]] = {
    "id": [5, None, ["x"]],
    "context_id": [5, None],
    "timestamp": ["5", None, True, 1.5],
    "masks": [5, None, "x", {}],
    "annotations": [5, None, "x", {}],
}


def _each(wrong: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in wrong.items() for value in values]


@pytest.mark.parametrize(("name", "value"), _each(WRONG))
def test_a_field_of_another_type_is_lost_and_the_rest_is_kept(name: str, value: Any) -> None:
    whole = {**SAID, "id": "x", "origin": "model", "meta": {"a": 1, "c": 3}}
    own = carried(whole, SAID, seal_of(SAID)) | {name: value}
    ledger = Ledger()
    back = restored(dict(SAID), own, seal_of(SAID), kind="boxes", place="here", ledger=ledger)
    (note,) = ledger.losses()
    assert (note.reason, note.detail) == (UNREADABLE, f"`{name}`: {value!r:.60}")
    expected = whole | ({name: SAID[name]} if name in SAID else {})
    if name not in SAID:
        expected.pop(name, None)
    if name == "gone":
        expected["meta"] = {"a": 1, "b": 2, "c": 3}
    if name == "meta":
        expected["meta"] = {"a": 1}
    assert back == expected


@pytest.mark.parametrize("own", [5, "x", [], [1], True])
def test_data_that_is_no_object_is_lost(own: Any) -> None:
    ledger = Ledger()
    assert restored(dict(SAID), own, seal_of(SAID), kind="boxes", place="here", ledger=ledger) == SAID
    assert [note.reason for note in ledger.losses()] == [UNREADABLE]


def test_an_empty_seal_fits_nothing() -> None:
    ledger = Ledger()
    own = {"seal": "", "labels": ["dog"]}
    assert restored(dict(SAID), own, seal_of({"n": 1 << 70}), kind="boxes", place="here", ledger=ledger) == SAID


Edit = Callable[[dict[str, Any]], None]


def _edit_json(content: str, edit: Edit) -> str:
    def walk(value: Any) -> None:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(each)
        if isinstance(value, dict) and isinstance(value.get(OWN), dict):
            edit(value[OWN])

    plain = json.loads(content)
    walk(plain)
    return json.dumps(plain)


def _edit_xml(content: str, edit: Edit) -> str:
    def changed(found: re.Match[str]) -> str:
        own = json.loads(unescape(found[2], {"&quot;": '"'}))
        edit(own)
        return found[1] + escape(json.dumps(own), {'"': "&quot;"}) + found[3]

    content = re.sub(rf'({OWN}=")(.*?)(")', changed, content)
    return re.sub(rf"(<{OWN}>)(.*?)(</{OWN}>)", changed, content)


FORMS: list[tuple[Format, WrittenFormat, Callable[[str, Edit], str]]] = [
    (coco.FORMAT, coco.WRITTEN, _edit_json),
    (labelstudio.FORMAT, labelstudio.WRITTEN, _edit_json),
    (cvat.FORMAT, cvat.WRITTEN, _edit_xml),
    (voc.FORMAT, voc.WRITTEN, _edit_xml),
]


@pytest.mark.parametrize(("name", "value"), [*_each(WRONG), *_each(OF_FRAME), (OWN, 5)])
@pytest.mark.parametrize(("form", "written", "edit"), FORMS, ids=lambda each: getattr(each, "name", ""))
def test_what_was_edited_by_hand_stops_no_run(
    tmp_path: Path, form: Format, written: WrittenFormat, edit: Callable[[str, Edit], str], name: str, value: Any
) -> None:
    annotation = {"id": "x", "labels": ["cat", "dog"], "origin": "model", "confidence": 0.5,
                  "geometry": {"box": [1, 2, 3, 4]}, "meta": {"deep": {"a": 1}}}  # fmt: skip
    apart = {"id": "y", "labels": ["span"], "geometry": {"span": [1, 2]}}
    source = {"id": "default", "uri": "file:0.png", "content_type": "image/png", "width": 40, "height": 30}
    frame = {"id": "f", "sources": [source], "context_id": "c", "timestamp": 5, "meta": {"deep": {"a": 1}},
             "annotations": [annotation, apart]}  # fmt: skip
    write(tmp_path, written, [frame], {"cat": 0, "dog": 1, "span": 2})
    picture(tmp_path / written.pictures / "0-default.png")
    edited = []

    def change(own: dict[str, Any]) -> None:
        own[name] = value
        edited.append(own)

    for path in tmp_path.rglob("*.*"):
        if path.suffix in {".json", ".xml"}:
            path.write_text(edit(path.read_text(), change))
    frames, ledger = read_all(tmp_path, form)
    assert len(edited) > 1
    assert len(frames) == 1
    assert name == OWN or UNREADABLE in {note.reason for note in ledger.losses()}
