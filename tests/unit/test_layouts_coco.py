"""Layouts as people have them: COCO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.reference.layouts import (
    CAR,
    CROWD,
    HEIGHT,
    PERSON,
    POINTS,
    REST,
    ROBOFLOW,
    RUNS,
    SAYS_OF_ITSELF,
    THINGS,
    WIDTH,
    coco_of,
    hashed,
    of_roboflow,
    panoptic_of,
    put,
    seen,
)


def test_coco_2017(tmp_path: Path) -> None:
    keypoints = [0] * 51
    keypoints[:6] = [15, 12, 2, 14, 11, 1]
    person = {
        "supercategory": "person",
        "id": 1,
        "name": "person",
        "keypoints": POINTS,
        "skeleton": [[16, 14], [14, 12]],
    }
    crowd = {**CROWD, "num_keypoints": 0, "keypoints": [0] * 51}
    captions = [
        {"image_id": image, "id": image * 10 + n, "caption": f"Photo {n}"}
        for image in (139, 285, 632)
        for n in range(5)
    ]
    found = seen(put(tmp_path, {
        **{f"val2017/{number:012}.jpg": None for number in (139, 285, 632)},
        "annotations/instances_val2017.json": coco_of([PERSON, CROWD, CAR], THINGS),
        "annotations/person_keypoints_val2017.json":
            coco_of([{**PERSON, "num_keypoints": 2, "keypoints": keypoints}, crowd], [person]),
        "annotations/captions_val2017.json": coco_of(captions),
        **panoptic_of(),
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
    assert points["meta"]["polygon"] == PERSON["segmentation"]
    assert points["meta"]["keypoint_names"] == POINTS
    assert found.masks("val2017/000000000139.jpg") == {"panoptic": "annotations/panoptic_val2017/000000000139.png"}
    assert [frame["meta"]["captions"] for frame in found.frames.values()] == [[f"Photo {n}" for n in range(5)]] * 3
    assert found.told("lost") == {}
    assert found.told("skipped") == {SAYS_OF_ITSELF: 8}  # info and licenses of four files
    assert found.told("noticed") == {RUNS: 1}


def test_coco_of_roboflow(tmp_path: Path) -> None:
    files: dict[str, Any] = of_roboflow()
    for split, count in ROBOFLOW.items():
        names = hashed(split, count)
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
