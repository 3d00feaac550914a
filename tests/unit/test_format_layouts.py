"""Whole data sets in the layouts of their makers: which format is found, what is kept, and that the rest is named.

Names, nesting and syntax are those of the official releases and documentation; contents are small. What each folder
holds is counted by hand, so that the ledger is compared with something else than itself.
"""

from __future__ import annotations

import base64
import io
import json
import re
import wave
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.counting import kind_of
from hyperdatasets.formats.files import TABLE
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import Intake, Options
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.media import probe_file

WIDTH, HEIGHT = 64, 48
_OBJECTS: tuple[Kind, ...] = (
    "boxes", "polygons", "ellipses", "key points", "masks", "spans", "3-D shapes", "labels",
)  # fmt: skip
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


@dataclass
class Seen:
    """A folder as it comes in.

    Attributes:
        frames: path, or path#fragment -> normalised frame.
        mask_labels: mask id -> colour -> labels.
    """

    ledger: Ledger
    frames: dict[str, dict[str, Any]] = field(default_factory=dict)
    mask_labels: dict[str, dict[tuple[int, int, int], list[str]]] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, int]:
        """Kind -> how many annotations the frames have: counted from the frames, not from the ledger."""
        every = [each for frame in self.frames.values() for each in frame.get("annotations", ())]
        return dict(Counter(kind_of(each) for each in every))

    @property
    def labels(self) -> dict[str, int]:
        every = [each for frame in self.frames.values() for each in frame.get("annotations", ())]
        return dict(Counter(label for each in every for label in each["labels"]))

    @property
    def splits(self) -> dict[str, int]:
        return dict(Counter(frame.get("meta", {}).get("split", "") for frame in self.frames.values()))

    def geometries(self, path: str) -> list[tuple[str, dict[str, Any]]]:
        """Label and geometry of the annotations of a frame, by label."""
        found = [(each["labels"][0], each.get("geometry", {})) for each in self.frames[path].get("annotations", ())]
        return sorted(found, key=lambda pair: pair[0])

    def meta(self, path: str, label: str) -> dict[str, Any]:
        """The metadata of the first annotation with a label."""
        return next(each["meta"] for each in self.frames[path]["annotations"] if label in each["labels"])

    def masks(self, path: str) -> dict[str, str]:
        """Id -> path."""
        (source,) = self.frames[path]["sources"]
        return {mask["id"]: mask["uri"].removeprefix("file:") for mask in source.get("masks", ())}

    def told(self, weight: str) -> dict[str, int]:
        """Reason -> how many."""
        found: Counter[str] = Counter()
        for (of_weight, _, reason), notes in self.ledger.groups().items():
            if weight == of_weight:
                found[reason] += sum(note.count for note in notes)
        return dict(found)


def seen(path: Path, format_name: str = "auto") -> Seen:
    """All of a folder; the ledger's counts are checked against the frames."""
    intake = Intake(Folder(path), Options(format_name))
    found = Seen(intake.ledger)
    for entry in intake.entries():
        if entry.frame is not None:
            made = intake.whole_frame(entry)
        else:
            media, problem = probe_file(path / entry.path)
            if media is None:
                intake.leave_out(entry, problem)
                continue
            made = intake.frame(entry, media, lambda name: f"file:{name}")
        if made is None:
            continue
        for kind, count in made.kept.items():
            intake.ledger.keep(kind, count)
        key = f"{entry.path}#{entry.fragment}" if entry.fragment else entry.path
        assert key not in found.frames
        found.frames[key] = dict(normalise(made.frame)[0])
    intake.finish()
    found.mask_labels = intake.reading.mask_labels
    assert found.ledger.kept["frames"] == len(found.frames)
    annotations = sum(len(frame.get("annotations", ())) for frame in found.frames.values())
    beside = sum(len(found.masks(each)) for each in found.frames)
    assert sum(found.ledger.kept[kind] for kind in _OBJECTS) == annotations + beside
    _check_files(path, found, intake.reading.used.union(intake.reading.unread))
    return found


def _check_files(path: Path, found: Seen, read: set[str]) -> None:
    """Every file is a frame, a mask or an annotation file that was read, or the ledger names it."""
    every = {each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()}
    known = read.union(each.partition("#")[0] for each in found.frames)
    known |= {mask for each in found.frames for mask in found.masks(each).values()}
    named = {note.place.partition(",")[0] for note in found.ledger.notes if note.weight != "noticed"}
    assert not every - known - named


