"""Writes COCO: pictures go out when they come, annotations wait in a file until all have come.

What COCO has no place for lies under the key `hyperdatasets`, which other tools pass over: with it our reader gets back
the very frames. The ledger names what other tools do not see.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, BinaryIO

import orjson

from hyperdatasets.core.frames import Annotation, Frame, Source
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.core.normalise import default_id
from hyperdatasets.core.uri import split as uri_parts
from hyperdatasets.formats.coco.annotation import read_annotation, sealed, written
from hyperdatasets.formats.coco.documents import split_in_name
from hyperdatasets.formats.coco.image import meta_of, split_in
from hyperdatasets.formats.coco.shapes import numbers
from hyperdatasets.formats.counting import kind_of
from hyperdatasets.formats.extension import OWN, carried, seal_of, split_apart, without_default_id
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.picture_sources import of_pictures, pictures_of
from hyperdatasets.formats.writing import Output, Placed, Subject, WrittenFormat

_COPIED = 1 << 20  # bytes at once
_OF_IMAGE = frozenset({"id", "file_name", "coco_url", "width", "height", OWN})
_UNSEEN = "kept under `hyperdatasets`, since COCO has no place for them"


class CocoWriter:
    """One COCO file, or one for each split."""

    def __init__(self, output: Output, subject: Subject, ledger: Ledger) -> None:
        self._output, self._subject, self._ledger = output, subject, ledger
        self._files: dict[str, _File] = {}

    def add(self, placed: Placed) -> None:
        self._file(placed.split).add(placed)

    def finish(self) -> None:
        for split in list(self._files) or [""]:
            self._file(split).finish(close=bool(split))

    def _file(self, split: str) -> _File:
        if split not in self._files:
            stream = self._output.file(file_of(split)) if split else self._output.main("annotations/instances.json")
            self._files[split] = _File(stream, self._output.waiting(), self._subject, self._ledger)
        return self._files[split]


class _File:
    def __init__(self, stream: BinaryIO, waiting: BinaryIO, subject: Subject, ledger: Ledger) -> None:
        """`waiting`: for the annotations."""
        self._stream, self._waiting, self._labels, self._ledger = stream, waiting, dict(subject.labels), ledger
        self._images = self._annotations = 0
        self._known: dict[Hashable, dict[str, int]] = {}
        self._categories = _categories(self._labels)
        named = {each["name"] for each in self._categories.values()}
        for label in sorted(label for label, number in self._labels.items() if number >= 0 and label not in named):
            ledger.notice("labels", label, "labels that share a number, shown as one category")
        self._settled: set[int] = set()  # categories whose first ROI was written
        stream.write(b'{"info":' + orjson.dumps(_info(subject)) + b',"licenses":[],"images":[')

    def add(self, placed: Placed) -> None:
        """The pictures of a frame, unless they are there already, and its annotations."""
        frame = of_pictures(placed.frame, self._ledger)
        placed = placed._replace(frame=frame)
        images = self._known.get(placed.key)
        apart = _without_place(frame)
        if images is None:
            images = self._add_images(placed, apart)
            if placed.key is not None:
                self._known[placed.key] = images
        elif apart:
            self._lose(frame, apart, "ROIs that come apart and have no place in COCO, left out")
        if images:
            self._add_annotations(frame, images, apart)

    def finish(self, *, close: bool) -> None:
        self._stream.write(b'],"annotations":[')
        self._waiting.seek(0)
        while piece := self._waiting.read(_COPIED):
            self._stream.write(piece)
        self._waiting.close()
        self._stream.write(b'],"categories":' + orjson.dumps(list(self._categories.values())) + b"}")
        if close:
            self._stream.close()

    def _add_images(self, placed: Placed, apart: Sequence[Annotation]) -> dict[str, int]:
        frame = placed.frame
        pictures = pictures_of(frame, self._ledger)
        if not pictures:
            return {}
        self._ledger.keep("frames")
        for annotation in apart:
            self._ledger.keep(kind_of(annotation))
            self._ledger.notice(kind_of(annotation), frame["id"], f"labels, spans and shapes {_UNSEEN}")
        return {
            source["id"]: self._add_image(placed, source, apart if source is pictures[0] else ()) for source in pictures
        }

    def _add_image(self, placed: Placed, source: Source, apart: Sequence[Annotation]) -> int:
        self._images += 1
        frame = placed.frame
        image: dict[str, Any] = {"id": self._images, "file_name": placed.names[source["id"]]}
        if "width" in source and "height" in source:
            image |= {"width": source["width"], "height": source["height"]}
        else:
            self._ledger.notice("frames", frame["id"], "pictures whose width and height are not known")
        if uri_parts(source["uri"]).scheme in {"http", "https"}:
            image["coco_url"] = source["uri"]
        image |= {key: value for key, value in frame.get("meta", {}).items() if key not in _OF_IMAGE}
        own = _own(placed, source, image, apart)
        image |= {OWN: own} if own else {}
        self._stream.write((b"," if self._images > 1 else b"") + orjson.dumps(image))
        return self._images

    def _add_annotations(self, frame: Frame, images: Mapping[str, int], apart: Sequence[Annotation]) -> None:
        made: dict[str, int] = {}
        for annotation in frame.get("annotations", ()):
            whole = without_default_id(annotation, made)
            if annotation not in apart:
                self._add_annotation(frame, annotation, images, whole)

    def _add_annotation(
        self, frame: Frame, annotation: Annotation, images: Mapping[str, int], whole: Mapping[str, Any]
    ) -> None:
        """Once for each label with a number and each picture; all but the first say that they are copies.

        Args:
            whole: the annotation as it is to come back.
        """
        kind = kind_of(annotation)
        ids = sorted({number for number in label_ids(annotation["labels"], self._labels) if number >= 0})
        if not ids:
            self._lose(frame, [annotation], "ROIs without a numbered label, left out")
            return
        shown, told = written(annotation, _size(frame)) or ({}, "")
        if told:
            self._ledger.notice(kind, frame["id"], told)
        if len(ids) > 1:
            self._ledger.notice(kind, frame["id"], "ROIs with several labels, written once for each")
        self._ledger.keep(kind)
        on = [images[source] for source in annotation.get("sources", images) if source in images]
        for place, (image, number) in enumerate((image, number) for image in on for number in ids):
            category = self._category(number, annotation)
            seal = sealed(shown, category)
            said = read_annotation(shown, category).plain or {}
            own = _copy(annotation, seal) if place else carried(whole, said, seal)
            self._write({"image_id": image, "category_id": number, **shown, **({OWN: own} if own else {})})

    def _category(self, number: int, annotation: Annotation) -> dict[str, Any]:
        """The category of a number; what its first ROI says of it is written with it, and settled."""
        category, meta = self._categories[number], annotation.get("meta", {})
        if number not in self._settled:
            self._settled.add(number)
            above, others = meta.get("supercategory"), meta.get("category")
            category |= {"supercategory": above} if isinstance(above, str) and above else {}
            category |= others if isinstance(others, dict) and others.keys().isdisjoint(category) else {}
        if "keypoints" not in category and "keypoints" in annotation.get("geometry", {}):
            points = len(annotation["geometry"]["keypoints"]) // 2
            names = meta.get("keypoint_names")
            category["keypoints"] = names if isinstance(names, list) and names else numbers(points)
            category |= {"skeleton": meta["skeleton"]} if meta.get("skeleton") else {}
        return category

    def _lose(self, frame: Frame, annotations: Sequence[Annotation], reason: str) -> None:
        for annotation in annotations:
            self._ledger.lose(kind_of(annotation), frame["id"], reason)

    def _write(self, annotation: dict[str, Any]) -> None:
        self._annotations += 1
        self._waiting.write(
            (b"," if self._annotations > 1 else b"") + orjson.dumps({"id": self._annotations, **annotation})
        )


def _categories(labels: Mapping[str, int]) -> dict[int, dict[str, Any]]:
    """By number; labels that share one are one category, with the name of the first by bytes."""
    named: dict[int, list[str]] = {}
    for label in sorted(labels, key=str.encode):
        if labels[label] >= 0:
            named.setdefault(labels[label], []).append(label)
    return {number: {"id": number, "name": named[number][0]} for number in sorted(named)}


def _info(subject: Subject) -> dict[str, str]:
    named = {"description": subject.description or subject.name, "version": subject.identifier,
             "date_created": subject.published}  # fmt: skip
    return {key: text for key, text in named.items() if text}


def _own(placed: Placed, source: Source, image: Mapping[str, Any], apart: Sequence[Annotation]) -> dict[str, Any]:
    """What the fields of an image do not say of its frame."""
    frame = placed.frame
    own: dict[str, Any] = {key: frame[key] for key in ("context_id", "timestamp") if key in frame}
    if frame["id"] != default_id({**frame, "site": ""}):
        own["id"] = frame["id"]
    if (shown := meta_of(image)) != frame.get("meta", {}):
        own |= {"meta": frame.get("meta", {}), "seal": seal_of(shown)}
    masks = [
        {"id": mask["id"], "file_name": placed.names[f"{source['id']}/{mask['id']}"]}
        for mask in source.get("masks", ())
    ]
    if masks:
        own["masks"] = masks
    own |= _split_apart(placed, image["file_name"])
    return own | ({"annotations": list(apart)} if apart else {})


def _split_apart(placed: Placed, path: str) -> dict[str, str]:
    """The split, where the folder of the picture or the name of the file of annotations says another one."""
    named = split_in_name(file_of(placed.split)) if placed.split else ""
    split = split_in(placed.frame.get("meta", {})) or named
    if not split and placed.split:
        return {}
    return {"split": split} if named not in {"", split} else split_apart(path, split)


def file_of(split: str) -> str:
    """The file of annotations of a split."""
    return f"annotations/instances_{split}.json"


def _copy(annotation: Annotation, seal: str) -> dict[str, Any]:
    """Of a further annotation of the same ROI: import passes over it, unless it was changed; then it is a ROI too."""
    return {"copy": seal} | ({"origin": annotation["origin"]} if "origin" in annotation else {})


def _without_place(frame: Frame) -> list[Annotation]:
    """Labels of the whole frame, spans, masks by colour and shapes in space."""
    return [each for each in frame.get("annotations", ()) if written(each, None) is None]


def _size(frame: Frame) -> tuple[int, int] | None:
    return next(((s["width"], s["height"]) for s in frame["sources"] if s.get("width") and s.get("height")), None)


WRITTEN = WrittenFormat(
    "coco", "COCO", "images", single=True, start=CocoWriter, file_for_each_split=True, holds_rois_apart=True
)
