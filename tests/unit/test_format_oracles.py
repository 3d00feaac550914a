"""Other tools read what we write, and we read what they write: datumaro, pycocotools, mlcroissant."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import raster
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.registry import READ, WRITTEN
from hyperdatasets.formats.writing import Placed, Subject
from tests.conftest import module_of_dev
from tests.unit.annotation_tools import HEIGHT, WIDTH, ToFolder, picture, png, read_all

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
LABELS = {"cat": 1, "dog": 2, "bird": 3}
RING = [10.0, 10.0, 30.0, 10.0, 30.0, 25.0, 12.0, 26.0]
BOXES = [{"labels": ["cat"], "geometry": {"box": [1.0, 2.0, 10.0, 12.0]}},
         {"labels": ["bird"], "geometry": {"box": [30.0, 20.0, 5.5, 6.25]}}]  # fmt: skip
SHAPES = [*BOXES, {"labels": ["dog"], "geometry": {"polygon": [RING]}}]
SPLITS = ("train", "train", "val")
_BOXES_ONLY = {"voc_detection", "yolo", "yolo_ultralytics"}
Box = tuple[str, tuple[float, ...]]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """datumaro tells a lot."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def datumaro() -> Any:
    return module_of_dev("datumaro")


def written(
    folder: Path, form: str, annotations: list[dict[str, Any]], *, splits: tuple[str, ...] = SPLITS, **more: Any
) -> Ledger:
    """Pictures `0.png`, … with the same annotations each, as our writer has it."""
    ledger, output = Ledger(form, writes=True), ToFolder(folder)
    writer = WRITTEN[form].start(output, Subject("made", LABELS, **more), ledger)
    for number, split in enumerate(splits):
        source = {"uri": f"file:///{number}.png", "content_type": "image/png", "width": WIDTH, "height": HEIGHT}
        name = f"{WRITTEN[form].pictures}/{number}.png".lstrip("/")
        picture(folder / name)
        writer.add(Placed(normalise({"sources": [source], "annotations": annotations})[0], {"default": name}, split))
    writer.finish()
    output.close()
    assert ledger.complete
    return ledger


def rounded(numbers: Any) -> tuple[float, ...]:
    return tuple(round(float(number), 3) for number in numbers)


def their_boxes(items: Any, labels: list[str]) -> dict[str, list[Box]]:
    """Last part of an item's id -> label and corners of each shape, as datumaro read it."""
    found: dict[str, list[Box]] = {}
    for item in items:
        of = found.setdefault(item.id.rpartition("/")[2], [])
        for each in item.annotations:
            x, y, width, height = each.get_bbox()
            of.append((labels[each.label], rounded((x, y, width, height))))
    return {name: sorted(set(boxes)) for name, boxes in found.items()}


def our_boxes(frames: dict[str, dict[str, Any]]) -> dict[str, list[Box]]:
    """The same of what we read."""
    return {
        Path(path).stem: sorted({
            (each["labels"][0], rounded(bounding_box(each["geometry"]) or ()))
            for each in frame.get("annotations", ()) if "mask" not in each["geometry"]
        })
        for path, frame in frames.items()
    }  # fmt: skip


def boxes_of(annotations: list[dict[str, Any]]) -> list[Box]:
    return sorted((each["labels"][0], rounded(bounding_box(each["geometry"]) or ())) for each in annotations)


