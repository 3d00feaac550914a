"""Folders into datasets: what comes in, what is named, and what happens when it is read again."""

from __future__ import annotations

import json
import os
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client.exports import SHARED as SHARED_PART
from hyperdatasets.client.importing import import_frames
from hyperdatasets.core.errors import Incomplete, InvalidArgument, NotFound
from hyperdatasets.formats.intake import (
    DISAPPEARED,
    METADATA_STAYS,
    NONE_CAME,
    NOT_ASKED_FOR,
    PRUNED,
    STORED_KEPT,
    WITHOUT_CLASSES,
)
from hyperdatasets.formats.ledger import Ledger

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
DATASET = "lab/cells"


def pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 80), (number, len(name), 9)).save(path)


def coco(folder: Path, boxes: dict[str, list[str]]) -> None:
    """A COCO file: picture -> labels of its boxes."""
    labels = sorted({label for each in boxes.values() for label in each})
    content = {
        "images": [{"id": name, "file_name": name} for name in boxes],
        "categories": [{"id": label, "name": label} for label in labels],
        "annotations": [
            {"id": f"{name}{place}", "image_id": name, "category_id": label, "bbox": [place, 1, 9, 9]}
            for name, each in boxes.items()
            for place, label in enumerate(each)
        ],
    }
    (folder / "x.json").write_text(json.dumps(content))


def bring(folder: Path, **more: Any) -> Ledger:
    return import_frames(folder, dataset_name="cells", dataset_project="lab", **more)


def stored() -> dict[str, dict[str, Any]]:
    """File name -> frame, of the draft."""
    draft = hd.DatasetVersion.get_current(DATASET)
    plain = [frame.to_plain() for frame in draft.frames()]
    return {each["sources"][0]["uri"].rpartition("/")[2]: each for each in plain}


def labels(name: str) -> list[str]:
    return sorted(label for each in stored()[name].get("annotations", []) for label in each["labels"])


