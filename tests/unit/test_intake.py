"""What is read is kept, lost or skipped, and each counts once: also where a frame is left out, or not asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from hyperdatasets.client.importing import import_frames
from hyperdatasets.formats import registry
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import Intake, Options
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import Media
from hyperdatasets.formats.reading import Format

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
HELD = {"frames": 1, "boxes": 1, "captions": 5, "attributes": 2, "splits": 1}
"""What `described` says of its second picture."""


def described(folder: Path, second: bytes = b"\x89PNG\r\n\x1a\nbroken") -> None:
    """A COCO file with all that it can say of the second of two pictures, which is broken."""
    Image.new("RGB", (100, 80)).save(folder / "a.png")
    (folder / "b.png").write_bytes(second)
    captions = [{"id": 10 + number, "image_id": 2, "caption": f"text {number}"} for number in range(5)]
    content = {
        "images": [{"id": 1, "file_name": "a.png"},
                   {"id": 2, "file_name": "b.png", "camera": "x", "split": "train"}],
        "annotations": [{"id": 1, "image_id": 2, "category_id": 7, "bbox": [1, 1, 5, 5], "colour": "red"}, *captions],
        "categories": [{"id": 7, "name": "car"}],
    }  # fmt: skip
    (folder / "i.json").write_text(json.dumps(content))


def read(folder: Path, **more: Any) -> Ledger:
    return import_frames(folder, dataset_name="x", dry_run=True, **more)


def skipped(ledger: Ledger) -> dict[str, int]:
    found: dict[str, int] = {}
    for note in ledger.notes:
        if note.weight == "skipped":
            found[note.kind] = found.get(note.kind, 0) + note.count
    return found


def lines(folder: Path, *frames: dict[str, Any]) -> Path:
    path = folder / "frames.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in frames))
    return path


def boxes(*labels: Any) -> list[Any]:
    return [{"labels": [each], "geometry": {"box": [1, 1, 5, 5]}, "meta": {"by": "x"}} for each in labels]


def test_a_file_that_is_left_out_takes_all_with_it_that_was_read_of_it(tmp_path: Path) -> None:
    described(tmp_path)
    ledger = read(tmp_path)
    assert ledger.kept["frames"] == 1
    assert ledger.lost == HELD


def test_a_frame_that_is_not_valid_loses_each_annotation_once(tmp_path: Path) -> None:
    Image.new("RGB", (100, 80)).save(tmp_path / "frame_000000.png")
    box = '<box frame="0" xtl="{}" ytl="1" xbr="9" ybr="9" outside="0" occluded="0"/>'
    (tmp_path / "a.xml").write_text(
        f"<annotations><version>1.1</version><meta><task><name>{'n' * 600}</name></task></meta>"
        f'<track id="0" label="car">{box.format(1)}{box.format(9)}</track></annotations>'
    )
    ledger = read(tmp_path, format="cvat")
    assert [note.detail[:17] for note in ledger.losses() if note.kind == "frames"] == ["frame.context_id:"]
    assert (ledger.lost["frames"], ledger.lost["boxes"]) == (1, 2)


def test_a_whole_frame_that_is_not_valid_is_lost_with_all_that_it_has(tmp_path: Path) -> None:
    wrong = {"id": "w", "sources": [{"masks": [{"uri": "file:///m.png"}], "meta": {"lens": 5}}], "annotations": [
        *boxes("cat"), {"labels": ["dog"], "geometry": {"blob": 1}}, 7, {"geometry": []},
    ], "meta": {"captions": ["one", "two"], "split": "val", "city": "Ulm"}}  # fmt: skip
    fine = {"id": "f", "sources": [{"uri": "file:///a.png"}]}
    ledger = read(lines(tmp_path, wrong, fine))
    assert ledger.kept["frames"] == 1
    assert ledger.lost == {
        "frames": 1, "boxes": 1, "labels": 3, "masks": 1, "captions": 2, "splits": 1, "attributes": 3,
    }  # fmt: skip


def test_captions_that_cannot_be_kept_are_lost_as_captions(tmp_path: Path) -> None:
    Image.new("RGB", (100, 80)).save(tmp_path / "a.png")
    intake = Intake(Folder(tmp_path), Options("files"))
    entry = Entry("a.png", meta={"captions": ["fine", float("nan")], "city": "Ulm"})
    made = intake.frame(entry, Media("image/png", 5), lambda path: f"file:///{path}")
    assert intake.ledger.lost == {"captions": 2}
    assert made.kept == {"frames": 1, "attributes": 1}


def test_what_is_not_asked_for_is_skipped_as_what_it_is(tmp_path: Path) -> None:
    source = [{"uri": "file:///a.png"}]
    ledger = read(lines(tmp_path, {"id": "a", "sources": source, "annotations": boxes("cat", "dog", "dog")},
                        {"id": "b", "sources": source, "annotations": boxes("dog"), "meta": {"city": "Ulm"}}),
                  classes=["cat"])  # fmt: skip
    assert ledger.kept == {"frames": 1, "boxes": 1, "attributes": 1}
    assert skipped(ledger) == {"frames": 1, "boxes": 3, "attributes": 4}


@pytest.mark.parametrize("annotation", [7, {"labels": 5}, {"labels": "cat"}, {"labels": [["cat"]]}, {}])
def test_annotations_whose_labels_cannot_be_told_are_none_of_the_classes(tmp_path: Path, annotation: Any) -> None:
    frame = {"id": "a", "sources": [{"uri": "file:///a.png"}], "annotations": [*boxes("cat"), annotation]}
    ledger = read(lines(tmp_path, frame), classes=["cat"])
    assert ledger.kept["boxes"] == 1
    assert skipped(ledger) == {"labels": 1}


def test_frames_without_the_classes_are_skipped_with_all_that_they_have(tmp_path: Path) -> None:
    described(tmp_path)
    ledger = read(tmp_path, classes=["bus"])
    assert not ledger.lost
    assert skipped(ledger) == {**HELD, "frames": 2}


@pytest.mark.slow
def test_the_time_of_classes_grows_with_the_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison of each annotation with each other one would take minutes."""
    items = [Item({"labels": [each]}, "labels", str(place)) for place, each in enumerate(["cat", "dog"] * 50_000)]
    form = Format("one", "One", lambda _: None, lambda _: iter([Entry("a.png", items=items)]))
    monkeypatch.setitem(cast("dict[str, Format]", registry.READ), "one", form)
    intake = Intake(Folder(tmp_path), Options("one", frozenset({"cat"})))
    (entry,) = intake.entries()
    assert len(entry.items) == 50_000
    assert skipped(intake.ledger) == {"labels": 50_000}