# --- datumaro reads what we write ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "reader", "annotations", "splits"),
    [
        ("coco", "coco", SHAPES, SPLITS),
        ("coco", "coco_instances", SHAPES, SPLITS),
        ("voc", "voc_detection", SHAPES, SPLITS),
        ("yolo", "yolo", BOXES, SPLITS),
        ("cvat", "cvat", SHAPES, ("", "", "")),  # datumaro wants a file called like its subset
    ],
)
def test_datumaro_reads_the_boxes_and_polygons_that_we_write(
    tmp_path: Path, form: str, reader: str, annotations: list[dict[str, Any]], splits: tuple[str, ...]
) -> None:
    dm = datumaro()
    written(tmp_path, form, annotations, splits=splits)
    found = dm.Dataset.import_from(str(tmp_path), reader)
    labels = [each.name for each in found.categories()[dm.AnnotationType.label]]
    items = [item for item in found if item.subset != "trainval"]
    assert len(items) == len(SPLITS)
    assert their_boxes(items, labels) == {str(number): boxes_of(annotations) for number in range(len(SPLITS))}
    if form in {"coco", "voc"}:
        assert sorted(item.subset for item in items) == sorted(SPLITS)
    kinds = [each.type.name for item in items for each in item.annotations]
    assert kinds.count("polygon") == (len(SPLITS) if form in {"coco", "cvat"} else 0)


def test_each_shape_of_cvat_says_whether_it_is_occluded(tmp_path: Path) -> None:
    """CVAT's own loader fails without the attribute."""
    ellipse = {"labels": ["cat"], "geometry": {"ellipse": [20, 15, 5, 3, 0]}}
    points = {"labels": ["cat"], "geometry": {"keypoints": [1.0, 2.0, 3.0, 4.0]}}
    written(tmp_path, "cvat", [*SHAPES, ellipse, points])
    shapes = re.findall(r"<(?:box|polygon|ellipse|points) [^>]*>", (tmp_path / "annotations.xml").read_text())
    assert len(shapes) == 5 * len(SPLITS)
    assert all(' occluded="0"' in each for each in shapes)


def test_datumaro_reads_labels_that_voc_does_not_have(tmp_path: Path) -> None:
    """It refuses labels that no label map names."""
    dm = datumaro()
    trees = [{**box, "labels": [label]} for box, label in zip(BOXES, ("oak tree", "house"), strict=True)]
    written(tmp_path, "voc", trees)
    found = dm.Dataset.import_from(str(tmp_path), "voc_detection")
    labels = [each.name for each in found.categories()[dm.AnnotationType.label]]
    assert their_boxes(found, labels) == {str(number): boxes_of(trees) for number in range(len(SPLITS))}


def test_datumaro_reads_our_masks_of_voc(tmp_path: Path) -> None:
    """Labels that VOC does not have come from the label map that we write."""
    dm = datumaro()
    named = {"_all_": [{"value": [0, 0, 0], "labels": ["background"]}, {"value": [9, 8, 7], "labels": ["dog"]},
                       {"value": [1, 2, 3], "labels": ["cat"]}, {"value": [3, 3, 3], "labels": ["bird"]}]}  # fmt: skip
    written(tmp_path, "voc", BOXES, mask_labels=named)
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[2:9, 3:30] = (9, 8, 7)
    raster_path = tmp_path / "SegmentationClass" / "0.png"
    raster_path.parent.mkdir()
    raster_path.write_bytes(png(pixels, "RGB"))
    (tmp_path / "ImageSets" / "Segmentation").mkdir()
    (tmp_path / "ImageSets" / "Segmentation" / "train.txt").write_text("0\n")
    found = dm.Dataset.import_from(str(tmp_path), "voc_segmentation")
    labels = [each.name for each in found.categories()[dm.AnnotationType.label]]
    (item,) = list(found)
    (mask,) = [each for each in item.annotations if labels[each.label] == "dog"]
    assert mask.get_area() == 7 * 27


# --- we read what datumaro writes ---------------------------------------------------------------------------------


def their_dataset(dm: Any, *, masks: bool) -> Any:
    items = []
    for number, split in enumerate(SPLITS):
        bitmap = np.zeros((HEIGHT, WIDTH), bool)
        bitmap[5:15, 5 + number : 20] = True
        annotations = [
            dm.Bbox(1 + number, 2, 10, 12, label=0, id=1, group=1),
            dm.Bbox(30, 20, 5.5, 6.25, label=2, id=2, group=2),
            dm.Polygon([10, 10, 30, 10, 30, 25 + number, 12, 26], label=1, id=3, group=3),
            *([dm.Mask(bitmap, label=2, id=4, group=4)] if masks else []),
        ]
        pixels = np.full((HEIGHT, WIDTH, 3), 20 * number, np.uint8)
        media = dm.Image.from_numpy(data=pixels)
        items.append(dm.DatasetItem(id=f"pic{number}", subset=split, media=media, annotations=annotations))
    return dm.Dataset.from_iterable(items, categories=list(LABELS))


