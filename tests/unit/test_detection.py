"""Which format a folder has: scored over the whole folder, said with its reason; and what becomes of stray files."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hyperdatasets.core.errors import InvalidArgument, NotFound
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import registry
from hyperdatasets.formats.croissant_document import descriptions
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import OF_ANOTHER_FORMAT, Intake, Options
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.mask_colours import lists_of_classes
from hyperdatasets.formats.media import probe_file
from hyperdatasets.formats.sampling import sample
from hyperdatasets.formats.yolo.reader import NO_FILE
from tests.conftest import module_of_dev

BCCD = Path(__file__).parents[3] / "shared" / "data" / "bccd"
XML = (
    "<annotation><filename>a.jpg</filename><object><name>cat</name><bndbox><xmin>10</xmin><ymin>10</ymin>"
    "<xmax>30</xmax><ymax>30</ymax></bndbox></object></annotation>"
)
LINE = "0 .5 .5 .2 .2\n"
COCO_OF_A = json.dumps({
    "images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "cat"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 10]}],
})  # fmt: skip


def put(folder: Path, *pictures: str, **texts: str) -> None:
    for name in pictures:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 100)).save(path)
    for name, text in texts.items():
        write(folder / name, text)


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def read(folder: Path, format_name: str = "auto") -> tuple[dict[str, list[str]], Ledger]:
    """Path -> labels; the ledger."""
    intake = Intake(Folder(folder), Options(format_name))
    found = {}
    for entry in intake.entries():
        media, _ = probe_file(folder / entry.path)
        if media is None:
            continue
        made = intake.frame(entry, media, lambda path: f"file:///{path}")
        for kind, count in made.kept.items():
            intake.ledger.keep(kind, count)
        annotations = normalise(made.frame)[0].get("annotations", [])
        found[entry.path] = sorted(label for each in annotations for label in each["labels"])
    return found, intake.finish()


def _voc(folder: Path) -> None:
    put(folder, "JPEGImages/a.jpg")
    write(folder / "Annotations/a.xml", XML)


def _coco(folder: Path) -> None:
    put(folder, "images/a.jpg")
    boxes = [{"id": k, "image_id": 0, "category_id": 1, "bbox": [1, 2, 10, 10]} for k in range(900)]
    content = {"images": [{"id": 0, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "cat"}],
               "annotations": boxes}  # fmt: skip
    write(folder / "ann.json", json.dumps(content, sort_keys=True))


def _yolo(folder: Path) -> None:
    put(folder, "images/a.jpg")
    write(folder / "labels/a.txt", LINE)
    write(folder / "coco128.yaml", "names: [cat, dog]\n")


def _folders(folder: Path) -> None:
    put(folder, "cat/a.jpg", "dog/b.jpg")


LAYOUTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "voc": (_voc, "JPEGImages/a.jpg"),
    "coco": (_coco, "images/a.jpg"),
    "yolo": (_yolo, "images/a.jpg"),
    "imagefolder": (_folders, "cat/a.jpg"),
}
STRAY = {
    "classes.txt": "cat\n",
    "train_log.jsonl": '{"epoch": 1}\n',
    "A.aux.xml": "<PAMDataset/>",
    "stats.json": '{"images": 2}',
    "README.md": "hello",
    "Thumbs.db": "\0\1",
    "settings.yaml": "lr: 0.1\n",
    ".DS_Store": "x",
    "notes.txt": "1 2 three\n",
    "results.csv": "epoch,loss\n1,2\n",
    "broken.xml": "<annotation>",
    "empty.json": "",
}


@pytest.mark.parametrize("stray", [None, *STRAY])
@pytest.mark.parametrize("name", LAYOUTS)
def test_one_stray_file_changes_nothing(tmp_path: Path, name: str, stray: str | None) -> None:
    make, picture = LAYOUTS[name]
    make(tmp_path)
    if stray:
        write(tmp_path / stray, STRAY[stray])
    found, ledger = read(tmp_path)
    assert ledger.format == name
    assert set(found[picture]) == {"cat"}
    assert not [path for path in found if path == stray]
    if stray and not stray.startswith((".", "Thumbs", "classes")):
        assert any(stray in note.place for note in ledger.notes), ledger.notes


def test_the_reason_is_said(tmp_path: Path) -> None:
    _voc(tmp_path)
    write(tmp_path / "data.yml", "a: b\n")
    _, ledger = read(tmp_path)
    assert ledger.about == ["Pascal VOC: 1 XML file beside its picture", "Also seen: data.yml (ignored)"]


@pytest.mark.parametrize(
    "layout",
    [
        ["train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png"],
        ["images/train/cat/1.png", "images/train/dog/1.png"],
        ["Train2017/cat/1.png", "Val2017/dog/1.png"],
    ],
)
def test_roles_and_splits_are_no_labels(tmp_path: Path, layout: list[str]) -> None:
    put(tmp_path, *layout)
    found, ledger = read(tmp_path)
    assert ledger.format == "imagefolder"
    assert found == {path: [path.split("/")[-2]] for path in layout}


@pytest.mark.parametrize(
    "layout", [["images/1.png", "masks2/1.png"], ["train/1.png", "test/1.png"], ["a.png", "b.png"]]
)
def test_without_annotations_files_are_frames(tmp_path: Path, layout: list[str]) -> None:
    put(tmp_path, *layout)
    found, ledger = read(tmp_path)
    assert not any(found.values())
    assert ledger.complete


def test_two_formats_that_fit_equally_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / "a.xml", XML)
    write(tmp_path / "b.json", json.dumps({"version": "5", "shapes": [], "imagePath": "b.jpg", "imageData": None,
                                           "imageHeight": 100, "imageWidth": 100}))  # fmt: skip
    with pytest.raises(InvalidArgument, match="several formats equally well") as raised:
        read(tmp_path)
    assert 'format="voc"' in str(raised.value)
    assert 'format="labelme"' in str(raised.value)


def test_annotations_of_a_format_that_is_not_read_are_a_loss(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    write(tmp_path / "a.xml", XML)
    write(tmp_path / "b.txt", LINE)
    write(tmp_path / "c.txt", LINE)
    write(tmp_path / "classes.txt", "cat\n")
    found, ledger = read(tmp_path)
    assert (ledger.format, found["b.jpg"], found["a.jpg"]) == ("yolo", ["cat"], [])
    (note,) = [note for note in ledger.losses() if note.place == "a.xml"]
    assert note.detail == "Pascal VOC"


def test_files_that_look_like_annotations_are_never_frames(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / "a.xml", "<something><else/></something>")
    found, ledger = read(tmp_path)
    assert sorted(found) == ["a.jpg", "b.jpg"]
    assert ledger.format == "files"
    assert "no known format fits" in ledger.about[0]
    assert not ledger.complete
    assert any(note.place == "a.xml" for note in ledger.losses())


def test_a_folder_of_unknown_annotations_alone_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.xml", "<something/>")
    with pytest.raises(InvalidArgument, match=r"no known format fits a\.xml"):
        read(tmp_path)


def test_sidecars_are_no_unknown_annotations(tmp_path: Path) -> None:
    write(tmp_path / "note.txt", "a text")
    write(tmp_path / "note.json", '{"labels": ["x"]}')
    put(tmp_path, "scan.png")
    write(tmp_path / "scan.png.json", '{"labels": ["y"]}')
    found, ledger = read(tmp_path)
    assert (found, ledger.format) == ({"note.txt": ["x"], "scan.png": ["y"]}, "files")
    assert ledger.complete


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read(tmp_path / "nothing")
    with pytest.raises(InvalidArgument, match="Did you mean coco"):
        read(tmp_path, "cocoo")
    _, ledger = read(tmp_path)
    assert ledger.failed == "nothing came in: the folder is empty"
    write(tmp_path / ".hidden", "x")
    assert read(tmp_path)[1].failed == "nothing came in: the folder is empty, but for hidden files"


def test_files_of_another_format_than_the_given_one_are_lost(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    write(tmp_path / "instances.json", COCO_OF_A)
    _, ledger = read(tmp_path, "yolo")
    assert ledger.about == ["YOLO, as asked for; nothing in the folder looks like it", NO_FILE]
    assert [(note.place, note.reason, note.detail) for note in ledger.losses()] == [
        ("instances.json", OF_ANOTHER_FORMAT, "COCO")
    ]
    assert not [note for note in ledger.notes if note.kind == "other files"]
    assert not ledger.complete
    _, ledger = read(tmp_path, "files")
    assert [(note.place, note.reason) for note in ledger.losses()] == [("instances.json", OF_ANOTHER_FORMAT)]
    assert read(tmp_path, "coco")[1].complete


def test_a_text_that_becomes_a_frame_is_not_lost_as_a_label_file(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    write(tmp_path / "a.txt", LINE)
    found, ledger = read(tmp_path, "files")
    assert sorted(found) == ["a.png", "a.txt"]
    assert ledger.complete


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("instances.json", '{"images": [{"file_name": "a.png", "id"', "COCO"),
        ("data.yaml", "names: [a, b\ntrain: x", "YOLO"),
    ],
)
def test_a_broken_annotation_file_is_named_once(tmp_path: Path, name: str, content: str, form: str) -> None:
    put(tmp_path, "a.png")
    write(tmp_path / name, content)
    if form == "YOLO":
        write(tmp_path / "a.txt", LINE)
    found, ledger = read(tmp_path)
    assert (list(found), ledger.lost) == (["a.png"], {"annotation files": 1})
    assert [note.place for note in ledger.notes if note.kind == "other files"] == []
    assert any(name in said and "Repair it and import again" in said for said in ledger.about)
    if form == "COCO":
        assert ledger.about[0] == "COCO: 1 annotation file that cannot be read"


@pytest.mark.parametrize("name", ["coco", "voc", "yolo", "imagefolder"])
def test_annotations_without_their_pictures_say_so(tmp_path: Path, name: str) -> None:
    write(tmp_path / "instances.json", COCO_OF_A)
    write(tmp_path / "a.xml", "<annotation><filename>a.png</filename><object><name>x</name></object></annotation>")
    write(tmp_path / "labels/a.txt", LINE)
    write(tmp_path / "metadata.jsonl", '{"file_name": "a.png"}')
    assert read(tmp_path, name)[1].failed.endswith("give the folder that holds pictures and annotations")


def test_files_without_annotations_are_counted_by_type(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.pdf", "%PDF-1.4\n1 0 obj<<>>endobj\n")
    write(tmp_path / "a.txt", "a text")
    _, ledger = read(tmp_path)
    assert ledger.about[1:] == [
        "3 files of application/pdf, no annotations", "1 file of text/plain, no annotations"
    ]  # fmt: skip


@pytest.mark.skipif(not BCCD.exists(), reason="the blood-cell pictures are not beside this checkout")
def test_the_blood_cells() -> None:
    found, ledger = read(BCCD)
    assert ledger.about[0] == "Pascal VOC: 364 XML files beside their pictures"
    assert (len(found), ledger.read["boxes"]) == (364, 4_888)
    assert ledger.lost == {"boxes": ledger.read["boxes"] - ledger.kept["boxes"]}


def _many(folder: Path) -> None:
    for part in range(100):
        (folder / f"images/{part:02}").mkdir(parents=True)
        (folder / f"labels/{part:02}").mkdir(parents=True)
        for number in range(10):
            write(folder / f"images/{part:02}/{number}.jpg", b"")
            write(folder / f"labels/{part:02}/{number}.txt", LINE)


def test_detection_opens_few_files(tmp_path: Path, paths_given_to: Callable[[str], list[str]]) -> None:
    _many(tmp_path)
    opened = paths_given_to("open")
    intake = Intake(Folder(tmp_path), Options())
    assert intake.ledger.format == "yolo"
    assert len(opened) < 500


def test_a_sample_is_evenly_spaced() -> None:
    paths = [str(number) for number in range(95)]
    chosen = list(map(int, sample(paths)))
    assert len(chosen) == 48
    assert (chosen[0], max(b - a for a, b in pairwise(chosen))) == (0, 2)
    assert chosen[-1] > 90
    assert sample(paths[:48]) == paths[:48]


def test_all_metadata_files_are_read(tmp_path: Path) -> None:
    for number in range(130):
        put(tmp_path, f"{number:03}/a.png")
        write(tmp_path / f"{number:03}/metadata.csv", "file_name,label\na.png,cat\n")
    found, ledger = read(tmp_path)
    assert ledger.format == "imagefolder"
    assert ledger.about[0].endswith("130 files of metadata that name files")
    assert set(map(tuple, found.values())) == {("cat",)}


def test_all_lists_of_classes_are_read(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path / f"{number:02}/label_colors.txt", f"{number} 0 0 class {number}\n")
    assert len(lists_of_classes(Folder(tmp_path))) == 60


def _coco_of(folder: Path, pictures: list[str]) -> None:
    images = [{"id": number, "file_name": name} for number, name in enumerate(pictures)]
    boxes = [{"id": k, "image_id": k, "category_id": 1, "bbox": [1, 2, 10, 10]} for k in range(len(pictures))]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    write(folder / "instances.json", json.dumps(content))


def _labelstudio_of(folder: Path, pictures: list[str]) -> None:
    value = {"x": 1, "y": 1, "width": 10, "height": 10, "rectanglelabels": ["cat"]}
    result = {"id": "r", "type": "rectanglelabels", "from_name": "label", "to_name": "image", "value": value}
    tasks = [{"data": {"image": name}, "annotations": [{"result": [result]}]} for name in pictures]
    write(folder / "instances.json", json.dumps(tasks))


def _cvat_of(folder: Path, pictures: list[str]) -> None:
    shape = '<box label="cat" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    images = "".join(f'<image id="0" name="{name}">{shape}</image>' for name in pictures)
    write(folder / "instances.xml", f"<annotations>{images}</annotations>")


def _lines_of(folder: Path, pictures: list[str]) -> None:
    frames = [{"sources": [{"uri": f"file:///{name}"}]} for name in pictures]
    write(folder / "instances.jsonl", "\n".join(map(json.dumps, frames)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name", "other"),
    [
        (_coco_of, "coco", ".json"),
        (_labelstudio_of, "labelstudio", ".json"),
        (_cvat_of, "cvat", ".xml"),
        (_lines_of, "jsonl", ".jsonl"),
    ],
)
@pytest.mark.parametrize("first", ["", "x"])
def test_one_file_among_a_crowd_is_found(
    tmp_path: Path, make: Callable[[Path, list[str]], None], name: str, other: str, first: str
) -> None:
    pictures = [f"{number:03}.png" for number in range(200)]
    put(tmp_path, *pictures)
    make(tmp_path, pictures)
    for number in range(200):
        text = "<info/>" if other == ".xml" else '{"camera": "x"}'
        write(tmp_path / f"{first}{number:03}_info{other}", text)
    intake = Intake(Folder(tmp_path), Options())
    assert intake.ledger.format == name


def test_a_small_file_among_larger_ones_is_found(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    _coco_of(tmp_path, ["a.png"])
    for number in range(200):
        write(tmp_path / f"x{number:03}.json", json.dumps({"camera": "x" * 1_000}))
    assert Intake(Folder(tmp_path), Options()).ledger.format == "coco"


def test_many_files_of_one_format_are_all_counted(tmp_path: Path) -> None:
    for number in range(150):
        put(tmp_path, f"{number:03}/a.png")
        _coco_of(tmp_path / f"{number:03}", ["a.png"])
    intake = Intake(Folder(tmp_path), Options())
    assert intake.ledger.about[0] == "COCO: 150 JSON files that list 150 annotations of 150 pictures"


def test_one_table_among_a_crowd_is_found(tmp_path: Path) -> None:
    pa = module_of_dev("pyarrow")
    put(tmp_path, *(f"{number:03}.png" for number in range(200)))
    for number in range(200):
        pa.parquet.write_table(pa.table({"camera": ["x"]}), tmp_path / f"{number:03}_info.parquet")
    names = [f"{number:03}.png" for number in range(200)]
    pa.parquet.write_table(pa.table({"file_name": names, "label": names}), tmp_path / "instances.parquet")
    assert Intake(Folder(tmp_path), Options()).ledger.format == "parquet"


def test_tables_that_were_not_opened_are_counted(tmp_path: Path) -> None:
    pa = module_of_dev("pyarrow")
    put(tmp_path, *(f"{number:03}.png" for number in range(200)))
    for number in range(200):
        pa.parquet.write_table(pa.table({"file_name": [f"{number:03}.png"]}), tmp_path / f"{number:03}.parquet")
    assert Intake(Folder(tmp_path), Options()).ledger.about[0].endswith("200 tables")


def test_all_descriptions_are_read(tmp_path: Path) -> None:
    content = json.dumps({"@context": {"cr": "http://mlcommons.org/croissant/"}, "name": "x"})
    for number in range(120):
        write(tmp_path / f"{number:03}/metadata.json", content)
        write(tmp_path / f"{number:03}/other.json", '{"@type": "x"}')
    assert len(descriptions(Folder(tmp_path))) == 120


@pytest.mark.slow
def test_a_crowd_of_any_size_is_not_opened(tmp_path: Path, paths_given_to: Callable[[str], list[str]]) -> None:
    put(tmp_path, "a.png")
    _coco_of(tmp_path, ["a.png"] * 100)
    for number in range(2_000):
        write(tmp_path / f"{number:04}_info.json", '{"camera": "x"}')
    opened = paths_given_to("open")
    assert Intake(Folder(tmp_path), Options()).ledger.format == "coco"
    assert len(opened) < 1_000


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00\xd8\x41", b"\xfe\xff\xd8\x00", b"\xff\xfe", b"\xff\xff\x00", b"\x00"]
)
@pytest.mark.parametrize("name", [
    "x.jsonl", "x.json", "x.xml", "x.yaml", "x.names", "x.txt", "classes.txt", "x.csv", "metadata.csv", "x.parquet",
    "metadata.jsonl", "x.conll", "labelmap.txt", "labels/a.txt", "ImageSets/Main/train.txt", "x.data", "a.json",
    "class_dict.csv", "metadata.json", "x.feather", "Annotations/a.xml", "train.txt", "obj.data", "data.yaml",
])  # fmt: skip
def test_a_damaged_text_stops_no_run(tmp_path: Path, name: str, content: bytes) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / name, content)
    for format_name in ("auto", *registry.READ):
        try:
            found, _ = read(tmp_path, format_name)
        except InvalidArgument:
            continue
        assert {"a.jpg", "b.jpg"} >= found.keys() - {name}


@pytest.mark.parametrize("labels", [5, "cat", {"cat": 1}, [["cat"]], [{}], None])
def test_labels_that_are_no_list_of_texts_do_not_stop_a_choice_of_classes(tmp_path: Path, labels: Any) -> None:
    put(tmp_path, "a.png", "b.png")
    write(tmp_path / "a.json", json.dumps({"labels": labels, "annotations": [{"labels": labels}]}))
    write(tmp_path / "b.json", json.dumps({"labels": ["cat"]}))
    entries = Intake(Folder(tmp_path), Options("files", frozenset({"cat"}))).entries()
    assert [entry.path for entry in entries] == ["b.png"]
    frame = {"sources": [{"uri": "file:///a"}], "annotations": [{"labels": labels}]}
    write(tmp_path / "frames.jsonl", json.dumps(frame))
    assert not list(Intake(Folder(tmp_path), Options("jsonl", frozenset({"cat"}))).entries())


def test_a_cvat_file_may_have_the_name_of_a_picture(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (10, 10)).save(tmp_path / f"{name}.png")
        box = '<box label="car" xtl="1" ytl="1" xbr="4" ybr="3"/>'
        (tmp_path / f"{name}.xml").write_text(
            f'<annotations><image id="0" name="{name}.png" width="10" height="10">{box}</image></annotations>'
        )
    intake = Intake(Folder(tmp_path), Options())
    assert [len(entry.items) for entry in intake.entries()] == [1, 1]
    assert (intake.ledger.format, intake.finish().notes) == ("cvat", [])