@lru_cache
def picture(kind: str, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB", value: int = 7) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, value if mode in {"L", "P"} else (value, 80, 120)).save(out, kind)
    return out.getvalue()


def put(root: Path, files: dict[str, Any]) -> Path:
    """Writes files: text, bytes, JSON; None is a picture of its suffix, a size is one of that size."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None or isinstance(content, tuple):
            path.write_bytes(picture(_FORMATS[path.suffix.lower()], content or (WIDTH, HEIGHT)))
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), newline="")
    return root


JUNK = "hidden files, and files that operating systems leave"
REST = "files that are no data of this format"
SAYS_OF_ITSELF = "what a file says of itself, not of its pictures"
REPEATED = "elements that only repeat what the picture's file says, such as folder and path"
NO_NAMES = "classes without names: no file of names was found, so their numbers became the labels"
OTHER_KEYS = "keys of the YAML file that say nothing of a frame"
OTHER_FORMAT = "annotations of another format, not read; import again with --format to add them"
NO_COLOURS = "masks whose colours have no labels: there is no list of classes (such as class_dict.csv) beside them"
RUNS = "run-length masks, kept as polygons along the edges of their pixels"
LINES = "lines, kept as key points with `shape` in their metadata"

# --- COCO ---------------------------------------------------------------------------------------------------------

_INFO = {
    "description": "COCO 2017 Dataset", "url": "http://cocodataset.org", "version": "1.0", "year": 2017,
    "contributor": "COCO Consortium", "date_created": "2017/09/01",
}  # fmt: skip
_LICENSES = [{"url": "http://creativecommons.org/licenses/by-nc-sa/2.0/", "id": 1, "name": "CC BY-NC-SA 2.0"}]
_POINTS = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
]  # fmt: skip
_PERSON = {
    "segmentation": [[10.0, 10.0, 20.0, 10.0, 20.0, 30.0, 10.0, 30.0]], "area": 200.0, "iscrowd": 0, "image_id": 139,
    "bbox": [10.0, 10.0, 10.0, 20.0], "category_id": 1, "id": 1001,
}  # fmt: skip
_CROWD = {
    "segmentation": {"counts": [0, 10, HEIGHT * WIDTH - 10], "size": [HEIGHT, WIDTH]}, "area": 10, "iscrowd": 1,
    "image_id": 285, "bbox": [0, 0, 1, 10], "category_id": 1, "id": 900100000285,
}  # fmt: skip
_CAR = {
    "segmentation": [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0], [30.0, 30.0, 36.0, 30.0, 36.0, 36.0]], "area": 26.0,
    "iscrowd": 0, "image_id": 285, "bbox": [1.0, 1.0, 35.0, 35.0], "category_id": 3, "id": 1002,
}  # fmt: skip
_THINGS = [
    {"supercategory": "person", "id": 1, "name": "person"}, {"supercategory": "vehicle", "id": 3, "name": "car"},
]  # fmt: skip


def _coco_image(number: int) -> dict[str, Any]:
    name = f"{number:012}.jpg"
    return {
        "license": 1, "file_name": name, "coco_url": f"http://images.cocodataset.org/val2017/{name}",
        "height": HEIGHT, "width": WIDTH, "date_captured": "2013-11-14 17:02:52",
        "flickr_url": "http://farm7.staticflickr.com/x.jpg", "id": number,
    }  # fmt: skip


def _coco(
    annotations: list[Any], categories: list[Any] | None = None, images: tuple[int, ...] = (139, 285, 632)
) -> Any:
    found = {"info": _INFO, "licenses": _LICENSES, "images": list(map(_coco_image, images)), "annotations": annotations}
    return found | ({"categories": categories} if categories else {})


def _panoptic() -> dict[str, Any]:
    """Two segments, whose colours are their ids: 1 and 2 + 256."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[10:30, 10:20], pixels[0:5] = (1, 0, 0), (2, 1, 0)
    segments = [
        {"id": 1, "category_id": 1, "iscrowd": 0, "bbox": [10, 10, 10, 20], "area": 200},
        {"id": 258, "category_id": 187, "iscrowd": 0, "bbox": [0, 0, WIDTH, 5], "area": 5 * WIDTH},
    ]
    categories = [
        {"supercategory": "person", "isthing": 1, "id": 1, "name": "person"},
        {"supercategory": "sky", "isthing": 0, "id": 187, "name": "sky-other-merged"},
    ]
    listed = [{"segments_info": segments, "file_name": "000000000139.png", "image_id": 139}]
    return {
        "annotations/panoptic_val2017.json": _coco(listed, categories, (139,)),
        "annotations/panoptic_val2017/000000000139.png": _saved(pixels),
    }


def _saved(pixels: Any, palette: list[int] | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(palette)
    image.save(out, "PNG")
    return out.getvalue()


def test_coco_2017(tmp_path: Path) -> None:
    keypoints = [0] * 51
    keypoints[:6] = [15, 12, 2, 14, 11, 1]
    person = {
        "supercategory": "person",
        "id": 1,
        "name": "person",
        "keypoints": _POINTS,
        "skeleton": [[16, 14], [14, 12]],
    }
    crowd = {**_CROWD, "num_keypoints": 0, "keypoints": [0] * 51}
    captions = [
        {"image_id": image, "id": image * 10 + n, "caption": f"Photo {n}"}
        for image in (139, 285, 632)
        for n in range(5)
    ]
    found = seen(put(tmp_path, {
        **{f"val2017/{number:012}.jpg": None for number in (139, 285, 632)},
        "annotations/instances_val2017.json": _coco([_PERSON, _CROWD, _CAR], _THINGS),
        "annotations/person_keypoints_val2017.json":
            _coco([{**_PERSON, "num_keypoints": 2, "keypoints": keypoints}, crowd], [person]),
        "annotations/captions_val2017.json": _coco(captions),
        **_panoptic(),
    }))  # fmt: skip
    assert found.ledger.format == "coco"
    assert found.splits == {"val": 3}
    # The person of both files is one object: key points with its box and its outline.
    assert found.kinds == {"key points": 1, "polygons": 2, "masks": 2}
    assert found.labels == {"person": 3, "car": 1, "sky-other-merged": 1}
    (points,) = [
        each for each in found.frames["val2017/000000000139.jpg"]["annotations"] if "keypoints" in each["geometry"]
    ]
    assert points["geometry"]["keypoints"][:4] == [15, 12, 14, 11]
    assert points["meta"]["polygon"] == _PERSON["segmentation"]
    assert points["meta"]["keypoint_names"] == _POINTS
    assert found.masks("val2017/000000000139.jpg") == {"panoptic": "annotations/panoptic_val2017/000000000139.png"}
    assert [frame["meta"]["captions"] for frame in found.frames.values()] == [[f"Photo {n}" for n in range(5)]] * 3
    assert found.told("lost") == {}
    assert found.told("skipped") == {SAYS_OF_ITSELF: 8}  # info and licenses of four files
    assert found.told("noticed") == {RUNS: 1}


def test_coco_of_roboflow(tmp_path: Path) -> None:
    files: dict[str, Any] = _of_roboflow()
    for split, count in _ROBOFLOW.items():
        names = _hashed(split, count)
        files |= dict.fromkeys((f"{split}/{name}" for name in names), None)
        images = [
            {"id": number, "license": 1, "file_name": name, "height": HEIGHT, "width": WIDTH,
             "date_captured": "2024-03-01T13:00:00+00:00", "extra": {"name": f"{split}-{number}.jpg"}}
            for number, name in enumerate(names)
        ]  # fmt: skip
        files[f"{split}/_annotations.coco.json"] = {
            "info": {"year": "2024", "version": "2", "description": "Exported from roboflow.com"},
            "licenses": [{"id": 1, "url": "https://creativecommons.org/", "name": "Public Domain"}],
            "categories": [
                {"id": 0, "name": "workers", "supercategory": "none"},
                {"id": 1, "name": "head", "supercategory": "workers"},
                {"id": 2, "name": "helmet", "supercategory": "workers"},
            ],
            "images": images,
            "annotations": [
                {"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": [1, 2, 10, 12.5],
                 "area": 125, "segmentation": [], "iscrowd": 0}
                for number in range(count)
            ],
        }  # fmt: skip
    found = seen(put(tmp_path, files))
    assert found.ledger.format == "coco"
    assert found.splits == {"train": 3, "val": 2, "test": 1}
    assert (found.kinds, found.labels) == ({"boxes": 6}, {"head": 4, "helmet": 2})
    assert found.ledger.complete
    assert found.told("skipped") == {SAYS_OF_ITSELF: 6, REST: 2}


def test_coco_of_cvat(tmp_path: Path) -> None:
    images = [
        {"id": number, "width": WIDTH, "height": HEIGHT, "file_name": name, "license": 0, "flickr_url": "",
         "coco_url": "", "date_captured": 0}
        for number, name in enumerate(("a.jpg", "b.jpg"), start=1)
    ]  # fmt: skip
    shared = {"iscrowd": 0, "area": 16.0, "attributes": {"occluded": False}}
    runs = {"counts": [100, 10, HEIGHT * WIDTH - 110], "size": [HEIGHT, WIDTH]}
    annotations = [
        {**shared, "id": 1, "image_id": 1, "category_id": 1, "segmentation": [], "bbox": [1.0, 2.0, 5.0, 10.0]},
        {**shared, "id": 2, "image_id": 1, "category_id": 2, "segmentation": [[1.0, 1.0, 5.0, 1.0, 5.0, 9.0]],
         "bbox": [1.0, 1.0, 4.0, 8.0]},
        {**shared, "id": 3, "image_id": 2, "category_id": 2, "segmentation": runs, "bbox": [2.0, 4.0, 1.0, 10.0],
         "iscrowd": 1},
    ]  # fmt: skip
    categories = [{"id": 1, "name": "cat", "supercategory": ""}, {"id": 2, "name": "dog", "supercategory": ""}]
    found = seen(put(tmp_path, {
        "images/default/a.jpg": None, "images/default/b.jpg": None,
        "annotations/instances_default.json": {
            "licenses": [{"name": "", "id": 0, "url": ""}], "info": {"contributor": "", "date_created": ""},
            "categories": categories, "images": images, "annotations": annotations,
        },
    }))  # fmt: skip
    assert found.ledger.format == "coco"
    assert (found.kinds, found.labels) == ({"boxes": 1, "polygons": 2}, {"cat": 1, "dog": 2})
    assert found.splits == {"": 2}
    assert found.ledger.complete
    assert found.told("noticed") == {RUNS: 1}


def test_coco_of_label_studio(tmp_path: Path) -> None:
    """Slashes are escaped; backslashes are those of a converter that ran on Windows."""
    images = [
        {"width": WIDTH, "height": HEIGHT, "id": 0, "file_name": "images/3f2a1b4c-a.jpg"},
        {"width": WIDTH, "height": HEIGHT, "id": 1, "file_name": "images\\9f2a1b4c-b.jpg"},
    ]
    box = {"id": 0, "image_id": 1, "category_id": 0, "segmentation": [], "bbox": [8.0, 12.0, 16.0, 24.0], "ignore": 0,
           "iscrowd": 0, "area": 384.0}  # fmt: skip
    info = {"year": 2024, "version": "1.0", "description": "", "contributor": "Label Studio"}
    plain = {"images": images, "categories": [{"id": 0, "name": "Car"}], "annotations": [box], "info": info}
    found = seen(put(tmp_path, {
        "images/3f2a1b4c-a.jpg": None, "images/9f2a1b4c-b.jpg": None,
        "result.json": json.dumps(plain, indent=2).replace("/", "\\/"),
    }))  # fmt: skip
    assert found.ledger.format == "coco"
    assert len(found.frames) == 2
    assert found.geometries("images/9f2a1b4c-b.jpg") == [("Car", {"box": [8, 12, 16, 24]})]
    assert found.ledger.complete


# --- Pascal VOC ---------------------------------------------------------------------------------------------------


def _voc(
    name: str, objects: str = "", *, folder: str = "VOC2012", database: str = "The VOC2008 Database", more: str = ""
) -> str:
    return f"""<annotation>
	<folder>{folder}</folder>
	<filename>{name}</filename>
	<source>
		<database>{database}</database>
	</source>
	<size>
		<width>{WIDTH}</width>
		<height>{HEIGHT}</height>
		<depth>3</depth>
	</size>
{more}	<segmented>0</segmented>
{objects}</annotation>
"""


def _object(name: str, box: tuple[float, float, float, float], more: str = "") -> str:
    return f"""	<object>
		<name>{name}</name>
		<pose>Unspecified</pose>
		<truncated>1</truncated>
		<bndbox>
			<xmin>{box[0]}</xmin>
			<ymin>{box[1]}</ymin>
			<xmax>{box[2]}</xmax>
			<ymax>{box[3]}</ymax>
		</bndbox>
		<difficult>0</difficult>
{more}	</object>
"""


_PART = """		<part>
			<name>head</name>
			<bndbox>
				<xmin>12</xmin>
				<ymin>10</ymin>
				<xmax>18</xmax>
				<ymax>16</ymax>
			</bndbox>
		</part>
"""
_ACTIONS = """		<actions>
			<jumping>1</jumping>
			<phoning>0</phoning>
		</actions>
		<point>
			<x>20</x>
			<y>22</y>
		</point>
"""
_VOC_2012_LISTS = {
    "Main/train.txt": "2007_000032\n2008_000008\n",
    "Main/val.txt": "2010_006215\n2011_000999\n",
    "Main/trainval.txt": "2007_000032\n2008_000008\n2010_006215\n2011_000999\n",
    "Main/aeroplane_train.txt": "2007_000032  1\n2008_000008 -1\n",
    "Main/aeroplane_val.txt": "2010_006215 -1\n2011_000999  0\n",
    "Segmentation/train.txt": "2007_000032\n",
    "Segmentation/val.txt": "",
    "Segmentation/trainval.txt": "2007_000032\n",
    "Layout/train.txt": "2007_000032 2\n",
    "Layout/val.txt": "2010_006215 1\n",
    "Layout/trainval.txt": "2007_000032 2\n2010_006215 1\n",
    "Action/train.txt": "",
    "Action/val.txt": "2010_006215 1\n",
    "Action/trainval.txt": "2010_006215 1\n",
    "Action/jumping_val.txt": "2010_006215 1  1\n",
}


def test_voc_2012(tmp_path: Path) -> None:
    """More lists than pictures, in three folders that might be labels."""
    objects = {
        "2007_000032": _object("aeroplane", (5, 5, 30, 20)) + _object("person", (10, 9, 20, 40), _PART),
        "2008_000008": _object("horse", (2, 2, 30, 30), "\t\t<occluded>1</occluded>\n"),
        "2010_006215": _object("person", (3.5, 4.5, 30, 30), _ACTIONS),
        "2011_000999": _object("dog", (1, 1, 9, 9)),
    }
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    classes[5:20, 5:30], classes[30:40, 10:20] = 1, 15
    palette = [0] * 768
    palette[3:6], palette[45:48], palette[765:] = [128, 0, 0], [192, 128, 128], [224, 224, 192]
    files: dict[str, Any] = {f"ImageSets/{name}": content for name, content in _VOC_2012_LISTS.items()}
    for name, content in objects.items():
        files |= {f"JPEGImages/{name}.jpg": None, f"Annotations/{name}.xml": _voc(f"{name}.jpg", content)}
    for kind in ("SegmentationClass", "SegmentationObject"):
        files[f"{kind}/2007_000032.png"] = _saved(classes, palette)
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
    chairs = _object("chair", (5, 5, 30, 20)) + _object("chair", (1, 1, 3, 4))
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
        files |= {f"JPEGImages/{name}.jpg": None, f"Annotations/{name}.xml": _voc(f"{name}.jpg", chairs, more=owner)}
    found = seen(put(tmp_path, {f"VOCdevkit/VOC2007/{name}": content for name, content in files.items()}))
    assert (found.ledger.format, found.kinds, found.labels) == ("voc", {"boxes": 8}, {"chair": 8})
    assert found.splits == {"train": 1, "val": 1, "test": 2}
    assert all(frame["meta"]["owner"]["flickrid"] == "archintent louisville" for frame in found.frames.values())
    assert found.ledger.complete


def test_voc_of_roboflow(tmp_path: Path) -> None:
    files: dict[str, Any] = _of_roboflow()
    for split, count in _ROBOFLOW.items():
        for name in _hashed(split, count):
            xml = _voc(name, _object("helmet", (11, 5, 21, 25)), folder="", database="roboflow.com")
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
        xml = _voc(f"{name}.jpg", _object("dog", (10, 5, 30, 25)), folder="photos", database="Unknown", more=path)
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
        xml = _voc(f"{name}.jpg", _object("cat", (10.5, 5.25, 20.5, 15.25), attributes), folder="", database="Unknown")
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
        xml = _voc(bare, _object("n01440764", (13, 7, 50, 40)), folder=folder, database="ILSVRC_2012")
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


# --- YOLO ---------------------------------------------------------------------------------------------------------

_ROBOFLOW = {"train": 3, "valid": 2, "test": 1}


def _of_roboflow() -> dict[str, Any]:
    text = "\nHard Hat - v2 raw\n=================\n\nThis dataset was exported via roboflow.com on March 1, 2024\n"
    return {"README.dataset.txt": "# Hard Hat > raw\nhttps://universe.roboflow.com/x\n", "README.roboflow.txt": text}


def _hashed(split: str, count: int) -> list[str]:
    return [f"{split}-{number}_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f{number}.jpg" for number in range(count)]


_SEEN = "0.25 0.5 2.000000 " * 9 + "0.000000 0.000000 0.000000 " * 8
_LINES = {
    "coco8": "45 0.5 0.5 0.5 0.25\n0 0.5 0.5 0.25 0.5\n",
    "coco8-seg": "45 0.1 0.1 0.5 0.1 0.5 0.5\n0 0.2 0.2 0.4 0.2 0.4 0.4 0.3 0.5 0.2 0.5\n",
    "coco8-pose": f"0 0.5 0.5 0.25 0.5 {_SEEN}\n",
}
_YAML = """# Ultralytics AGPL-3.0 License - https://ultralytics.com/license
# Train/val/test sets as 1) dir: path/to/imgs, 2) file: path/to/imgs.txt, or 3) list: [path/to/imgs1, ..]
path: {name} # dataset root dir
train: images/train # train images (relative to 'path') 4 images
val: images/val # val images (relative to 'path') 4 images
test: # test images (optional)

{more}# Classes
names:
{names}

# Download script/URL (optional)
download: https://github.com/ultralytics/assets/releases/download/v0.0.0/{name}.zip
"""
_FLIP = (
    "kpt_shape: [17, 3] # number of keypoints, number of dims (2 for x,y or 3 for x,y,visible)\n"
    "flip_idx: [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]\n\n"
)


def _coco8(name: str) -> dict[str, Any]:
    """Seven label files: one picture has no object."""
    files: dict[str, Any] = {f"{name}/LICENSE": "AGPL", f"{name}/README.md": "x"}
    for split, numbers in {"train": (9, 25, 30, 34), "val": (36, 42, 49, 61)}.items():
        for number in numbers:
            files[f"{name}/images/{split}/{number:012}.jpg"] = None
            if number != 49:
                files[f"{name}/labels/{split}/{number:012}.txt"] = _LINES[name]
    return files


def _yaml(name: str) -> str:
    names = ["person"] if name == "coco8-pose" else ["person", *(f"class {n}" for n in range(1, 80))]
    listed = "\n".join(f"  {number}: {each}" for number, each in enumerate(names))
    return _YAML.format(name=name, more=_FLIP if name == "coco8-pose" else "", names=listed)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("coco8", {"boxes": 14}), ("coco8-seg", {"polygons": 14}), ("coco8-pose", {"key points": 7})],
)
def test_coco8(tmp_path: Path, name: str, kinds: dict[str, int]) -> None:
    found = seen(put(tmp_path, {**_coco8(name), f"{name}.yaml": _yaml(name)}))
    assert (found.ledger.format, found.kinds, found.splits) == ("yolo", kinds, {"train": 4, "val": 4})
    assert found.labels == {"person": 7} | ({} if name == "coco8-pose" else {"class 45": 7})
    assert found.ledger.complete
    assert found.told("skipped") == {OTHER_KEYS: 2 if name == "coco8-pose" else 1, REST: 2}
    assert not found.told("noticed")


