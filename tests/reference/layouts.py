"""Folders as people have them, in small: layouts of well-known data sets and tools, and what is read of them."""

from __future__ import annotations

import io
import json
import wave
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.counting import kind_of
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


OTHER_FORMAT = "annotations of another format, not read; import again with `option format` to add them"


NO_COLOURS = "masks whose colours have no labels: there is no list of classes (such as class_dict.csv) beside them"


RUNS = "run-length masks, kept as polygons along the edges of their pixels"


LINES = "lines, kept as key points with `shape` in their metadata"


_INFO = {
    "description": "COCO 2017 Dataset", "url": "http://cocodataset.org", "version": "1.0", "year": 2017,
    "contributor": "COCO Consortium", "date_created": "2017/09/01",
}  # fmt: skip


_LICENSES = [{"url": "http://creativecommons.org/licenses/by-nc-sa/2.0/", "id": 1, "name": "CC BY-NC-SA 2.0"}]


POINTS = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
]  # fmt: skip


PERSON = {
    "segmentation": [[10.0, 10.0, 20.0, 10.0, 20.0, 30.0, 10.0, 30.0]], "area": 200.0, "iscrowd": 0, "image_id": 139,
    "bbox": [10.0, 10.0, 10.0, 20.0], "category_id": 1, "id": 1001,
}  # fmt: skip


CROWD = {
    "segmentation": {"counts": [0, 10, HEIGHT * WIDTH - 10], "size": [HEIGHT, WIDTH]}, "area": 10, "iscrowd": 1,
    "image_id": 285, "bbox": [0, 0, 1, 10], "category_id": 1, "id": 900100000285,
}  # fmt: skip


CAR = {
    "segmentation": [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0], [30.0, 30.0, 36.0, 30.0, 36.0, 36.0]], "area": 26.0,
    "iscrowd": 0, "image_id": 285, "bbox": [1.0, 1.0, 35.0, 35.0], "category_id": 3, "id": 1002,
}  # fmt: skip


THINGS = [
    {"supercategory": "person", "id": 1, "name": "person"}, {"supercategory": "vehicle", "id": 3, "name": "car"},
]  # fmt: skip


def _coco_image(number: int) -> dict[str, Any]:
    name = f"{number:012}.jpg"
    return {
        "license": 1, "file_name": name, "coco_url": f"http://images.cocodataset.org/val2017/{name}",
        "height": HEIGHT, "width": WIDTH, "date_captured": "2013-11-14 17:02:52",
        "flickr_url": "http://farm7.staticflickr.com/x.jpg", "id": number,
    }  # fmt: skip


def coco_of(
    annotations: list[Any], categories: list[Any] | None = None, images: tuple[int, ...] = (139, 285, 632)
) -> Any:
    found = {"info": _INFO, "licenses": _LICENSES, "images": list(map(_coco_image, images)), "annotations": annotations}
    return found | ({"categories": categories} if categories else {})


def panoptic_of() -> dict[str, Any]:
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
        "annotations/panoptic_val2017.json": coco_of(listed, categories, (139,)),
        "annotations/panoptic_val2017/000000000139.png": saved(pixels),
    }


def saved(pixels: Any, palette: list[int] | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(palette)
    image.save(out, "PNG")
    return out.getvalue()


def voc_of(
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


def object_of(name: str, box: tuple[float, float, float, float], more: str = "") -> str:
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


PART = """		<part>
			<name>head</name>
			<bndbox>
				<xmin>12</xmin>
				<ymin>10</ymin>
				<xmax>18</xmax>
				<ymax>16</ymax>
			</bndbox>
		</part>
"""


ACTIONS = """		<actions>
			<jumping>1</jumping>
			<phoning>0</phoning>
		</actions>
		<point>
			<x>20</x>
			<y>22</y>
		</point>
"""


VOC_2012_LISTS = {
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


ROBOFLOW = {"train": 3, "valid": 2, "test": 1}


def of_roboflow() -> dict[str, Any]:
    text = "\nHard Hat - v2 raw\n=================\n\nThis dataset was exported via roboflow.com on March 1, 2024\n"
    return {"README.dataset.txt": "# Hard Hat > raw\nhttps://universe.roboflow.com/x\n", "README.roboflow.txt": text}


def hashed(split: str, count: int) -> list[str]:
    return [f"{split}-{number}_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f{number}.jpg" for number in range(count)]


_SEEN = "0.25 0.5 2.000000 " * 9 + "0.000000 0.000000 0.000000 " * 8


LINES_of = {
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


def coco8_of(name: str) -> dict[str, Any]:
    """Seven label files: one picture has no object."""
    files: dict[str, Any] = {f"{name}/LICENSE": "AGPL", f"{name}/README.md": "x"}
    for split, numbers in {"train": (9, 25, 30, 34), "val": (36, 42, 49, 61)}.items():
        for number in numbers:
            files[f"{name}/images/{split}/{number:012}.jpg"] = None
            if number != 49:
                files[f"{name}/labels/{split}/{number:012}.txt"] = LINES_of[name]
    return files


def yaml_of(name: str) -> str:
    names = ["person"] if name == "coco8-pose" else ["person", *(f"class {n}" for n in range(1, 80))]
    listed = "\n".join(f"  {number}: {each}" for number, each in enumerate(names))
    return _YAML.format(name=name, more=_FLIP if name == "coco8-pose" else "", names=listed)


def shape_of(label: str, points: list[list[float]], shape: str) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": shape,
        "flags": {},
        "mask": None,
    }


CVAT = """<?xml version="1.0" encoding="utf-8"?>
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


CVAT_IMAGES = f"""
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


CONLL = """-DOCSTART- -X- -X- O

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


def wave_of() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 80)
    return out.getvalue()


def dicom_of(patient: str, number: int) -> bytes:
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
