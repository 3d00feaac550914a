"""Keys that JSON text has twice: found in every format that is JSON, and only there where a value is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.formats import files, imagefolder, jsonl, labelme, labelstudio
from hyperdatasets.formats.coco.reader import FORMAT as COCO
from hyperdatasets.formats.json_keys import TWICE, Twice, lost_values
from hyperdatasets.formats.reading import Format
from tests.reference.format_runs import picture, read_all, text

TEXTS = st.text(st.sampled_from('ab":\\ \t{}é'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)
WRITERS: list[Callable[[Any], str]] = [
    json.dumps, lambda value: json.dumps(value, indent=1, separators=(" ,", " \n: "), ensure_ascii=False)
]  # fmt: skip


@given(VALUES, st.sampled_from(WRITERS))
def test_nothing_is_lost_where_no_key_is_there_twice(value: Any, write: Callable[[Any], str]) -> None:
    assert lost_values(write(value).encode(), value) == []


@pytest.mark.parametrize(("content", "found"), [
    ('{"a": 1, "a": 2}', [("a", 1)]), ('{"a" : 1, "b": 0, "a"\n:2, "a":3}', [("a", 1), ("a", 2)]),
    ('[[{"x": {"a": [1], "a": []}}]]', [("a", [1])]), ('{"a": 1, "a": 1}', []),
    ('{"text": "\\":", "a": 18446744073709551616, "a": 0}', [("a", 1 << 64)]),
])  # fmt: skip
def test_values_that_are_lost(content: str, found: list[Twice]) -> None:
    assert lost_values(content.encode(), json.loads(content)) == found


def test_a_key_at_the_edge_of_a_piece_is_counted() -> None:
    content = json.dumps({"x" * ((1 << 20) - 3): 1, "y": 2}).encode()
    assert content[(1 << 20) - 1 : (1 << 20) + 1] == b'":'
    assert lost_values(content, json.loads(content), keys=2) == []
    assert lost_values(content, {"y": 2}, keys=2) == []


@pytest.mark.parametrize(("form", "name", "content"), [
    (jsonl.FORMAT, "f.jsonl", '{"sources": [], "sources": [{"id": "default", "uri": "file:///a.png"}]}'),
    (imagefolder.FORMAT, "metadata.jsonl", '{"file_name": "a.png", "n": 1, "n": 2}'),
    (labelme.FORMAT, "a.json", '{"shapes": [], "imagePath": "a.png", "note": 1, "note": 2}'),
    (labelstudio.FORMAT, "t.json", '[{"data": {"image": "a.png", "n": 1, "n": 2}, "annotations": []}]'),
    (files.FORMAT, "a.png.json", '{"meta": {"n": 1, "n": 2}}'),
    (COCO, "i.json", '{"images": [{"id": 1, "file_name": "a.png", "n": 1, "n": 2}], "annotations": []}'),
])  # fmt: skip
def test_each_format_names_them(tmp_path: Path, form: Format, name: str, content: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / name, content)
    found = read_all(tmp_path, form)
    assert list(found.said("lost")) == [TWICE]
    assert found.ledger.lost == {"attributes": 1}


def test_lists_of_a_coco_file_that_are_there_twice_are_counted_by_kind(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    lists = {
        "images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
    }  # fmt: skip
    first = [{"bbox": [1, 1, 2, 2]}, {"bbox": [1, 1, 3, 3]}, {"segmentation": [[1, 1, 2, 2, 3, 1]]}]
    text(tmp_path / "i.json", f'{{"annotations": {json.dumps(first)}, {json.dumps(lists)[1:]}')
    found = read_all(tmp_path, COCO)
    assert len(found.annotations("a.png")) == 1
    assert found.ledger.lost == {"boxes": 2, "polygons": 1}