@pytest.mark.parametrize("name", list(_LINES))
def test_coco8_without_its_yaml(tmp_path: Path, name: str) -> None:
    """The file that names the classes is in Ultralytics' package, not in the archive."""
    with_yaml = seen(put(tmp_path / "with", {**_coco8(name), f"{name}.yaml": _yaml(name)}))
    found = seen(put(tmp_path / "without", _coco8(name)))
    assert (found.kinds, found.splits) == (with_yaml.kinds, with_yaml.splits)
    assert set(found.labels) <= {"0", "45"}
    for path in found.frames:
        of_both = [{str(geometry) for _, geometry in each.geometries(path)} for each in (found, with_yaml)]
        assert of_both[0] == of_both[1]
    assert found.told("noticed")[NO_NAMES] == sum(found.kinds.values())
    assert found.ledger.complete


def test_dota8(tmp_path: Path) -> None:
    lines = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n1 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5\n"
    yaml = "path: dota8\ntrain: images/train\nval: images/val\n\nnames:\n  0: plane\n  1: ship\n\ndownload: https://x/dota8.zip\n"
    files: dict[str, Any] = {"dota8.yaml": yaml}
    for path in ("train/P1142__1024__0___824", "train/P1053__1024__0___90", "val/P0861__1024__0___1648"):
        files |= {f"dota8/images/{path}.jpg": (60, 60), f"dota8/labels/{path}.txt": lines}
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, found.kinds) == ("yolo", {"boxes": 6})
    assert found.labels == {"plane": 3, "ship": 3}
    assert found.splits == {"train": 2, "val": 1}
    upright, turned = found.geometries("dota8/images/val/P0861__1024__0___1648.jpg")
    assert upright == ("plane", {"box": [15, 15, 15, 15]})
    assert turned[1]["box"][4] % 90 == pytest.approx(45)