def reasons(ledger: Ledger) -> set[str]:
    return {note.reason for note in ledger.notes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    pictures(data, "a.png", "b.png", "c.png")
    return data


@pytest.fixture(autouse=True)
def _service(tmp_path: Path) -> Any:
    with testing.deployment(tmp_path / "deployment") as running:
        yield running


def test_annotations_of_frames_that_had_none_are_added(folder: Path) -> None:
    assert bring(folder, format="coco").frames == {"added": 3, "updated": 0, "unchanged": 0, "refused": 0}
    coco(folder, {"a.png": ["cat", "dog"]})
    ledger = bring(folder)
    assert (ledger.frames["updated"], ledger.frames["annotations added"], ledger.frames["unchanged"]) == (1, 1, 2)
    assert labels("a.png") == ["cat", "dog"]
    assert bring(folder).frames["unchanged"] == 3


def test_stored_annotations_stay_unless_they_are_replaced(folder: Path) -> None:
    coco(folder, {"a.png": ["cat"], "b.png": ["cat"]})
    bring(folder)
    coco(folder, {"a.png": ["fox"], "b.png": ["cat"]})
    ledger = bring(folder)
    assert labels("a.png") == ["cat"]
    (note,) = [note for note in ledger.notes if note.reason == STORED_KEPT]
    assert note.detail == "annotations"
    ledger = bring(folder, replace_annotations=True)
    assert ledger.frames["annotations replaced"] == 1
    assert (labels("a.png"), labels("b.png")) == (["fox"], ["cat"])


@pytest.mark.parametrize("content", [None, "{ broken", '{"images": [{"id": 1'])
def test_annotations_that_were_not_read_replace_nothing(folder: Path, content: str | None) -> None:
    coco(folder, {"a.png": ["cat"], "b.png": ["dog"]})
    bring(folder)
    (folder / "x.json").unlink()
    if content:
        (folder / "x.json").write_text(content)
    ledger = bring(folder, format="coco", replace_annotations=True)
    assert (labels("a.png"), labels("b.png")) == (["cat"], ["dog"])
    assert sum(note.count for note in ledger.notes if note.reason == NONE_CAME) == 2


def test_stored_metadata_that_is_gone_from_the_files_is_named(folder: Path) -> None:
    for image in ({"weather": "sun", "n": 1}, {"n": 2}):
        content = {"images": [{"id": 1, "file_name": "a.png", **image}], "annotations": [], "categories": []}
        (folder / "x.json").write_text(json.dumps(content))
        ledger = bring(folder, replace_annotations=True)
    assert stored()["a.png"]["meta"] == {"weather": "sun", "n": 2}
    assert [note.detail for note in ledger.notes if note.reason == METADATA_STAYS] == ["meta.weather"]


def test_a_file_that_cannot_be_read_has_not_disappeared(folder: Path) -> None:
    bring(folder, format="files")
    (folder / "a.png").write_bytes(b"")
    ledger = bring(folder, format="files", prune=True)
    assert "pruned" not in ledger.frames
    assert len(stored()) == 3


@pytest.mark.parametrize("elsewhere", ["a link to nothing", "a folder behind a link"])
def test_a_file_that_cannot_be_reached_has_not_disappeared(folder: Path, elsewhere: str) -> None:
    (folder / "sub").mkdir()
    shutil.copy(folder / "a.png", folder / "sub/d.png")
    bring(folder, format="files")
    if elsewhere == "a link to nothing":
        (folder / "a.png").unlink()
        (folder / "a.png").symlink_to("/nowhere/a.png")
    else:
        (folder / "sub").rename(folder.parent / "moved")
        (folder / "sub").symlink_to(folder.parent / "moved")
    ledger = bring(folder, format="files", prune=True)
    assert "pruned" not in ledger.frames
    assert len(stored()) == 4


def test_an_import_without_digests_gets_them_once(folder: Path) -> None:
    draft = hd.DatasetVersion.get_current(hd.Dataset.create("cells", dataset_project="lab").address)
    for name in ("a.png", "b.png"):
        source = {"uri": f"file://{folder}/{name}", "content_type": "image/png", "width": 100, "height": 80,
                  "size_bytes": (folder / name).stat().st_size}  # fmt: skip
        draft.write([{"sources": [source]}])
    ledger = bring(folder, format="files")
    assert (ledger.frames["digest added"], ledger.frames["added"]) == (2, 1)
    assert "digest added" not in bring(folder, format="files").frames
    assert stored()["a.png"]["sources"][0]["digest"].startswith("sha256:")


def test_a_file_that_changed_is_a_change(folder: Path) -> None:
    bring(folder, format="files")
    before = (folder / "a.png").stat()
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    os.utime(folder / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bring(folder, format="files").frames["file or grouping changed"] == 1
    assert stored()["a.png"]["sources"][0]["width"] == 40


def test_files_that_disappeared_are_named_and_removed_when_asked(folder: Path) -> None:
    bring(folder, format="files")
    bring(folder, format="files", uri_prefix="https://elsewhere.example/x")
    (folder / "b.png").unlink()
    ledger = bring(folder, format="files")
    (note,) = [note for note in ledger.notes if note.reason == DISAPPEARED]
    assert note.place.endswith("/data/b.png")
    assert len(list(hd.DatasetVersion.get_current(DATASET).frames())) == 6
    ledger = bring(folder, format="files", prune=True)
    assert PRUNED in reasons(ledger)
    assert ledger.frames["pruned"] == 1
    uris = sorted(frame.source for frame in hd.DatasetVersion.get_current(DATASET).frames())
    assert len(uris) == 5
    assert sum(uri.startswith("https://") for uri in uris) == 3


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    coco(folder, {"a.png": ["cat"], "gone.png": ["dog"]})
    ledger = bring(folder, dry_run=True)
    assert ledger.read == {"frames": 4, "boxes": 2}
    assert ledger.kept["frames"] == 3
    assert not hd.Dataset.list(project="lab")


def test_classes_and_limit(folder: Path) -> None:
    coco(folder, {"a.png": ["cat", "dog"], "b.png": ["dog"], "c.png": ["cat"]})
    ledger = bring(folder, classes=["cat"])
    assert {NOT_ASKED_FOR, WITHOUT_CLASSES} <= reasons(ledger)
    assert ledger.complete
    assert sorted(stored()) == ["a.png", "c.png"]
    assert labels("a.png") == ["cat"]
    assert bring(folder, limit=1, uri_prefix="x://y").frames["added"] == 1
    for wrong in (0, -3):
        with pytest.raises(InvalidArgument, match="above 0"):
            bring(folder, limit=wrong)


def test_a_published_dataset_goes_on_in_a_draft_child(folder: Path) -> None:
    assert not any("draft" in each for each in bring(folder, format="files").about)
    first = hd.DatasetVersion.get_current(DATASET).publish_version()
    pictures(folder, "d.png")
    ledger = bring(folder, format="files")
    assert (ledger.frames["added"], ledger.frames["unchanged"]) == (1, 3)
    second = hd.DatasetVersion.get_current(DATASET)
    assert (first.name, second.name, second.published) == ("Current", "Current 2", False)
    assert second.parents == [first.id]
    assert "There was no draft: `Current 2` was opened as a child of the published `Current`." in ledger.about
    assert not any("draft" in each for each in bring(folder, format="files").about)


@pytest.mark.parametrize("files", [{}, {"a.json": '{"images": ['}])
def test_a_run_without_any_frame_makes_no_dataset(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / "data").mkdir()
    for name, content in files.items():
        (tmp_path / "data" / name).write_text(content)
    ledger = bring(tmp_path / "data")
    assert ledger.failed
    assert ledger.frames["added"] == 0
    with pytest.raises(NotFound):
        hd.Dataset.get(DATASET)


def test_a_dataset_in_no_project_is_said(folder: Path) -> None:
    assert "dataset `home`, in no project" in import_frames(folder, dataset_name="home").about
    assert not any("project" in each for each in bring(folder).about)


def test_a_strict_import_raises_and_keeps_what_it_can(folder: Path) -> None:
    coco(folder, {"a.png": ["cat"], "gone.png": ["dog"]})
    with pytest.raises(Incomplete, match="1 frame, 1 box") as raised:
        bring(folder, strict=True)
    assert isinstance(raised.value.ledger, Ledger)
    assert labels("a.png") == ["cat"]


def test_each_kind_of_loss_is_a_warning(folder: Path) -> None:
    coco(folder, {"a.png": ["cat"], "gone.png": ["dog"]})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        bring(folder)
    assert any("lost: 1 frame: pictures that are named, but missing" in str(each.message) for each in told)


def test_archives_and_single_files_are_read(folder: Path, tmp_path: Path) -> None:
    coco(folder, {"a.png": ["cat"]})
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    assert bring(tmp_path / "cells.zip", dry_run=True).kept["frames"] == 3
    assert not (tmp_path / "cells").exists()
    assert bring(tmp_path / "cells.zip").frames["added"] == 3
    assert stored()["a.png"]["sources"][0]["uri"] == f"file://{tmp_path}/cells/a.png"
    hd.DatasetVersion.get_current(DATASET).export(tmp_path / "frames.jsonl")
    ledger = import_frames(tmp_path / "frames.jsonl", dataset_name="copy", dataset_project="lab")
    assert (ledger.format, ledger.frames["added"], ledger.kept["boxes"]) == ("jsonl", 3, 1)


@pytest.mark.parametrize("name", ["jsonl", "parquet", "croissant", "coco"])
def test_an_export_is_divided_by_any_field(folder: Path, tmp_path: Path, name: str) -> None:
    bring(folder, format="files")
    draft = hd.DatasetVersion.get_current(DATASET)
    frames = list(draft.frames())
    frames[0].meta["part"], frames[1].meta["part"] = "a/b", 5
    draft.update_frames(frames)
    ledger = draft.export(tmp_path / "out", format=name, split_by="meta.part")
    assert "frames without `meta.part`, in the part `unassigned`" in reasons(ledger)
    made = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for part in ("a_b", "5", "unassigned"):
        assert any(part in path for path in made), made


@pytest.mark.parametrize("name", ["jsonl", "coco"])
@pytest.mark.parametrize(("values", "parts", "said"), [
    (["a/b", "a_b", "a:b"], ["a_b", "a_b-2", "a_b-3"], SHARED_PART),
    ([" a", "a", "b"], ["a", "a-2", "b"], SHARED_PART),
    ([5, "5", True], ["5", "5-2", "true"], SHARED_PART),
    (["unassigned", None, "x"], ["unassigned", "unassigned-2", "x"], SHARED_PART),
    ([["a", "b"], "a", ["a", "a"]], ["a"], "frames with several values of `meta.part`, in the part of the first"),
])  # fmt: skip
def test_different_values_never_share_a_part(
    folder: Path, tmp_path: Path, name: str, values: list, parts: list[str], said: str
) -> None:
    bring(folder, format="files")
    draft = hd.DatasetVersion.get_current(DATASET)
    frames = list(draft.frames())
    assert len(frames) == 3
    for frame, value in zip(frames, values, strict=True):
        frame.meta.update({} if value is None else {"part": value})
    draft.update_frames(frames)
    ledger = draft.export(tmp_path / "out", format=name, split_by="meta.part")
    assert said in reasons(ledger)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert (
        sorted(path.stem.removeprefix("instances_") if name == "coco" else path.parent.name for path in files) == parts
    )


def test_an_import_that_was_interrupted_ends_in_the_same_state(folder: Path, tmp_path: Path) -> None:
    pictures(folder, *(f"{number}.png" for number in range(40)))
    coco(folder, {f"{number}.png": ["cat"] for number in range(40)})
    bring(folder, limit=17)
    bring(folder)
    digest = hd.DatasetVersion.create_snapshot(DATASET, publish_name="v1").digest
    whole = import_frames(folder, dataset_name="whole", dataset_project="lab")
    assert whole.frames["added"] == 43
    assert hd.DatasetVersion.create_snapshot("lab/whole", publish_name="v1").digest == digest


def test_frames_that_the_service_refuses_are_taken_back(folder: Path) -> None:
    lines = [{"id": "x", "site": "north", "sources": [{"uri": "site://north/a/b"}], "annotations": [{"labels": ["c"]}]},
             {"id": "y", "sources": [{"uri": "file:///y.png"}]}]  # fmt: skip
    (folder / "frames.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    ledger = bring(folder / "frames.jsonl")
    assert (ledger.kept["frames"], ledger.lost) == (1, {"frames": 1, "labels": 1})
    assert any("belongs to site" in note.detail for note in ledger.notes)


@pytest.mark.parametrize(("options", "message"), [
    ({"limit": "a"}, "`limit`: expected a whole number above 0, got 'a'"), ({"limit": True}, "`limit`: "),
    ({"limit": 0}, "`limit`: "), ({"limit": 1.0}, "`limit`: "), ({"classes": 5}, "`classes`: expected a list"),
    ({"classes": [5]}, "`classes`: "), ({"classes": [" "]}, "`classes`: a label is empty"),
    ({"prune": True, "limit": 1}, "`prune=True`: not together with `classes` or `limit`"),
    ({"prune": True, "classes": "cat"}, "`prune=True`: not together"),
])  # fmt: skip
def test_options_that_are_not_valid_are_named(folder: Path, options: dict[str, Any], message: str) -> None:
    for call in (import_frames, hd.register):
        with pytest.raises(InvalidArgument, match=message):
            call(folder, dataset_name="cells", **options)


@pytest.mark.parametrize("prefix", [5, "not a uri", "/data", "s3:", "s3://a b", None])
def test_a_prefix_that_is_no_uri_is_refused(folder: Path, prefix: Any) -> None:
    with pytest.raises(InvalidArgument, match="`uri_prefix`: expected the beginning of a URI"):
        bring(folder, uri_prefix=prefix)


def test_what_was_not_taken_is_named_by_its_file(folder: Path) -> None:
    coco(folder, {"a.png": ["cat"]})
    bring(folder)
    coco(folder, {"a.png": ["dog"]})
    (note,) = [note for note in bring(folder).notes if note.reason == STORED_KEPT]
    assert (note.place, note.detail) == ("a.png", "annotations")
