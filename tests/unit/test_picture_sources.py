"""What a frame has besides its pictures is lost by name in formats that describe pictures only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import coco, cvat, voc, yolo
from hyperdatasets.formats.picture_sources import ELSEWHERE
from hyperdatasets.formats.reading import Format
from hyperdatasets.formats.writing import WrittenFormat
from tests.unit.annotation_tools import picture, read_all, told, write

FORMS = [(each.FORMAT, each.WRITTEN) for each in (coco, voc, yolo, cvat)]
PICTURE = {"id": "p", "uri": "file:a.png", "content_type": "image/png", "width": 40, "height": 30}
TEXT = {"id": "t", "uri": "file:a.txt", "content_type": "text/plain"}


@pytest.mark.parametrize("sources", [[PICTURE, TEXT], [TEXT, PICTURE]])
@pytest.mark.parametrize(("form", "written"), FORMS, ids=lambda each: getattr(each, "name", ""))
def test_annotations_of_a_text_beside_a_picture_are_lost_by_name(
    tmp_path: Path, form: Format, written: WrittenFormat, sources: list[dict[str, Any]]
) -> None:
    annotations = [
        {"labels": ["cat"], "geometry": {"box": [1, 2, 3, 4]}, "sources": ["p"]},
        {"labels": ["cat"], "geometry": {"span": [0, 5]}, "sources": ["t"], "meta": {"text": "abcde"}},
        {"labels": ["cat"], "geometry": {"box": [5, 5, 2, 2]}, "sources": ["t"]},
    ]
    frame: Any = normalise({"sources": sources, "annotations": annotations})[0]
    ledger = write(tmp_path, written, [frame], {"cat": 0})
    assert [(kind, count) for kind, reason, count in told(ledger, "lost") if reason == ELSEWHERE] == [
        ("attributes", 1), ("boxes", 1), ("spans", 1)
    ]  # fmt: skip
    assert {kind: ledger.kept.get(kind, 0) for kind in ("boxes", "spans")} == {"boxes": 1, "spans": 0}
    picture(tmp_path / written.pictures / "0-p.png")
    frames, again = read_all(tmp_path, form)
    assert again.complete, again.notes
    ((found,),) = (each["annotations"] for each in frames.values())
    assert found["geometry"] == {"box": [1, 2, 3, 4]}


@pytest.mark.parametrize(("form", "written"), [each for each in FORMS if each[0].name != "yolo"], ids=lambda each: "")
def test_labels_of_a_frame_are_kept_where_its_first_source_is_no_picture(
    tmp_path: Path, form: Format, written: WrittenFormat
) -> None:
    annotations = [{"labels": ["cat"], "geometry": {"box": [1, 2, 3, 4]}}, {"labels": ["pet"]}]
    frame: Any = normalise({"sources": [TEXT, PICTURE], "annotations": annotations})[0]
    ledger = write(tmp_path, written, [frame], {"cat": 0, "pet": 1})
    assert (ledger.kept["boxes"], ledger.kept["labels"]) == (1, 1)
    picture(tmp_path / written.pictures / "0-p.png")
    frames, _ = read_all(tmp_path, form)
    (found,) = frames.values()
    assert sorted(each["labels"][0] for each in found["annotations"]) == ["cat", "pet"]
