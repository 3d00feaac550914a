"""Layouts as people have them: Pascal VOC."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reference.layouts import (
    ACTIONS,
    HEIGHT,
    PART,
    REPEATED,
    REST,
    ROBOFLOW,
    VOC_2012_LISTS,
    WIDTH,
    hashed,
    object_of,
    of_roboflow,
    picture,
    put,
    saved,
    seen,
    voc_of,
)


def test_voc_2012(tmp_path: Path) -> None:
    """More lists than pictures, in three folders that might be labels."""
    objects = {
        "2007_000032": object_of("aeroplane", (5, 5, 30, 20)) + object_of("person", (10, 9, 20, 40), PART),
        "2008_000008": object_of("horse", (2, 2, 30, 30), "\t\t<occluded>1</occluded>\n"),
        "2010_006215": object_of("person", (3.5, 4.5, 30, 30), ACTIONS),
        "2011_000999": object_of("dog", (1, 1, 9, 9)),
    }
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    classes[5:20, 5:30], classes[30:40, 10:20] = 1, 15
    palette = [0] * 768
    palette[3:6], palette[45:48], palette[765:] = [128, 0, 0], [192, 128, 128], [224, 224, 192]
    files: dict[str, Any] = {f"ImageSets/{name}": content for name, content in VOC_2012_LISTS.items()}
    for name, content in objects.items():
        files |= {f"JPEGImages/{name}.jpg": None, f"Annotations/{name}.xml": voc_of(f"{name}.jpg", content)}
    for kind in ("SegmentationClass", "SegmentationObject"):
        files[f"{kind}/2007_000032.png"] = saved(classes, palette)
    found = seen(put(tmp_path, {f"VOCdevkit/VOC2012/{name}": content for name, content in files.items()}))
    assert found.ledger.format == "voc"
    assert found.kinds == {"boxes": 5}
    assert found.labels == {"aeroplane": 1, "person": 2, "horse": 1, "dog": 1}
    assert found.splits == {"train": 2, "val": 2}
    root = "VOCdevkit/VOC2012"
    assert found.masks(f"{root}/JPEGImages/2007_000032.jpg") == {
        kind: f"{root}/{kind}/2007_000032.png" for kind in ("SegmentationClass", "SegmentationObject")
    }
    assert found.mask_labels["SegmentationClass"][128, 0, 0] == ["aeroplane"]
    assert found.meta(f"{root}/JPEGImages/2008_000008.jpg", "horse")["occluded"] is True
    jumping = found.meta(f"{root}/JPEGImages/2010_006215.jpg", "person")
    assert jumping["actions"] == {"jumping": True, "phoning": False}
    assert jumping["point"] == {"x": "20", "y": "22"}
    first = f"{root}/JPEGImages/2007_000032.jpg"
    assert found.geometries(first) == [("aeroplane", {"box": [5, 5, 25, 15]}), ("person", {"box": [10, 9, 10, 31]})]
    assert found.meta(first, "person")["parts"] == [{"name": "head", "box": [12, 10, 6, 6]}]
    assert found.told("lost") == {}
    assert found.told("skipped") == {
        "lists of the pictures of one class; the objects of the pictures say the same": 3, REPEATED: 12,
    }  # fmt: skip


def test_voc_2007_of_trainval_and_test(tmp_path: Path) -> None:
    owner = "\t<owner>\n\t\t<flickrid>archintent louisville</flickrid>\n\t\t<name>?</name>\n\t</owner>\n"
    chairs = object_of("chair", (5, 5, 30, 20)) + object_of("chair", (1, 1, 3, 4))
    files: dict[str, Any] = {
        "ImageSets/Main/train.txt": "000005\n",
        "ImageSets/Main/val.txt": "000007\n",
        "ImageSets/Main/trainval.txt": "000005\n000007\n",
        "ImageSets/Main/test.txt": "000001\n000002\n",
        "ImageSets/Main/chair_trainval.txt": "000005  1\n000007 -1\n",
        "ImageSets/Main/chair_test.txt": "000001  1\n000002  1\n",
        "ImageSets/Layout/test.txt": "000001\n",
    }
    for name in ("000001", "000002", "000005", "000007"):
        files |= {f"JPEGImages/{name}.jpg": None, f"Annotations/{name}.xml": voc_of(f"{name}.jpg", chairs, more=owner)}
    found = seen(put(tmp_path, {f"VOCdevkit/VOC2007/{name}": content for name, content in files.items()}))
    assert (found.ledger.format, found.kinds, found.labels) == ("voc", {"boxes": 8}, {"chair": 8})
    assert found.splits == {"train": 1, "val": 1, "test": 2}
    assert all(frame["meta"]["owner"]["flickrid"] == "archintent louisville" for frame in found.frames.values())
    assert found.ledger.complete


def test_voc_of_roboflow(tmp_path: Path) -> None:
    files: dict[str, Any] = of_roboflow()
    for split, count in ROBOFLOW.items():
        for name in hashed(split, count):
            xml = voc_of(name, object_of("helmet", (11, 5, 21, 25)), folder="", database="roboflow.com")
            files |= {f"{split}/{name}": None, f"{split}/{name[:-4]}.xml": xml}
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, found.kinds, found.labels) == ("voc", {"boxes": 6}, {"helmet": 6})
    assert found.splits == {"train": 3, "val": 2, "test": 1}
    assert found.ledger.complete
    assert found.told("skipped")[REST] == 2


def test_voc_of_labelimg(tmp_path: Path) -> None:
    files: dict[str, Any] = {"IMG_0003.jpg": None, "predefined_classes.txt": "dog\nperson\n"}
    for name in ("IMG_0001", "IMG 0002"):
        path = f"\t<path>C:\\Users\\me\\photos\\{name}.jpg</path>\n"
        xml = voc_of(f"{name}.jpg", object_of("dog", (10, 5, 30, 25)), folder="photos", database="Unknown", more=path)
        files |= {f"{name}.jpg": None, f"{name}.xml": xml}
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, len(found.frames)) == ("voc", 3)
    assert found.geometries("IMG 0002.jpg") == [("dog", {"box": [10, 5, 20, 20]})]
    assert found.geometries("IMG_0003.jpg") == []
    assert found.ledger.complete
    assert found.told("skipped")[REST] == 1


def test_voc_of_cvat(tmp_path: Path) -> None:
    attributes = "\t\t<attributes><attribute><name>rotation</name><value>0.0</value></attribute></attributes>\n"
    files: dict[str, Any] = {
        "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\ndog:51,221,255:head:\n",
        "ImageSets/Main/default.txt": "a\nb\n",
        "ImageSets/Main/cat_default.txt": "a 1\nb -1\n",
        "SegmentationClass/a.png": picture("PNG", value=250),
    }
    for name in "ab":
        xml = voc_of(
            f"{name}.jpg", object_of("cat", (10.5, 5.25, 20.5, 15.25), attributes), folder="", database="Unknown"
        )
        files |= {f"JPEGImages/{name}.jpg": None, f"Annotations/{name}.xml": xml}
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, found.kinds, found.labels) == ("voc", {"boxes": 2}, {"cat": 2})
    assert found.splits == {"": 2}, "neither `default` nor the list of a class is a split"
    assert found.masks("JPEGImages/a.jpg") == {"SegmentationClass": "SegmentationClass/a.png"}
    assert found.mask_labels == {
        "SegmentationClass": {(0, 0, 0): ["background"], (250, 50, 83): ["cat"], (51, 221, 255): ["dog"]}
    }
    assert not any("ignored" in sentence for sentence in found.ledger.about)
    assert found.ledger.complete


def test_imagenet_with_boxes(tmp_path: Path) -> None:
    """`filename` has no suffix; train lies by class, val and test do not; most pictures have no box."""
    top = "ILSVRC/Data/CLS-LOC"
    files: dict[str, Any] = {
        f"{top}/test/ILSVRC2012_test_00000001.JPEG": None,
        "ILSVRC/ImageSets/CLS-LOC/train_loc.txt": "n01440764/n01440764_10026 1\n",
        "ILSVRC/ImageSets/CLS-LOC/val.txt": "ILSVRC2012_val_00000001 1\n",
        "LOC_synset_mapping.txt": "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n",
        "LOC_train_solution.csv": "ImageId,PredictionString\nn01440764_10026,n01440764 13 7 50 40\n",
    }
    for name in ("train/n01440764/n01440764_10026", "train/n01443537/n01443537_10026", "val/ILSVRC2012_val_00000001"):
        *_, folder, bare = name.split("/")
        xml = voc_of(bare, object_of("n01440764", (13, 7, 50, 40)), folder=folder, database="ILSVRC_2012")
        files |= {f"{top}/{name}.JPEG": None, f"ILSVRC/Annotations/CLS-LOC/{name}.xml": xml}
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, found.kinds) == ("voc", {"boxes": 3})
    assert found.splits == {"train": 2, "val": 1, "test": 1}
    assert found.told("skipped") == {REPEATED: 9, REST: 4}


def test_bccd(tmp_path: Path) -> None:
    """364 pictures, copied with 40 of them so that the test is quick."""
    source = Path(__file__).parents[3] / "shared" / "data" / "bccd"
    if not source.is_dir():
        pytest.skip("BCCD is not here")
    counted: Counter[str] = Counter()
    for xml in sorted((source / "Annotations").iterdir())[:40]:
        counted.update(re.findall(r"<name>(.+?)</name>", xml.read_text()))
        put(tmp_path, {
            f"BCCD/Annotations/{xml.name}": xml.read_bytes(),
            f"BCCD/JPEGImages/{xml.stem}.jpg": (source / "JPEGImages" / f"{xml.stem}.jpg").read_bytes(),
        })  # fmt: skip
    found = seen(tmp_path)
    assert (found.ledger.format, len(found.frames)) == ("voc", 40)
    assert found.labels == counted
    assert found.ledger.complete