def test_yolo_of_roboflow(tmp_path: Path) -> None:
    yaml = (
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['head', 'helmet']\n\n"
        "roboflow:\n  workspace: joseph-nelson\n  project: hard-hat\n  version: 2\n  license: Public Domain"
    )
    files: dict[str, Any] = {**_of_roboflow(), "data.yaml": yaml}
    for split, count in _ROBOFLOW.items():
        for number, name in enumerate(_hashed(split, count)):
            lines = "" if number == 2 else "1 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.125 0.125"
            files |= {f"{split}/images/{name}": None, f"{split}/labels/{name[:-4]}.txt": lines}
    found = seen(put(tmp_path, files))
    assert (found.ledger.format, found.kinds) == ("yolo", {"boxes": 10})
    assert found.labels == {"helmet": 5, "head": 5}
    assert found.splits == {"train": 3, "val": 2, "test": 1}
    assert found.told("skipped") == {OTHER_KEYS: 1, REST: 2}
    assert not found.told("noticed")


def test_yolo_of_labelimg(tmp_path: Path) -> None:
    names = "dog\nperson\ncat\ntv\ncar\nmeatballs\nmarinara sauce\nhelmet\n"
    found = seen(put(tmp_path, {
        "a.jpg": None, "b.jpg": None, "c.jpg": None, "classes.txt": names, "a.txt": "6 0.5 0.5 0.25 0.5\n",
        "b.txt": "7 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.05 0.05\n",
    }))  # fmt: skip
    assert (found.ledger.format, found.labels) == ("yolo", {"marinara sauce": 1, "helmet": 1, "dog": 1})
    assert len(found.frames) == 3
    assert not found.ledger.notes