@pytest.mark.parametrize(
    ("writer", "form"),
    [
        ("coco", "coco"),
        ("coco_instances", "coco"),
        ("voc_detection", "voc"),
        ("yolo", "yolo"),
        ("yolo_ultralytics", "yolo"),
        ("cvat", "cvat"),
        ("label_me", "voc"),
    ],
)
def test_we_read_the_boxes_and_polygons_that_datumaro_writes(tmp_path: Path, writer: str, form: str) -> None:
    dm = datumaro()
    theirs = their_dataset(dm, masks=False)
    theirs.export(str(tmp_path), writer, save_media=True)
    found, ledger = read_all(tmp_path, READ[form])
    assert len(found) == len(SPLITS)
    assert not ledger.lost
    read = our_boxes(found)
    for name, boxes in their_boxes(theirs, list(LABELS)).items():
        kept = [box for box in boxes if box[0] != "dog" or writer not in _BOXES_ONLY]
        assert [label for label, _ in read[name]] == [label for label, _ in kept]
        for (_, one), (_, other) in zip(read[name], kept, strict=True):
            assert one == pytest.approx(other, abs=1e-3 if form == "yolo" else 1e-6)
    if writer != "cvat":  # datumaro's file has no subsets
        splits = sorted(frame["meta"]["split"] for frame in found.values())
        assert splits == sorted(SPLITS)


@pytest.mark.parametrize(("writer", "form"), [("coco_instances", "coco"), ("cvat", "cvat")])
def test_masks_of_datumaro_have_the_same_pixels(tmp_path: Path, writer: str, form: str) -> None:
    dm = datumaro()
    theirs = their_dataset(dm, masks=True)
    theirs.export(str(tmp_path), writer, save_media=True)
    found, ledger = read_all(tmp_path, READ[form])
    assert not ledger.lost
    for item in theirs:
        (path,) = [path for path in found if Path(path).stem == item.id]
        (mask,) = [each for each in item.annotations if each.type.name == "mask"]
        rings = [
            each["geometry"]["polygon"] for each in found[path]["annotations"]
            if each["labels"] == ["bird"] and "polygon" in each["geometry"]
        ]  # fmt: skip
        (ring,) = rings
        assert np.array_equal(raster.bitmap_of(ring, WIDTH, HEIGHT).astype(bool), mask.image)


@pytest.mark.parametrize("writer", ["voc", "camvid", "cityscapes", "label_me", "coco_panoptic"])
def test_mask_pictures_of_datumaro_belong_to_their_pictures(tmp_path: Path, writer: str) -> None:
    dm = datumaro()
    their_dataset(dm, masks=True).export(str(tmp_path), writer, save_media=True)
    form = {"camvid": "masks", "cityscapes": "masks", "coco_panoptic": "coco"}.get(writer, "voc")
    found, _ = read_all(tmp_path, READ[form])
    assert len(found) == len(SPLITS)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")} - found.keys()
    masks = [
        mask["uri"].removeprefix("file:") for frame in found.values() for mask in frame["sources"][0].get("masks", ())
    ]
    assert sorted(masks) == sorted(files)
    assert masks
    for path, frame in found.items():
        number = next(part for part in Path(path).stem.split("_") if part.startswith("pic"))
        assert all(number in mask["uri"] for mask in frame["sources"][0]["masks"])


# --- pycocotools --------------------------------------------------------------------------------------------------


def coco_of(folder: Path, annotations: list[dict[str, Any]]) -> COCO:
    written(folder, "coco", annotations, splits=("",))
    return COCO(str(folder / "annotations" / "instances.json"))


