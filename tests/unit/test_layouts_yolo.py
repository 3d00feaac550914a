"""Layouts as people have them: YOLO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.formats.yolo.reader import WITHOUT
from tests.reference.layouts import (
    NO_NAMES,
    OTHER_KEYS,
    REST,
    ROBOFLOW,
    LINES_of,
    coco8_of,
    hashed,
    of_roboflow,
    put,
    seen,
    yaml_of,
)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("coco8", {"boxes": 14}), ("coco8-seg", {"polygons": 14}), ("coco8-pose", {"key points": 7})],
)
def test_coco8(tmp_path: Path, name: str, kinds: dict[str, int]) -> None:
    found = seen(put(tmp_path, {**coco8_of(name), f"{name}.yaml": yaml_of(name)}))
    assert (found.ledger.format, found.kinds, found.splits) == ("yolo", kinds, {"train": 4, "val": 4})
    assert found.labels == {"person": 7} | ({} if name == "coco8-pose" else {"class 45": 7})
    assert found.ledger.complete
    assert found.told("skipped") == {OTHER_KEYS: 2 if name == "coco8-pose" else 1, REST: 2}
    assert found.told("noticed") == {WITHOUT: 1}


@pytest.mark.parametrize("name", list(LINES_of))
def test_coco8_without_its_yaml(tmp_path: Path, name: str) -> None:
    """The file that names the classes is in Ultralytics' package, not in the archive."""
    with_yaml = seen(put(tmp_path / "with", {**coco8_of(name), f"{name}.yaml": yaml_of(name)}))
    found = seen(put(tmp_path / "without", coco8_of(name)))
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
    files: dict[str, Any] = {**of_roboflow(), "data.yaml": yaml}
    for split, count in ROBOFLOW.items():
        for number, name in enumerate(hashed(split, count)):
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
    assert found.told("noticed") == {WITHOUT: 1}
    assert len(found.ledger.notes) == 1


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