def test_yolo_of_cvat(tmp_path: Path) -> None:
    """Paths begin with `data/`, which the archive has not."""
    found = seen(put(tmp_path, {
        "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
        "obj.names": "cat\ndog\n", "train.txt": "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n",
        "obj_train_data/a.jpg": None, "obj_train_data/b.jpg": None, "obj_train_data/b.txt": "",
        "obj_train_data/a.txt": "0 0.500000 0.500000 0.250000 0.500000\n1 0.250000 0.250000 0.125000 0.125000\n",
    }))  # fmt: skip
    assert (found.ledger.format, found.labels) == ("yolo", {"cat": 1, "dog": 1})
    assert found.splits == {"train": 2}
    assert not found.ledger.notes


def test_yolo_of_label_studio(tmp_path: Path) -> None:
    notes = {
        "categories": [{"id": 0, "name": "Car"}, {"id": 1, "name": "Road"}],
        "info": {"contributor": "Label Studio"},
    }
    found = seen(put(tmp_path, {
        "classes.txt": "Car\nRoad\n", "notes.json": notes, "images/3f2a1b4c-a.jpg": None, "images/9f2a1b4c-b.jpg": None,
        "labels/3f2a1b4c-a.txt": "0 0.25 0.5 0.25 0.5\n", "labels/9f2a1b4c-b.txt": "1 0.25 0.5 0.25 0.5\n",
    }))  # fmt: skip
    assert (found.ledger.format, found.labels) == ("yolo", {"Car": 1, "Road": 1})
    assert found.told("skipped") == {REST: 1}


