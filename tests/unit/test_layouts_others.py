"""Layouts as people have them: annotation tools, folders, masks, texts, sounds, scans and tables."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.formats.files import TABLE
from tests.reference.layouts import (
    CONLL,
    CVAT,
    CVAT_IMAGES,
    HEIGHT,
    JUNK,
    LINES,
    NO_COLOURS,
    OTHER_FORMAT,
    REST,
    WIDTH,
    dicom_of,
    object_of,
    picture,
    put,
    seen,
    shape_of,
    voc_of,
    wave_of,
)


def test_labelme(tmp_path: Path) -> None:
    document = {"version": "5.5.0", "flags": {}, "imageHeight": HEIGHT, "imageWidth": WIDTH}
    shapes = [
        shape_of("person", [[10.0, 5.5], [20.0, 5.0], [22.0, 30.0]], "polygon"),
        shape_of("bottle", [[30, 30], [40, 44]], "rectangle"),
        shape_of("bottle", [[10, 10], [13, 14]], "circle"),
        shape_of("nose", [[5, 5]], "point"),
        shape_of("edge", [[5, 5], [7, 9]], "line"),
    ]
    inside = base64.b64encode(picture("JPEG")).decode()
    other = [shape_of("person", [[1, 1], [9, 1], [9, 9]], "polygon")]
    found = seen(put(tmp_path, {
        "2011_000003.jpg": None, "2011_000006.jpg": None, "labels.txt": "__ignore__\n_background_\nperson\nbottle\n",
        "2011_000003.json": {**document, "shapes": shapes, "imagePath": "2011_000003.jpg", "imageData": inside},
        "2011_000006.json": {**document, "shapes": other, "imagePath": "..\\imgs\\2011_000006.jpg", "imageData": None},
    }))  # fmt: skip
    assert (found.ledger.format, len(found.frames)) == ("labelme", 2)
    assert found.kinds == {"polygons": 2, "boxes": 1, "ellipses": 1, "key points": 2}
    assert found.labels == {"person": 2, "bottle": 2, "nose": 1, "edge": 1}
    assert found.ledger.complete
    assert (found.told("noticed"), found.told("skipped")) == ({LINES: 1}, {REST: 1})


def test_cvat_for_images(tmp_path: Path) -> None:
    xml = CVAT.format(size=2, mode="annotation", more="", body=CVAT_IMAGES)
    found = seen(put(tmp_path, {"images/a.jpg": None, "images/sub/b.jpg": None, "annotations.xml": xml}))
    assert (found.ledger.format, len(found.frames)) == ("cvat", 2)
    assert found.kinds == {"boxes": 1, "polygons": 2, "labels": 1, "key points": 3, "ellipses": 1}
    assert found.labels == {"car": 7, "night": 1}
    boxes = [each for each in found.frames["images/a.jpg"]["annotations"] if "box" in each.get("geometry", {})]
    assert [(each["geometry"]["box"], each["meta"]["parked"]) for each in boxes] == [([10.5, 5, 10, 10], True)]
    assert found.ledger.complete
    assert found.told("noticed") == {LINES: 1}


def test_cvat_for_video(tmp_path: Path) -> None:
    """On the last frame the object has left the picture."""
    boxes = "".join(
        f'    <box frame="{n}" keyframe="{int(n != 1)}" outside="{int(n == 3)}" occluded="0" xtl="{10 + n}.00" '
        f'ytl="5.00" xbr="{20 + n}.00" ybr="15.00" z_order="0">\n    </box>\n'
        for n in range(4)
    )
    more = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size><source>clip.mp4</source>"
    track = f'  <track id="0" label="car" source="manual">\n{boxes}  </track>'
    xml = CVAT.format(size=4, mode="interpolation", more=more, body=track)
    found = seen(put(tmp_path, {**{f"images/frame_{n:06}.png": None for n in range(4)}, "annotations.xml": xml}))
    assert (found.ledger.format, len(found.frames), found.kinds) == ("cvat", 4, {"boxes": 3})
    assert found.geometries("images/frame_000002.png") == [("car", {"box": [12, 5, 10, 10]})]
    assert found.geometries("images/frame_000003.png") == []
    assert {frame["context_id"] for path, frame in found.frames.items() if "3.png" not in path} == {"street"}
    assert found.ledger.complete


def test_label_studio(tmp_path: Path) -> None:
    shared = {
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "to_name": "image",
        "origin": "manual",
    }
    corner = {"x": 12.5, "y": 25.0, "width": 25.0, "height": 50.0, "rotation": 0}
    ring = {"points": [[0, 0], [50, 0], [50, 50]], "closed": True, "polygonlabels": ["Road"]}
    results: list[dict[str, Any]] = [
        {
            **shared,
            "id": "a1",
            "from_name": "label",
            "type": "rectanglelabels",
            "value": {**corner, "rectanglelabels": ["Car"]},
        },
        {**shared, "id": "a2", "from_name": "poly", "type": "polygonlabels", "value": ring},
        {
            "id": "a3",
            "from_name": "time",
            "to_name": "image",
            "type": "choices",
            "origin": "manual",
            "value": {"choices": ["day"]},
        },
    ]
    tasks = [
        {"id": number, "data": {"image": f"/data/upload/1/{name}"}, "file_upload": name, "drafts": [], "meta": {},
         "predictions": [], "created_at": "2024-03-01T09:00:00.000000Z", "inner_id": number, "project": 1,
         "annotations": [{"id": number, "completed_by": 1, "result": found, "was_cancelled": False, "prediction": {},
                          "ground_truth": False, "lead_time": 12.5, "unique_id": "9d5f0c9c-5a7b-4e4f-8d0d-0a0a0a0a"}]}
        for number, (name, found) in enumerate({"3f2a1b4c-a.jpg": results, "9f2a1b4c-b.jpg": results[:1]}.items())
    ]  # fmt: skip
    found = seen(put(tmp_path, {
        "images/3f2a1b4c-a.jpg": None, "images/9f2a1b4c-b.jpg": None,
        "project-1-at-2024-03-01-10-00-3f2a1b4c.json": tasks,
    }))  # fmt: skip
    assert (found.ledger.format, len(found.frames)) == ("labelstudio", 2)
    assert found.kinds == {"boxes": 2, "polygons": 1, "labels": 1}
    assert found.labels == {"Car": 2, "Road": 1, "day": 1}
    assert found.geometries("images/9f2a1b4c-b.jpg") == [("Car", {"box": [8, 12, 16, 24]})]
    assert found.ledger.complete


def test_imagenet(tmp_path: Path) -> None:
    found = seen(put(tmp_path, dict.fromkeys((
        "train/n01440764/n01440764_10026.JPEG", "train/n01440764/n01440764_10027.JPEG",
        "train/n01443537/n01443537_10007.JPEG", "val/n01440764/ILSVRC2012_val_00000293.JPEG",
        "val/n01443537/ILSVRC2012_val_00000236.JPEG",
    ), None)))  # fmt: skip
    assert found.ledger.format == "imagefolder"
    assert (found.kinds, found.labels) == ({"labels": 5}, {"n01440764": 3, "n01443537": 2})
    assert found.splits == {"train": 3, "val": 2}
    assert not found.ledger.notes


def test_hugging_face_image_folder(tmp_path: Path) -> None:
    rows = [
        {
            "file_name": "0001.png",
            "text": "a retriever",
            "objects": {"bbox": [[30.0, 10.0, 6.0, 7.0]], "categories": [0]},
        },
        {
            "file_name": "0002.png",
            "text": "a shepherd",
            "objects": {"bbox": [[5, 5, 10, 7], [1, 1, 2, 2]], "categories": [1, 0]},
        },
    ]
    found = seen(put(tmp_path, {
        "README.md": "---\nlicense: mit\n---\n", "train/0001.png": None, "train/0002.png": None, "test/0003.png": None,
        "train/metadata.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "test/metadata.jsonl": '{"file_name": "0003.png", "text": "one cat"}\n',
    }))  # fmt: skip
    assert (found.ledger.format, found.kinds) == ("imagefolder", {"boxes": 3})
    assert found.labels == {"0": 2, "1": 1}
    assert found.splits == {"train": 2, "test": 1}
    assert found.ledger.kept["captions"] == 3
    assert found.told("noticed") == {"labels that are numbers, kept as text: no list of names is known": 3}
    assert found.told("skipped") == {REST: 1}


def test_camvid_of_cambridge(tmp_path: Path) -> None:
    """The two folders are called neither pictures nor masks; only the names of the files tell."""
    files: dict[str, Any] = {"label_colors.txt": "64 128 64\tAnimal\n192 0 128\tArchway\n0 0 0\tVoid\n"}
    for name in ("0001TP_006690", "0001TP_006720", "0016E5_07959"):
        files[f"701_StillsRaw_full/{name}.png"] = None
        files[f"LabeledApproved_full/{name}_L.png"] = picture("PNG", value=64)
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, len(found.frames), found.kinds) == ("masks", 3, {})
    assert found.masks("701_StillsRaw_full/0016E5_07959.png") == {"L": "LabeledApproved_full/0016E5_07959_L.png"}
    assert found.mask_labels == {"L": {(64, 128, 64): ["Animal"], (192, 0, 128): ["Archway"], (0, 0, 0): ["Void"]}}
    assert not found.ledger.notes


def test_camvid_of_segnet(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for split, names in {
        "train": ("0001TP_006690", "0001TP_006720"),
        "val": ("0016E5_07959",),
        "test": ("Seq05VD_f00000",),
    }.items():
        for name in names:
            files |= {f"{split}/{name}.png": None, f"{split}annot/{name}.png": picture("PNG", mode="L")}
        files[f"{split}.txt"] = "".join(
            f"/SegNet/CamVid/{split}/{n}.png /SegNet/CamVid/{split}annot/{n}.png\n" for n in names
        )
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, found.splits) == ("masks", {"train": 2, "val": 1, "test": 1})
    assert found.masks("val/0016E5_07959.png") == {"annot": "valannot/0016E5_07959.png"}
    assert (found.told("noticed"), found.told("skipped")) == ({NO_COLOURS: 1}, {REST: 3})


def test_cityscapes(tmp_path: Path) -> None:
    """Pictures lie by city, which is no label."""
    polygons = {
        "imgHeight": HEIGHT,
        "imgWidth": WIDTH,
        "objects": [{"label": "road", "polygon": [[0, 20], [60, 20], [60, 40]]}],
    }
    files: dict[str, Any] = {"README": "x", "license.txt": "x"}
    for folder in ("train/aachen", "train/zurich", "val/frankfurt", "test/berlin"):
        for number in range(2):
            name = f"{folder.partition('/')[2]}_00000{number}_000019"
            files[f"leftImg8bit/{folder}/{name}_leftImg8bit.png"] = None
            for kind in ("color", "instanceIds", "labelIds"):
                files[f"gtFine/{folder}/{name}_gtFine_{kind}.png"] = picture("PNG", mode="L")
            files[f"gtFine/{folder}/{name}_gtFine_polygons.json"] = polygons
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, len(found.frames), found.kinds) == ("masks", 8, {})
    assert found.splits == {"train": 4, "val": 2, "test": 2}
    assert {kind for path in found.frames for kind in found.masks(path)} == {
        "gtFine_color",
        "gtFine_instanceIds",
        "gtFine_labelIds",
    }
    assert found.ledger.kept["masks"] == 24
    assert found.told("skipped") == {REST: 10}
    assert "polygons.json" in found.ledger.about[1]


def test_oxford_pets(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "annotations/README": "x",
        "annotations/trainval.txt": "Abyssinian_1 1 1 1\nbeagle_10 5 2 1\n",
    }
    listed = ["#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids"]
    for name, breed, species in (("Abyssinian_1", 1, "cat"), ("Abyssinian_2", 1, "cat"), ("beagle_10", 5, "dog")):
        files |= {f"images/{name}.jpg": None, f"annotations/trimaps/{name}.png": picture("PNG", mode="L", value=1)}
        files[f"annotations/trimaps/._{name}.png"] = b"\0\5\x16\7"
        listed.append(f"{name} {breed} {1 if species == 'cat' else 2} 1")
        if name != "Abyssinian_2":
            xml = voc_of(
                f"{name}.jpg", object_of(species, (33, 12, 50, 40)), folder="OXIIIT", database="OXFORD-IIIT Pet Dataset"
            )
            files[f"annotations/xmls/{name}.xml"] = xml
    files["annotations/list.txt"] = "\n".join(listed) + "\n"
    root = put(tmp_path, files)
    found = seen(root)
    assert (found.ledger.format, len(found.frames), found.kinds) == ("masks", 3, {})
    assert found.masks("images/beagle_10.jpg") == {"trimaps": "annotations/trimaps/beagle_10.png"}
    assert found.told("lost") == {OTHER_FORMAT: 2}
    assert found.told("skipped") == {JUNK: 3, REST: 3}
    assert "2 XML files beside their pictures (Pascal VOC)" in found.ledger.about[1]
    added = seen(root, "voc")
    assert added.labels == {"cat": 1, "dog": 1}


def test_conll_2003(tmp_path: Path) -> None:
    found = seen(put(tmp_path, dict.fromkeys(("eng.train", "eng.testa", "eng.testb"), CONLL)))
    assert (found.ledger.format, found.splits) == ("conll", {"train": 2, "val": 2, "test": 2})
    assert found.labels == {"ORG": 3, "MISC": 3, "PER": 6}
    assert found.kinds == {"spans": 12}
    for key, frame in found.frames.items():
        start = int(key.partition("#char=")[2].partition(",")[0])
        for each in frame["annotations"]:
            first, last = (start + place for place in each["geometry"]["span"])
            assert " ".join(line.split()[0] for line in CONLL[first:last].splitlines()) == each["meta"]["text"]
    assert found.ledger.lost == {"table cells": 3 * 9 * 2}, "part of speech and chunk of nine tokens in three files"


def test_esc_50(tmp_path: Path) -> None:
    """Its table is in no layout that is read: that is said, and the table is no frame."""
    rows = ["filename,fold,target,category,esc10,src_file,take", "1-100032-A-0.wav,1,0,dog,True,100032,A"]
    found = seen(put(tmp_path, {
        "audio/1-100032-A-0.wav": wave_of(), "audio/1-100038-A-14.wav": wave_of(),
        "meta/esc50.csv": "\n".join(rows) + "\n",
    }))  # fmt: skip
    assert (found.ledger.format, sorted(found.frames)) == (
        "files",
        ["audio/1-100032-A-0.wav", "audio/1-100038-A-14.wav"],
    )
    assert found.ledger.lost == {"annotation files": 1}
    assert found.told("lost") == {TABLE: 1}
    assert found.ledger.about[1] == "meta/esc50.csv names files, but in no layout that is read"


def test_open_images(tmp_path: Path) -> None:
    numbers = "0.02,0.96,0.07,0.8,0,0,0,0,0"
    header = (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    found = seen(put(tmp_path, {
        "train/0001eeaf4aed83f9.jpg": None, "validation/00075905539074f2.jpg": None,
        "train-annotations-bbox.csv": f"{header}\n0001eeaf4aed83f9,xclick,/m/0cmf2,1,{numbers}\n",
        "validation-annotations-bbox.csv": f"{header}\n00075905539074f2,xclick,/m/04yx4,1,{numbers}\n",
    }))  # fmt: skip
    assert (found.ledger.format, found.splits) == ("files", {"train": 1, "val": 1})
    assert found.told("lost") == {TABLE: 2}
    assert not found.ledger.complete


@pytest.mark.parametrize("name", [
    "{patient}/IM-{number:04}.dcm",
    "{patient}/01-01-2000-NA-NA-30178/30005{number}.000000-NA-03192/1-001.dcm",
    "DICOM/{patient}/ST000001/SE00000{number}/IM000001",
])  # fmt: skip
def test_scans_by_patient(tmp_path: Path, name: str) -> None:
    """Folders of patients, studies and series are no labels."""
    places = [(patient, number) for patient in ("patient-001", "patient-002") for number in (1, 2)]
    found = seen(put(tmp_path, {name.format(patient=p, number=n): dicom_of(p, n) for p, n in places}))
    assert (found.ledger.format, len(found.frames), found.labels) == ("files", 4, {})
    assert {frame["sources"][0]["content_type"] for frame in found.frames.values()} == {"application/dicom"}
    assert not found.ledger.notes


def test_scans_by_label(tmp_path: Path) -> None:
    found = seen(
        put(tmp_path, {f"{label}/{n}.dcm": dicom_of(label, n) for label in ("NORMAL", "PNEUMONIA") for n in (1, 2)})
    )
    assert (found.ledger.format, found.labels) == ("imagefolder", {"NORMAL": 2, "PNEUMONIA": 2})
