"""Frames as COCO, one by one: a picture goes out when it comes, its annotations wait in a file until all have come.

What COCO cannot hold is counted, never dropped silently.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import orjson

from hyperdatasets.core.frames import Annotation, Frame, Geometry, Source
from hyperdatasets.core.geometry import area, bounding_box
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.formats.coco import KEPT

_COPIED = 1 << 20  # bytes at once
_IN_SPACE = ("points3d", "polygon3d", "box3d")
_VISIBLE = 2


class CocoWriter:
    """One COCO file.

    Attributes:
        labels: label -> number of its category; a label with a number below 0, or without one, has no category.
        info: what the file says of itself.
        waiting: an empty file for annotations; its content is copied to the end.
        left_out: in words, what COCO cannot hold or holds otherwise -> how often.
        images, annotations: how many were written.
    """

    def __init__(self, labels: Mapping[str, int], info: Mapping[str, Any], waiting: BinaryIO) -> None:
        self.labels, self.info, self.waiting = dict(labels), dict(info), waiting
        self.left_out: Counter[str] = Counter()
        self.images = self.annotations = 0
        self._points: Counter[int] = Counter()  # category -> most keypoints of one annotation
        self._known: dict[Hashable, dict[str, int]] = {}

    def write(self, frames: Iterable[tuple[Hashable, Frame]]) -> Iterator[bytes]:
        """The file in pieces.

        Args:
            frames: each with what it is known by where one frame may come several times (with some of its ROIs
                each time), and None otherwise.
        """
        yield b'{"info":' + orjson.dumps(self.info) + b',"licenses":[],"images":['
        for key, frame in frames:
            yield from self._frame(key, frame)
        yield b'],"annotations":['
        self.waiting.seek(0)
        while piece := self.waiting.read(_COPIED):
            yield piece
        yield b'],"categories":' + orjson.dumps(self._categories()) + b"}"

    def _frame(self, key: Hashable, frame: Frame) -> Iterator[bytes]:
        numbers = self._known.get(key)
        if numbers is None:
            numbers = {}
            for source in frame["sources"]:
                if source.get("content_type", "image/").startswith("image/"):
                    self.images += 1
                    numbers[source["id"]] = self.images
                    yield (b"," if self.images > 1 else b"") + orjson.dumps(self._image(source, frame["id"]))
                else:
                    self.left_out["sources that are no pictures, left out"] += 1
            if key is not None:
                self._known[key] = numbers
            if not frame["sources"]:
                self.left_out["frames without a source, left out"] += 1
        for annotation in frame.get("annotations", ()):
            self._annotation(annotation, numbers)

    def _image(self, source: Source, frame_id: str) -> dict[str, Any]:
        sized = "width" in source and "height" in source
        if not sized:
            self.left_out["pictures whose width and height are not known"] += 1
        uri = source["uri"]
        parts = urlsplit(uri)
        file = unquote(parts.path) if parts.scheme == "file" else uri
        return {"id": self.images, "file_name": file, "coco_url": uri, "frame_id": frame_id,
                **({"width": source["width"], "height": source["height"]} if sized else {})}  # fmt: skip

    def _annotation(self, annotation: Annotation, numbers: Mapping[str, int]) -> None:
        shape = self._shape(annotation.get("geometry"))
        if shape is None:
            return
        ids = sorted({number for number in label_ids(annotation["labels"], self.labels) if number >= 0})
        if not ids:
            self.left_out["ROIs without a numbered label, left out"] += 1
        elif len(ids) > 1:
            self.left_out["ROIs with several labels, written once for each"] += 1
        lies_on = annotation.get("sources", numbers.keys())
        for image in [numbers[source] for source in lies_on if source in numbers]:
            for category in ids:
                self._write({"image_id": image, "category_id": category, **shape, **_said(annotation)})
                points = int(shape.get("num_keypoints", 0))
                self._points[category] = max(self._points[category], points)

    def _shape(self, geometry: Geometry | None) -> dict[str, Any] | None:
        """Fields of a geometry; None for what COCO has no place for."""
        if not geometry:
            self.left_out["labels of whole frames, left out"] += 1
            return None
        box = bounding_box(geometry)
        if box is None or any(name in geometry for name in _IN_SPACE):
            name = "ROIs in space" if box is not None else "masks by colour" if "mask" in geometry else "spans"
            self.left_out[f"{name}, left out"] += 1
            return None
        measured = area(geometry)
        shape: dict[str, Any] = {"bbox": list(box), "area": box[2] * box[3] if measured is None else measured}
        if "keypoints" in geometry:
            points = geometry["keypoints"]
            shape["keypoints"] = [each for x, y in zip(points[::2], points[1::2], strict=True)
                                  for each in (x, y, _VISIBLE)]  # fmt: skip
            shape["num_keypoints"] = len(points) // 2
        return shape | {"segmentation": self._segmentation(geometry)}

    def _segmentation(self, geometry: Geometry) -> list[list[float]]:
        if "polygon" in geometry:
            rings = geometry["polygon"]
            filled = sum(area({"polygon": [ring]}) or 0 for ring in rings)
            if not math.isclose(filled, area(geometry) or 0, rel_tol=1e-9):
                self.left_out["polygons with holes, whose holes are filled"] += 1
            return rings
        if "ellipse" in geometry:
            self.left_out["ellipses, written as their boxes"] += 1
        return [_corners(geometry["box"])] if len(geometry.get("box", ())) > 4 else []  # an angle

    def _write(self, annotation: dict[str, Any]) -> None:
        self.annotations += 1
        self.waiting.write(
            (b"," if self.annotations > 1 else b"") + orjson.dumps({"id": self.annotations, **annotation})
        )

    def _categories(self) -> list[dict[str, Any]]:
        """By number; labels that share one are one category, with the name of the first by bytes."""
        named: dict[int, list[str]] = {}
        for label in sorted(self.labels, key=str.encode):
            named.setdefault(self.labels[label], []).append(label)
        return [
            {"id": number, "name": labels[0]}
            | ({"labels": labels} if len(labels) > 1 else {})
            | ({"keypoints": [str(i + 1) for i in range(points)]} if (points := self._points[number]) else {})
            for number, labels in sorted(named.items()) if number >= 0
        ]  # fmt: skip


def _said(annotation: Annotation) -> dict[str, Any]:
    """What else is known of a ROI: our reader, and others, find it under these names."""
    meta = annotation.get("meta", {})
    inner = meta.get("attributes")
    attributes = dict(inner) if isinstance(inner, dict) else {}
    attributes |= {key: value for key, value in meta.items() if key not in KEPT}
    if "origin" in annotation:
        attributes["origin"] = annotation["origin"]
    said: dict[str, Any] = {"iscrowd": 1 if meta.get("iscrowd") else 0}
    if "confidence" in annotation:
        said["score"] = annotation["confidence"]
    return said | ({"attributes": attributes} if attributes else {})


def _corners(box: Sequence[float]) -> list[float]:
    """The corners of a box that is turned about its middle."""
    x, y, width, height, angle = box
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners: list[float] = []
    for across, down in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        dx, dy = across * width, down * height
        corners += [x + width / 2 + dx * cos - dy * sin, y + height / 2 + dx * sin + dy * cos]
    return corners