def test_pycocotools_draws_our_polygons(tmp_path: Path) -> None:
    """Area of the mask that it draws, that our own raster has, and that the file says."""
    square = [[4.0, 4.0, 24.0, 4.0, 24.0, 24.0, 4.0, 24.0]]
    hole = [*square, [9.0, 9.0, 19.0, 9.0, 19.0, 19.0, 9.0, 19.0]]
    parts = [[1.0, 1.0, 6.0, 1.0, 6.0, 6.0, 1.0, 6.0], [30.0, 20.0, 36.0, 20.0, 36.0, 28.0, 30.0, 28.0]]
    given = {"cat": square, "dog": hole, "bird": parts}
    coco = coco_of(tmp_path, [{"labels": [label], "geometry": {"polygon": rings}} for label, rings in given.items()])
    drawn = {coco.cats[each["category_id"]]["name"]: each for each in coco.loadAnns(coco.getAnnIds())}
    for label, rings in given.items():
        mask = coco.annToMask(drawn[label])
        assert int(mask.sum()) == drawn[label]["area"]
        assert np.array_equal(mask.astype(bool), raster.bitmap_of(rings, WIDTH, HEIGHT).astype(bool))


def test_pycocotools_knows_our_crowds(tmp_path: Path) -> None:
    crowd = {"labels": ["cat"], "geometry": {"polygon": [RING]}, "meta": {"iscrowd": 1, "encoding": "run length"}}
    coco = coco_of(tmp_path, [crowd, *BOXES])
    assert [each["category_id"] for each in coco.loadAnns(coco.getAnnIds(iscrowd=True))] == [LABELS["cat"]]
    assert len(coco.getAnnIds(iscrowd=False)) == 2
    (found,) = coco.loadAnns(coco.getAnnIds(iscrowd=True))
    assert int(coco.annToMask(found).sum()) == int(raster.bitmap_of([RING], WIDTH, HEIGHT).sum())


def test_pycocotools_scores_our_own_boxes_and_key_points_as_perfect(tmp_path: Path) -> None:
    points = {"labels": ["cat"], "geometry": {"keypoints": [float(n % 30) for n in range(34)]}}
    coco = coco_of(tmp_path, [*BOXES, points])
    everything = coco.loadAnns(coco.getAnnIds())
    (found,) = [each for each in everything if "keypoints" in each]
    assert (len(found["keypoints"]), found["num_keypoints"]) == (51, 17)
    assert len(coco.cats[LABELS["cat"]]["keypoints"]) == 17
    for kind, of in (("bbox", everything), ("keypoints", [found])):
        results = [{**each, "score": 0.9} for each in of]
        (tmp_path / "results.json").write_text(json.dumps(results))
        scored = COCOeval(coco, coco.loadRes(str(tmp_path / "results.json")), kind)
        if kind == "keypoints":
            scored.params.catIds = [LABELS["cat"]]
            for each in coco.dataset["annotations"]:
                each.setdefault("num_keypoints", 0)
                each.setdefault("keypoints", [0] * 51)
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
        assert scored.stats[0] == pytest.approx(1)


# --- Croissant ----------------------------------------------------------------------------------------------------


def test_mlcroissant_validates_and_loads_our_croissant(tmp_path: Path) -> None:
    mlc = module_of_dev("mlcroissant")
    written(tmp_path, "croissant", SHAPES)
    dataset = mlc.Dataset(jsonld=str(tmp_path / "metadata.json"))
    assert not dataset.metadata.ctx.issues.errors
    (records_of,) = dataset.metadata.record_sets
    records = list(dataset.records(record_set=records_of.uuid))
    assert len(records) == len(SPLITS)
    lines = [json.loads(line) for line in next(tmp_path.glob("*.jsonl")).read_text().splitlines()]
    ids = {next(value for name, value in record.items() if name.endswith("id")) for record in records}
    assert {each.decode() if isinstance(each, bytes) else each for each in ids} == {line["id"] for line in lines}
