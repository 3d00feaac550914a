"""Writes YOLO: label files, lists of splits and `data.yaml`, for the one task that holds most of the ROIs.

A label file holds lines of one task only, and which one is known when all frames have come: they wait in a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from hyperdatasets.core.frames import Annotation, Frame, Source
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.core.normalise import default_id
from hyperdatasets.formats.counting import kept_of, kind_of
from hyperdatasets.formats.extension import lose_source_fields, without_default_id
from hyperdatasets.formats.folder import SPLITS
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.picture_sources import of_pictures, pictures_of
from hyperdatasets.formats.whole import Whole
from hyperdatasets.formats.writing import Output, Placed, Subject, WrittenFormat, classes
from hyperdatasets.formats.yolo.data_files import OWN
from hyperdatasets.formats.yolo.label_files import label_file_of
from hyperdatasets.formats.yolo.roi import Pose, Roi, choose, names_in, roi_of
from hyperdatasets.formats.yolo.split_files import SplitFiles

NO_SIZE = "ROIs of pictures whose width and height are not known, left out"
NO_CLASS = "ROIs without a numbered label, left out"
SEVERAL = "ROIs with several labels, written once for each"
RENAMED = "labels that share the number of another one, written with its name"
SAME_NAME = "ROIs of a picture whose label file is that of another picture, which differs by its suffix"
NO_META = "metadata, for which YOLO has no place"
NO_CONFIDENCE = "confidences and origins of ROIs, for which YOLO has no place"
NO_IDS = "ids that were given to frames or ROIs, for which YOLO has no place"
NO_MASKS = "mask pictures, for which YOLO has no place"
OTHER_NAMES = "names of key points that differ from those of their class"
NAMES_ADDED = "key points without names, of a class whose key points have names"
ONE_FILE = "pictures that differ by their suffix only, for which YOLO has one label file"
NO_SPLIT = "no split is known: `val` names the training pictures; `option split_by` divides them"
NO_TRAIN = "no split is called train: `train` names the pictures of another split"
NO_VAL = "no split is called val or valid: `val` names the pictures that `train` names; `option split_by` divides them"
NO_COLOURS = "names of the colours of masks, for which YOLO has no place"


class YoloWriter:
    """Keeps frames until the end; memory holds their places only."""

    def __init__(self, output: Output, subject: Subject, ledger: Ledger) -> None:
        self._output, self._ledger = output, ledger
        self._labels, self._names = dict(subject.labels), classes(subject.labels)
        numbers = sorted({number for number in self._labels.values() if number >= 0})
        self._class_of = {number: place for place, number in enumerate(numbers)}
        self._whole, self._shapes = Whole(), Counter[tuple[str, int]]()
        self._files: set[str] = set()
        self._label_files: set[str] = set()
        self._splits = SplitFiles(ledger)
        self._pose = Pose(0, {})
        for mask_id in subject.mask_labels:
            ledger.lose("attributes", mask_id, NO_COLOURS)

    def add(self, placed: Placed) -> None:
        self._whole.keep(placed)
        for annotation in placed.frame.get("annotations", ()):
            geometry = annotation.get("geometry", {})
            turned = "turned" if len(geometry.get("box", ())) > 4 else next(iter(geometry), "")
            self._shapes[turned, len(geometry.get("keypoints", ())) // 2] += 1

    def finish(self) -> None:
        task, points = choose(self._shapes)
        self._pose = Pose(points, {})
        for placed in self._whole.joined():
            self._add(placed, task)
        self._whole.close()
        lists, splits = self._splits.finished(self._files)
        for path, content in lists:
            self._write(path, content)
        self._write("data.yaml", self._data(task, splits))

    def _add(self, placed: Placed, task: str) -> None:
        frame = of_pictures(placed.frame, self._ledger)
        pictures = pictures_of(frame, self._ledger)
        if not pictures:
            return
        self._ledger.keep("frames")
        self._tell_frame(frame)
        annotations = frame.get("annotations", ())
        rois = {each["id"]: roi for each in annotations if (roi := self._roi(frame, each, task))}
        for source in pictures:
            lose_source_fields(source, frame["id"], self._ledger)
            path = placed.names[source["id"]]
            on = [each for each in annotations if source["id"] in each.get("sources", (source["id"],))]
            self._add_picture(frame, source, path, [(each, rois[each["id"]]) for each in on if each["id"] in rois])
            self._splits.add(placed, path)

    def _tell_frame(self, frame: Frame) -> None:
        """Names what YOLO has no place for."""
        meta = [name for name in frame.get("meta", {}) if name not in {"split", "captions"}]
        meta += [name for name in ("context_id", "timestamp") if name in frame]
        masks = sum(len(source.get("masks", ())) for source in frame["sources"])
        captions = kept_of(frame).get("captions", 0)
        made: dict[str, int] = {}
        named = sum("id" in without_default_id(each, made) for each in frame.get("annotations", ()))
        named += frame["id"] != default_id({**frame, "site": ""})
        said = sum(("confidence" in each) + ("origin" in each) for each in frame.get("annotations", ()))
        if meta:
            self._ledger.lose("attributes", frame["id"], NO_META, ", ".join(sorted(meta))[:200], count=len(meta))
        if captions:
            self._ledger.lose("captions", frame["id"], NO_META, count=captions)
        if masks:
            self._ledger.lose("masks", frame["id"], NO_MASKS, count=masks)
        if named:
            self._ledger.lose("attributes", frame["id"], NO_IDS, count=named)
        if said:
            self._ledger.lose("attributes", frame["id"], NO_CONFIDENCE, count=said)

    def _roi(self, frame: Frame, annotation: Annotation, task: str) -> Roi | None:
        """What is written of an annotation; None if nothing is, which the ledger says."""
        kind = kind_of(annotation)
        roi = roi_of(annotation, task, self._pose)
        if isinstance(roi, str):
            self._ledger.lose(kind, frame["id"], roi)
            return None
        for reason in roi.told:
            self._ledger.notice(kind, frame["id"], reason)
        if lost := sorted(annotation.get("meta", {}).keys() - roi.held):
            self._ledger.lose("attributes", frame["id"], NO_META, ", ".join(lost)[:200], count=len(lost))
        return roi

    def _add_picture(self, frame: Frame, source: Source, path: str, rois: Sequence[tuple[Annotation, Roi]]) -> None:
        file = label_file_of(path)
        size = source.get("width", 0), source.get("height", 0)
        taken = file in self._label_files
        self._label_files.add(file)
        if taken:
            self._ledger.notice("frames", frame["id"], ONE_FILE, path)
        if taken or not all(size):
            for annotation, _ in rois:
                self._ledger.lose(kind_of(annotation), frame["id"], SAME_NAME if taken else NO_SIZE, path)
            return
        lines = [line for annotation, roi in rois for line in self._lines(frame, annotation, roi, size)]
        if lines:
            self._write(file, "".join(lines).encode())

    def _lines(self, frame: Frame, annotation: Annotation, roi: Roi, size: tuple[int, int]) -> Iterator[str]:
        """A line for each class of an annotation."""
        kind, written = kind_of(annotation), roi.line(size, self._pose)
        if written.fault:
            self._ledger.lose(kind, frame["id"], written.fault)
            return
        numbers = self._numbers(frame, annotation)
        if not numbers:
            return
        if written.told:
            self._ledger.notice(kind, frame["id"], written.told)
        self._ledger.keep(kind)
        self._ledger.keep("attributes", len(roi.held) - self._other_names(frame, annotation, numbers[0]))
        for number in numbers:
            yield f"{number} {written.text}\n"

    def _other_names(self, frame: Frame, annotation: Annotation, number: int) -> bool:
        """Whether the names of its key points are lost, since its class has others."""
        if "keypoints" not in annotation.get("geometry", {}):
            return False
        self._pose.name(number, annotation)
        names = names_in(annotation, self._pose.count)
        if names == self._pose.names.get(number, []):
            return False
        if names:
            self._ledger.lose("attributes", frame["id"], OTHER_NAMES)
        else:
            self._ledger.notice("key points", frame["id"], NAMES_ADDED)
        return bool(names)

    def _numbers(self, frame: Frame, annotation: Annotation) -> list[int]:
        """The classes of an annotation, as the label files number them: from 0, without gaps."""
        kind, labels = kind_of(annotation), annotation["labels"]
        numbers = sorted({self._class_of[number] for number in label_ids(labels, self._labels) if number >= 0})
        if not numbers:
            self._ledger.lose(kind, frame["id"], NO_CLASS)
        elif len(numbers) > 1:
            self._ledger.notice(kind, frame["id"], SEVERAL)
        if numbers and {self._names[number] for number in numbers} != set(labels):
            self._ledger.notice(kind, frame["id"], RENAMED, ", ".join(labels)[:200])
        return numbers

    def _data(self, task: str, splits: Mapping[str, str]) -> bytes:
        pictures = self._splits.everything
        train, val = _list_of("train", splits), _list_of("val", splits)
        first = next(iter(splits.values()), pictures)
        data: dict[str, Any] = {"train": train or first, "val": val or train or first}
        self._tell_splits(data, splits, [reason for path, reason in ((train, NO_TRAIN), (val, NO_VAL)) if not path])
        if "test" in splits:
            data["test"] = splits["test"]
        data |= {"nc": len(self._names), "names": dict(enumerate(self._names)), "task": task}
        if self._pose.count:
            data |= {"kpt_shape": [self._pose.count, 3]} | self._pose.names_for(len(self._names))
        data[OWN] = {"splits": dict(splits)}
        return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=10**6).encode()

    def _tell_splits(self, data: Mapping[str, Any], splits: Mapping[str, str], missing: Sequence[str]) -> None:
        """Names a split that stands for another one: Ultralytics needs both `train` and `val`."""
        if not splits and self._splits.has_pictures:
            self._ledger.notice("splits", "data.yaml", NO_SPLIT)
        for reason in missing if splits else ():
            detail = f"train: {data['train']}, val: {data['val']}; the splits are {listed(splits)}"
            self._ledger.notice("splits", "data.yaml", reason, detail)

    def _write(self, path: str, content: bytes) -> None:
        self._files.add(path)
        with self._output.file(path) as file:
            file.write(content)


def _list_of(split: str, splits: Mapping[str, str]) -> str:
    """The list of a split, which may have another usual name: `valid` is `val`; empty if there is none."""
    named = (path for name, path in splits.items() if SPLITS.get(name.lower()) == split)
    return splits.get(split) or next(named, "")


WRITTEN = WrittenFormat("yolo", "YOLO", "images", single=False, start=YoloWriter)
