"""Frames out of a version into each format and back into another dataset, through the real service: nothing changes."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client.importing import Measured, import_frames, measure
from hyperdatasets.core.errors import AlreadyExists, InvalidArgument, NotFound
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.labelstudio_writer import WHOLE_FILE
from hyperdatasets.formats.ledger import Ledger
from tests.reference.properties import examples
from tests.unit.annotation_tools import ELSEWHERE, HEIGHT, PLANE, WIDTH, frames, picture
from tests.unit.test_format_yolo import _OF_TASK

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]
P = "https://data.example/a%20b"
NAMES = ("a.png", "b 1.png", "sub/c.png", "sub/a.png", "ü/d#1.png", "sub/x.y/e%20.png", "train/f.png", "7.png")
FILES = {"jsonl": "frames.jsonl", "coco": "coco.json", "cvat": "annotations.xml", "labelstudio": "tasks.json",
         "parquet": "frames.parquet"}  # fmt: skip
FORMATS = (*FILES, "voc", "yolo", "croissant")
EXACT = tuple(name for name in FORMATS if name != "yolo")
OF_OTHERS = ("coco", "voc", "yolo", "cvat", "labelstudio")  # these lie beside their pictures
_few = examples(4, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
_numbers = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Deployment]:
    with testing.deployment(tmp_path_factory.mktemp("deployment")) as running:
        yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name in NAMES:
        picture(folder / name)
    return folder


def source_of(name: str, folder: Path | None = None) -> dict[str, Any]:
    """What import says of a picture."""
    with tempfile.TemporaryDirectory() as made:
        picture(Path(made) / name)
        found = measure(Folder(Path(made)), name)
    assert isinstance(found, Measured)
    uri = f"{P}/{quote(name)}" if folder is None else (folder / name).as_uri()
    return {"id": "default", "uri": uri, **found.media.to_plain(), "digest": found.digest}


def published(plain: Any) -> hd.DatasetVersion:
    """A version with these frames."""
    name = f"written-{next(_numbers)}"
    draft = hd.DatasetVersion.get_current(hd.Dataset.create(name).address)
    assert list(draft.write(plain)) == []
    return hd.DatasetVersion.create_snapshot(name, publish_name="v1")


def brought(folder: Path, **more: Any) -> tuple[hd.DatasetVersion, Ledger]:
    """A version with what is imported from a folder."""
    name = f"read-{next(_numbers)}"
    ledger = import_frames(folder, dataset_name=name, **more)
    return hd.DatasetVersion.create_snapshot(name, publish_name="v1"), ledger


def exported(version: hd.DatasetVersion, folder: Path, form: str, **more: Any) -> Ledger:
    """An export into a folder that is not there yet."""
    if form in FILES and not more.keys() & {"media", "split_by"}:
        folder.mkdir()
        return version.export(folder / FILES[form], format=form, **more)
    return version.export(folder, format=form, **more)


def there_and_back(
    plain: Any, form: str, pictures: Path
) -> tuple[hd.DatasetVersion, hd.DatasetVersion, Ledger, Ledger]:
    before = published(plain)
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out"
        wrote = exported(before, out, form, uri_prefix=P)
        if form in OF_OTHERS:
            shutil.copytree(pictures, out, dirs_exist_ok=True)
        has = any(frame.get("annotations") for frame in plain)
        after, read = brought(out, uri_prefix=P, format="auto" if has else form)
    assert read.format == form
    return before, after, wrote, read


def objects(version: hd.DatasetVersion) -> dict[str, list[tuple[list[str], Any]]]:
    """Name of a file -> labels and shapes of its annotations."""
    found: dict[str, list[tuple[list[str], Any]]] = {}
    for frame in version.frames():
        plain: Any = frame.to_plain()
        listed = [(each["labels"], each.get("geometry", {})) for each in plain.get("annotations", ())]
        found[plain["sources"][0]["uri"].rpartition("/")[2]] = sorted(listed, key=repr)
    return found


def boxed(folder: Path | None = None, **meta: Any) -> list[dict[str, Any]]:
    """Five frames with a box or two each."""
    return [
        {"sources": [source_of(name, folder)], "meta": {key: values[number] for key, values in meta.items()},
         "annotations": [{"labels": [label], "geometry": {"box": [number, 2.5, 8, 9.25]}} for label in labels]}
        for number, (name, labels) in enumerate(
            {"a.png": ["cat"], "b.png": ["dog"], "c.png": ["cat", "dog"], "d.png": ["a b"], "e.png": ["cat"]}.items())
    ]  # fmt: skip


def reasons(ledger: Ledger) -> set[str]:
    return {note.reason for note in ledger.notes}


# --- with a prefix of URIs the very frames come back --------------------------------------------------------------

_SOURCES = [source_of(name) for name in NAMES]
_EVERYTHING = st.tuples(*(frames(PLANE | ELSEWHERE, source) for source in _SOURCES))


@pytest.mark.parametrize("form", EXACT)
@_few
@given(plain=_EVERYTHING)
def test_any_frames_come_back(pictures: Path, form: str, plain: tuple[dict[str, Any], ...]) -> None:
    before, after, wrote, read = there_and_back(plain, form, pictures)
    assert after.digest == before.digest
    assert (wrote.lost, read.lost) == ({}, {})
    assert wrote.kept["frames"] == read.kept["frames"] == len(NAMES)


@pytest.mark.parametrize("task", sorted(_OF_TASK))
@_few
@given(data=st.data())
def test_yolo_of_one_task_comes_back(pictures: Path, task: str, data: st.DataObject) -> None:
    of_task: Any = _OF_TASK[task]
    plain = []
    for source in _SOURCES:
        found = [{"labels": [data.draw(st.sampled_from(["cat", "dog"]))], **each}
                 for each in data.draw(st.lists(of_task, max_size=4))]  # fmt: skip
        split = data.draw(st.sampled_from(["", "train", "val", "my split"]))
        plain.append({"sources": [source], "annotations": found, "meta": {"split": split} if split else {}})
    before, after, wrote, read = there_and_back(plain, "yolo", pictures)
    assert after.digest == before.digest
    assert (wrote.lost, read.lost) == ({}, {})


@pytest.mark.parametrize("form", ["coco", "voc", "cvat", "labelstudio"])
def test_masks_beside_pictures_come_back(pictures: Path, tmp_path: Path, form: str) -> None:
    shutil.copytree(pictures, tmp_path / "pictures")
    picture(tmp_path / "pictures" / "masks of a" / "1.png")
    mask = {"id": "lungs", "uri": f"{P}/masks%20of%20a/1.png"}
    inside = {"labels": ["lung"], "geometry": {"mask": [1, 2, 3]}}
    plain = [{"sources": [{**_SOURCES[0], "masks": [mask]}], "annotations": [inside]}, {"sources": [_SOURCES[1]]}]
    before, after, wrote, _ = there_and_back(
        [*plain, *({"sources": [each]} for each in _SOURCES[2:])], form, tmp_path / "pictures"
    )
    assert after.digest == before.digest
    assert wrote.complete


@pytest.mark.parametrize("form", FORMATS)
def test_a_dataset_that_goes_out_and_in_again_and_again_stays_the_same(
    pictures: Path, tmp_path: Path, form: str
) -> None:
    """Pictures come first, a COCO file of another tool adds boxes, and then each export is imported."""
    first = tmp_path / "first"
    shutil.copytree(pictures, first)
    plain, _ = brought(first, format="files", uri_prefix=P)
    images = [{"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT} for number, name in enumerate(NAMES)]
    boxes = [{"id": n, "image_id": n, "category_id": n % 2, "bbox": [n, 1.5, 5, 7]} for n in range(len(NAMES))]
    categories = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    (first / "boxes.json").write_text(json.dumps(content))
    version, _ = brought(first, uri_prefix=P)
    assert len(list(plain.frames())) == len(list(version.frames())) == len(NAMES)
    digests = [version.digest]
    for number in range(2):
        out = tmp_path / f"out-{number}"
        assert exported(version, out, form, uri_prefix=P).complete
        if form in OF_OTHERS:
            shutil.copytree(pictures, out, dirs_exist_ok=True)
        version, ledger = brought(out, uri_prefix=P)
        assert (ledger.format, ledger.lost) == (form, {})
        digests.append(version.digest)
    assert len(set(digests)) == 1


# --- pictures come along ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", ["copy", "link"])
@pytest.mark.parametrize("form", FORMATS)
def test_an_export_with_its_pictures_is_imported_alone(tmp_path: Path, form: str, media: str) -> None:
    shutil.copytree(_files(tmp_path / "here"), tmp_path / "there")
    before = published(boxed(tmp_path / "there"))
    out = tmp_path / "out"
    ledger = exported(before, out, form, media=media)
    assert ledger.complete
    assert ledger.kept["media files"] == 5
    found = list(out.rglob("*.png"))
    assert sorted(path.name for path in found) == [f"{name}.png" for name in "abcde"]
    assert all(path.is_symlink() == (media == "link") for path in found)
    if media == "copy":
        shutil.rmtree(tmp_path / "there")
    after, read = brought(out)
    assert (read.format, read.lost) == (form, {})
    assert objects(after) == objects(before)


@pytest.mark.parametrize("split_by", ["", "meta.part"])
@pytest.mark.parametrize("form", ["jsonl", "parquet", "croissant"])
def test_records_name_the_files_that_come_along(tmp_path: Path, form: str, split_by: str) -> None:
    before = published(boxed(_files(tmp_path / "here"), part=PARTS))
    exported(before, out := tmp_path / "out", form, media="copy", split_by=split_by)
    shutil.move(out, moved := tmp_path / "moved")
    shutil.rmtree(tmp_path / "here")
    after, read = brought(moved)
    assert [str(note) for note in read.notes if note.weight != "skipped"] == []
    uris: list[str] = [frame.to_plain()["sources"][0]["uri"] for frame in after.frames()]  # type: ignore[index]
    assert sorted(uris) == [f"file://{quote(str(moved))}/{name}.png" for name in "abcde"]
    assert objects(after) == objects(before)


@pytest.mark.parametrize("form", ["jsonl", "parquet", "croissant"])
def test_records_with_their_files_come_back_exactly_below_the_same_prefix(tmp_path: Path, form: str) -> None:
    here = _files(tmp_path / "here é#")
    before = published(boxed(here))
    prefix = f"file://{quote(str(here))}"
    exported(before, tmp_path / "out", form, media="link", uri_prefix=prefix)
    after, _ = brought(tmp_path / "out", uri_prefix=prefix)
    assert after.digest == before.digest


def _files(folder: Path) -> Path:
    for name in "abcde":
        picture(folder / f"{name}.png")
    return folder


def test_pictures_that_cannot_come_along_are_named(tmp_path: Path) -> None:
    version = published(boxed(tmp_path / "gone"))
    ledger = exported(version, tmp_path / "out", "coco", media="copy")
    assert ledger.lost == {"media files": 5}
    assert (ledger.read["frames"], ledger.kept["frames"], ledger.kept["media files"]) == (5, 5, 0)
    named = {frame.id: str(frame.plain["sources"][0]["uri"]).rpartition("/")[2] for frame in version.frames()}
    assert {note.place for note in ledger.losses()} == {f"{key} ({name})" for key, name in named.items()}
    assert {note.reason for note in ledger.losses()} == {"pictures that did not come along"}
    assert len(json.loads((tmp_path / "out" / "annotations" / "instances.json").read_text())["images"]) == 5
    assert not list((tmp_path / "out").rglob("*.png"))


def test_notes_of_a_writer_that_waits_name_the_file(tmp_path: Path) -> None:
    version = published(boxed(_files(tmp_path / "here"), city=list("ulmbn")))
    ledger = exported(version, tmp_path / "out", "yolo", media="copy")
    lost = [note.place for note in ledger.losses()]
    assert len(lost) == 5
    assert all(re.fullmatch(r"[0-9a-f]{32} \([a-e]\.png\)", place) for place in lost), lost


def test_pictures_of_a_site_do_not_come_along(deployment: testing.Deployment, tmp_path: Path) -> None:
    site = f"north{next(_numbers)}"
    deployment.add_site(site, {"scans": _files(tmp_path / "scans")}).register("scans", dataset="clinic/scans")
    version = hd.DatasetVersion.get_current("clinic/scans")
    ledger = version.export(tmp_path / "out", format="voc", media="copy")
    assert ledger.lost["media files"] == 5
    assert {note.kind for note in ledger.losses()} == {"media files"}
    assert not list((tmp_path / "out").rglob("*.png"))


def test_files_of_one_name_are_numbered(tmp_path: Path) -> None:
    plain = []
    for number, folder in enumerate(("one", "two", "three")):
        picture(tmp_path / folder / "a.png")
        found = {"labels": [folder], "geometry": {"box": [number, 1, 5, 5]}}
        plain.append(
            {"sources": [{**source_of("a.png"), "uri": (tmp_path / folder / "a.png").as_uri()}], "annotations": [found]}
        )
    version = published(plain)
    ledger = exported(version, tmp_path / "out", "voc", media="copy")
    assert ledger.complete
    (note, _) = [note for note in ledger.notes if note.reason == "files of one name, numbered in the export"]
    assert note.weight == "noticed"
    assert sorted(path.name for path in (tmp_path / "out" / "JPEGImages").iterdir()) == ["a-2.png", "a-3.png", "a.png"]
    after, _ = brought(tmp_path / "out")
    assert sorted(each[0][0][0] for each in objects(after).values()) == ["one", "three", "two"]


# --- divided exports ----------------------------------------------------------------------------------------------

PARTS = ["x", "x", "y", "y/z", "x"]


def test_coco_has_a_file_for_each_part(tmp_path: Path) -> None:
    exported(published(boxed(part=PARTS)), tmp_path / "out", "coco", split_by="meta.part")
    counts = {
        path.name: len(json.loads(path.read_text())["images"]) for path in (tmp_path / "out" / "annotations").iterdir()
    }
    assert counts == {"instances_x.json": 3, "instances_y.json": 1, "instances_y_z.json": 1}


def test_voc_has_a_list_for_each_part(tmp_path: Path) -> None:
    exported(published(boxed(part=PARTS)), tmp_path / "out", "voc", split_by="meta.part")
    lists = {path.name: path.read_text().split() for path in (tmp_path / "out" / "ImageSets" / "Main").iterdir()}
    assert lists == {"x.txt": ["a", "b", "e"], "y.txt": ["c"], "y_z.txt": ["d"]}
    assert len(list((tmp_path / "out" / "Annotations").iterdir())) == 5


def test_yolo_has_a_list_for_each_part(tmp_path: Path) -> None:
    exported(
        published(boxed(part=["train", "train", "val", "test", "train"])),
        tmp_path / "out",
        "yolo",
        split_by="meta.part",
    )
    data = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    lists = {name: (tmp_path / "out" / data[name]).read_text().split() for name in ("train", "val", "test")}
    assert lists == {
        "train": [f"./images/{name}.png" for name in "abe"], "val": ["./images/c.png"], "test": ["./images/d.png"],
    }  # fmt: skip
    assert data["hyperdatasets"]["splits"] == {name: data[name] for name in lists}


def test_cvat_and_label_studio_mark_each_picture(tmp_path: Path) -> None:
    version = published(boxed(part=PARTS))
    exported(version, tmp_path / "cvat", "cvat", split_by="meta.part")
    exported(version, tmp_path / "studio", "labelstudio", split_by="meta.part")
    (xml,), (tasks,) = (list((tmp_path / name).iterdir()) for name in ("cvat", "studio"))
    marks = {image.get("name"): image.get("subset") for image in ET.parse(xml).iter("image")}
    assert marks == dict(zip((f"{name}.png" for name in "abcde"), ["x", "x", "y", "y_z", "x"], strict=True))
    splits = {task["data"]["image"].rpartition("/")[2]: task["data"]["split"] for task in json.loads(tasks.read_text())}
    assert splits == marks


@pytest.mark.parametrize("form", OF_OTHERS)
def test_a_divided_export_is_read_with_its_splits(tmp_path: Path, form: str) -> None:
    """The field that divides is not the split before; afterwards it is."""
    parts = ["train", "train", "val", "test", "train"]
    before = published(boxed(_files(tmp_path / "here"), part=parts))
    wrote = exported(before, tmp_path / "out", form, split_by="meta.part", media="copy")
    after, read = brought(tmp_path / "out")
    assert (read.format, read.lost) == (form, {})
    plain: list[Any] = [frame.to_plain() for frame in after.frames()]
    splits = {each["sources"][0]["uri"].rpartition("/")[2]: each["meta"]["split"] for each in plain}
    assert splits == dict(zip((f"{name}.png" for name in "abcde"), parts, strict=True))
    assert wrote.complete == (form != "yolo")  # `part` itself has no place there
    assert objects(after) == objects(before)


@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize("split", ["", "val", "mine"])
def test_a_folder_that_is_called_like_another_split_changes_nothing(pictures: Path, form: str, split: str) -> None:
    """`train/f.png` may be in no split, or in another one."""
    plain = [{"sources": [source], "meta": {"split": split} if split else {}} for source in _SOURCES]
    before, after, wrote, read = there_and_back(plain, form, pictures)
    assert after.digest == before.digest
    assert (wrote.lost, read.lost) == ({}, {})


@pytest.mark.parametrize("form", ["jsonl", "parquet", "croissant"])
def test_formats_of_whole_frames_are_not_divided(tmp_path: Path, form: str) -> None:
    before = published(boxed(part=PARTS))
    exported(before, tmp_path / "out", form, split_by="meta.part")
    after, _ = brought(tmp_path / "out")
    assert after.digest == before.digest


def test_frames_without_the_field_are_in_a_part_of_their_own(tmp_path: Path) -> None:
    ledger = exported(
        published(boxed(part=["x", None, 3, True, ["q", "r"]])), tmp_path / "out", "coco", split_by="meta.part"
    )
    names = sorted(path.stem.removeprefix("instances_") for path in (tmp_path / "out" / "annotations").iterdir())
    assert names == ["3", "q", "true", "unassigned", "x"]
    assert "frames without `meta.part`, in the part `unassigned`" in reasons(ledger)


@pytest.mark.parametrize(
    ("field", "parts"), [("rois.label", 3), ("annotations.labels", 3), ("meta.none", 1), ("id", 5)]
)
def test_any_field_divides(tmp_path: Path, field: str, parts: int) -> None:
    exported(published(boxed()), tmp_path / "out", "coco", split_by=field)
    assert len(list((tmp_path / "out" / "annotations").iterdir())) == parts


# --- what is refused ----------------------------------------------------------------------------------------------


def test_wrong_options_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    version = published(boxed())
    with pytest.raises(InvalidArgument, match="`media`: expected `copy` or `link`, got 'move'"):
        version.export(tmp_path / "out", format="coco", media="move")
    with pytest.raises(InvalidArgument, match=r"there is no export format `cocoa`.*Did you mean coco"):
        version.export(tmp_path / "out", format="cocoa")
    with pytest.raises(InvalidArgument, match="folder of several files"):
        version.export(BytesIO(), format="coco", media="copy")
    with pytest.raises(NotFound, match="make it first"):
        version.export(tmp_path / "no" / "out", format="voc")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_overwritten(tmp_path: Path, form: str) -> None:
    version = published(boxed())
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("mine")
    for name in ("file", "folder"):
        with pytest.raises(AlreadyExists, match="is there already"):
            version.export(tmp_path / name, format=form)
    with pytest.raises(AlreadyExists, match="is there already"):
        version.export(tmp_path / "folder", format=form, media="copy")
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["mine"]


def test_uris_outside_of_the_prefix_have_other_names(tmp_path: Path) -> None:
    """A prefix is whole folders of a path; `..` and queries do not lead out of the export."""
    uris = [f"{P}/in/a.png", f"{P}-more/b.png", "https://other.example/c.png", f"{P}/../d.png", f"{P}/x/%2E%2E/e.png"]
    plain = [{"sources": [{**source_of("a.png"), "uri": uri}]} for uri in uris]
    version = published(plain)
    names = _names(version, tmp_path / "one.json", uri_prefix=P)
    assert names == {f"{P}/in/a.png": "in/a.png"} | {uri: uri for uri in uris[1:]}
    assert _names(version, tmp_path / "two.json", uri_prefix=f"{P}/") == names
    assert set(_names(version, tmp_path / "folder", uri_prefix=P, split_by="meta.x").values()) == {
        "in/a.png", "images/b.png", "images/c.png", "images/d.png", "images/e.png",
    }  # fmt: skip


def _names(version: hd.DatasetVersion, place: Path, **more: Any) -> dict[str, str]:
    """URI -> name in a COCO export."""
    version.export(place, format="coco", **more)
    (file,) = [place] if place.is_file() else (place / "annotations").iterdir()
    return {image["coco_url"]: image["file_name"] for image in json.loads(file.read_text())["images"]}


CONLL = "-DOCSTART- O\n\nDvořák B-PER\nwrote O\n\n-DOCSTART- O\n\nAda B-PER\nruns O\n\n"


def _documents(folder: Path) -> hd.DatasetVersion:
    """Two frames that are parts of one text."""
    folder.mkdir()
    (folder / "a.conll").write_bytes(b"\xef\xbb\xbf" + CONLL.encode())
    return brought(folder)[0]


def spans(version: hd.DatasetVersion, folder: Path) -> list[str]:
    """The texts of all spans, by the files of an export."""
    found = []
    for frame in version.frames():
        plain: Any = frame.to_plain()
        text = (folder / plain["sources"][0]["uri"].rpartition("/")[2]).read_bytes().decode()
        found += [text[slice(*each["geometry"]["span"])] for each in plain["annotations"]]
    return sorted(found)


@pytest.mark.parametrize("media", ["copy", "link"])
def test_parts_of_a_text_come_along_as_files(tmp_path: Path, media: str) -> None:
    version, out = _documents(tmp_path / "in"), tmp_path / "out"
    ledger = exported(version, out, "labelstudio", media=media)
    assert ledger.complete
    tasks = json.loads((out / "tasks.json").read_text())
    assert len(tasks) == len({task["data"]["text"] for task in tasks}) == 2
    for task in tasks:
        text = (out / task["data"]["text"]).read_bytes().decode()
        (result,) = task["annotations"][0]["result"]
        value = result["value"]
        assert text[value["start"] : value["end"]] == result["hyperdatasets"]["meta"]["text"]
    again, _ = brought(out, format="labelstudio")
    assert (again.frame_count, spans(again, out / "images")) == (2, ["Ada", "Dvořák"])


@pytest.mark.parametrize("prefixed", [False, True])
def test_parts_of_a_text_without_files_are_spans_of_the_whole_file(tmp_path: Path, *, prefixed: bool) -> None:
    version = _documents(tmp_path / "in")
    prefix = {"uri_prefix": (tmp_path / "in").as_uri()} if prefixed else {}
    ledger = version.export(tmp_path / "in" / "tasks.json", format="labelstudio", **prefix)
    assert {note.reason for note in ledger.notes} == {WHOLE_FILE}
    tasks = json.loads((tmp_path / "in" / "tasks.json").read_text())
    whole = (tmp_path / "in" / "a.conll").read_bytes().decode()
    assert {task["data"]["text"] for task in tasks} == {"a.conll" if prefixed else str(tmp_path / "in" / "a.conll")}
    values = [task["annotations"][0]["result"][0]["value"] for task in tasks]
    assert sorted(whole[each["start"] : each["end"]] for each in values) == ["Ada", "Dvořák"]
    again, _ = brought(tmp_path / "in", format="labelstudio")
    assert (again.frame_count, spans(again, tmp_path / "in")) == (1, ["Ada", "Dvořák"])


@pytest.mark.parametrize("form", ["jsonl", "parquet", "croissant"])
def test_parts_of_a_text_stay_parts_of_the_file_that_comes_along(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.txt").write_text("one two")
    uri = (tmp_path / "a.txt").as_uri()
    before = published([{"sources": [{"uri": f"{uri}#char={part}"}]} for part in ("0,3", "4,7")])
    exported(before, tmp_path / "out", form, media="copy")
    after, _ = brought(tmp_path / "out")
    uris: list[str] = [frame.to_plain()["sources"][0]["uri"] for frame in after.frames()]  # type: ignore[index]
    moved = (tmp_path / "out" / "a.txt").as_uri()
    assert sorted(uris) == [f"{moved}#char=0,3", f"{moved}#char=4,7"]
    assert (tmp_path / "out" / "a.txt").read_text() == "one two"


def test_a_part_of_a_text_that_cannot_be_read_does_not_come_along(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Köln".encode("latin-1"))
    uri = f"{(tmp_path / 'a.txt').as_uri()}#char=0,2"
    version = published([{"sources": [{"id": "default", "uri": uri, "content_type": "text/plain"}]}])
    ledger = exported(version, tmp_path / "out", "labelstudio", media="copy")
    assert {note.reason for note in ledger.losses()} == {"pictures that did not come along"}


@pytest.mark.parametrize("uri", ["https://[docs/a.png", "http://℀.example/a.png", "file:///a%00b.png"])
def test_a_uri_that_is_none_stops_no_export(tmp_path: Path, uri: str) -> None:
    version = published([{"sources": [{**source_of("a.png"), "uri": uri}]}])
    for form in FORMATS:
        assert exported(version, tmp_path / form, form).frames["written"] == 1
    ledger = exported(version, tmp_path / "out", "coco", media="copy")
    assert {note.reason for note in ledger.losses()} == {"pictures that did not come along"}


@pytest.mark.parametrize("site", ["munich", 5, True, ["a"], {"split": 3}, {}])
def test_metadata_about_the_site_may_be_anything(tmp_path: Path, site: Any) -> None:
    version = published([{"sources": [source_of("a.png")], "meta": {"site": site}}])
    for form in FORMATS:
        assert exported(version, tmp_path / form, form).frames["written"] == 1