# --- annotation tools ---------------------------------------------------------------------------------------------


def _shape(label: str, points: list[list[float]], shape: str) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": shape,
        "flags": {},
        "mask": None,
    }


def test_labelme(tmp_path: Path) -> None:
    document = {"version": "5.5.0", "flags": {}, "imageHeight": HEIGHT, "imageWidth": WIDTH}
    shapes = [
        _shape("person", [[10.0, 5.5], [20.0, 5.0], [22.0, 30.0]], "polygon"),
        _shape("bottle", [[30, 30], [40, 44]], "rectangle"),
        _shape("bottle", [[10, 10], [13, 14]], "circle"),
        _shape("nose", [[5, 5]], "point"),
        _shape("edge", [[5, 5], [7, 9]], "line"),
    ]
    inside = base64.b64encode(picture("JPEG")).decode()
    other = [_shape("person", [[1, 1], [9, 1], [9, 9]], "polygon")]
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


_CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <name>street</name>
      <size>{size}</size>
      <mode>{mode}</mode>
      <created>2024-03-01 10:00:00.000000+00:00</created>
      <subset>default</subset>
      <owner>
        <username>admin</username>
        <email>a@b.c</email>
      </owner>
      <labels>
        <label>
          <name>car</name>
          <color>#2080c0</color>
          <type>any</type>
          <attributes>
            <attribute>
              <name>parked</name>
              <mutable>True</mutable>
              <input_type>checkbox</input_type>
              <default_value>false</default_value>
              <values>false</values>
            </attribute>
          </attributes>
        </label>
      </labels>
      {more}
    </task>
    <dumped>2024-03-01 12:00:00.000000+00:00</dumped>
  </meta>
{body}
</annotations>
"""
_CVAT_IMAGES = f"""
  <image id="0" name="a.jpg" width="{WIDTH}" height="{HEIGHT}">
    <box label="car" source="manual" occluded="0" xtl="10.50" ytl="5.00" xbr="20.50" ybr="15.00" z_order="0">
      <attribute name="parked">true</attribute>
    </box>
    <polygon label="car" source="manual" occluded="1" points="1.00,1.00;9.00,1.00;9.00,9.00" z_order="1">
    </polygon>
    <tag label="night" source="manual">
    </tag>
  </image>
  <image id="1" name="sub/b.jpg" width="{WIDTH}" height="{HEIGHT}">
    <mask label="car" source="manual" occluded="0" rle="0, 3, 1, 4" left="5" top="6" width="4" height="2" z_order="0">
    </mask>
    <points label="car" source="manual" occluded="0" points="1.00,2.00;3.00,4.00" z_order="0">
    </points>
    <ellipse label="car" source="manual" occluded="0" cx="30.00" cy="20.00" rx="5.00" ry="3.00" z_order="0">
    </ellipse>
    <polyline label="car" source="manual" occluded="0" points="1.00,2.00;3.00,4.00;5.00,6.00" z_order="0">
    </polyline>
    <skeleton label="car" source="manual" z_order="0">
      <points label="front" source="manual" outside="0" occluded="0" points="3.00,4.00">
      </points>
      <points label="back" source="manual" outside="1" occluded="0" points="5.00,6.00">
      </points>
    </skeleton>
  </image>"""


def test_cvat_for_images(tmp_path: Path) -> None:
    xml = _CVAT.format(size=2, mode="annotation", more="", body=_CVAT_IMAGES)
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
    xml = _CVAT.format(size=4, mode="interpolation", more=more, body=track)
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


# --- folders of labels, and metadata beside files -----------------------------------------------------------------


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


# --- pictures with masks ------------------------------------------------------------------------------------------


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
            xml = _voc(
                f"{name}.jpg", _object(species, (33, 12, 50, 40)), folder="OXIIIT", database="OXFORD-IIIT Pet Dataset"
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


# --- texts, sounds, scans, tables ---------------------------------------------------------------------------------

_CONLL = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
call NN I-NP O
. . O O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER

-DOCSTART- -X- -X- O

Hendrix NNP I-NP I-PER
song NN I-NP O

"""


def test_conll_2003(tmp_path: Path) -> None:
    found = seen(put(tmp_path, dict.fromkeys(("eng.train", "eng.testa", "eng.testb"), _CONLL)))
    assert (found.ledger.format, found.splits) == ("conll", {"train": 2, "val": 2, "test": 2})
    assert found.labels == {"ORG": 3, "MISC": 3, "PER": 6}
    assert found.kinds == {"spans": 12}
    for key, frame in found.frames.items():
        start = int(key.partition("#char=")[2].partition(",")[0])
        for each in frame["annotations"]:
            first, last = (start + place for place in each["geometry"]["span"])
            assert " ".join(line.split()[0] for line in _CONLL[first:last].splitlines()) == each["meta"]["text"]
    assert found.ledger.lost == {"table cells": 3 * 9 * 2}, "part of speech and chunk of nine tokens in three files"


def _wave() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 80)
    return out.getvalue()


def test_esc_50(tmp_path: Path) -> None:
    """Its table is in no layout that is read: that is said, and the table is no frame."""
    rows = ["filename,fold,target,category,esc10,src_file,take", "1-100032-A-0.wav,1,0,dog,True,100032,A"]
    found = seen(put(tmp_path, {
        "audio/1-100032-A-0.wav": _wave(), "audio/1-100038-A-14.wav": _wave(), "meta/esc50.csv": "\n".join(rows) + "\n",
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


def _dicom(patient: str, number: int) -> bytes:
    content = pydicom.Dataset()
    content.file_meta = FileMetaDataset()
    content.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = CTImageStorage
    name = generate_uid(entropy_srcs=[patient, str(number)])
    content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID = name
    content.PatientID, content.Modality, content.InstanceNumber = patient, "CT", number
    content.Rows, content.Columns, content.SamplesPerPixel = HEIGHT, WIDTH, 1
    content.PhotometricInterpretation, content.PixelRepresentation = "MONOCHROME2", 0
    content.BitsAllocated, content.BitsStored, content.HighBit = 16, 12, 11
    content.PixelData = np.zeros((HEIGHT, WIDTH), np.uint16).tobytes()
    out = io.BytesIO()
    content.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("name", [
    "{patient}/IM-{number:04}.dcm",
    "{patient}/01-01-2000-NA-NA-30178/30005{number}.000000-NA-03192/1-001.dcm",
    "DICOM/{patient}/ST000001/SE00000{number}/IM000001",
])  # fmt: skip
def test_scans_by_patient(tmp_path: Path, name: str) -> None:
    """Folders of patients, studies and series are no labels."""
    places = [(patient, number) for patient in ("patient-001", "patient-002") for number in (1, 2)]
    found = seen(put(tmp_path, {name.format(patient=p, number=n): _dicom(p, n) for p, n in places}))
    assert (found.ledger.format, len(found.frames), found.labels) == ("files", 4, {})
    assert {frame["sources"][0]["content_type"] for frame in found.frames.values()} == {"application/dicom"}
    assert not found.ledger.notes


def test_scans_by_label(tmp_path: Path) -> None:
    found = seen(
        put(tmp_path, {f"{label}/{n}.dcm": _dicom(label, n) for label in ("NORMAL", "PNEUMONIA") for n in (1, 2)})
    )
    assert (found.ledger.format, found.labels) == ("imagefolder", {"NORMAL": 2, "PNEUMONIA": 2})
