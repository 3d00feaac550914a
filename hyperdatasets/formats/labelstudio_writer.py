"""Writes tasks that Label Studio imports. What it cannot say lies under `hyperdatasets`, which it passes over."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import orjson

from hyperdatasets.core.frames import Annotation, Frame, Source
from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.formats.counting import kept_of, kind_of
from hyperdatasets.formats.described import split_of_subset
from hyperdatasets.formats.extension import (
    OWN,
    carried,
    frame_fields,
    lose_source_fields,
    split_apart,
    without_default_id,
)
from hyperdatasets.formats.json_text import is_empty
from hyperdatasets.formats.labelstudio_reader import MEDIA_KEYS
from hyperdatasets.formats.labelstudio_results import (
    DEFAULT_NAMES,
    About,
    Medium,
    read_results,
    seal_of_result,
)
from hyperdatasets.formats.labelstudio_shapes import Size, base_type, picture_values
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.spool import Spool
from hyperdatasets.formats.writing import Output, Placed, Subject, WrittenFormat

NO_FILE = "frames without a file, left out"
GROUPS = "groups, written as a task for each source"
UNSEEN = "labels, spans and shapes kept under `hyperdatasets`, since Label Studio has no place for them"
POINTS = "several key points of a ROI, which Label Studio sees as a region for each"
APART = "ROIs that come apart and have no place in Label Studio"
WHOLE_FILE = (
    "parts of a text, written as tasks about the whole file, with spans from its beginning; `option media=copy` writes "
    "each part as a file"
)
_FARTHEST = 1e12  # pixels; percent of what lies beyond may be infinite
_KEYS: Mapping[Medium, str] = {"picture": "image", "recording": "audio", "text": "text"}


class LabelStudioWriter:
    """One file; results wait in a spool until all of a task have come."""

    def __init__(self, output: Output, _subject: Subject, ledger: Ledger) -> None:
        self._stream, self._ledger = output.main("tasks.json"), ledger
        self._waiting = Spool()
        self._regions = 0

    def add(self, placed: Placed) -> None:
        frame = placed.frame
        if not frame["sources"]:
            for kind, count in kept_of(frame).items():
                self._ledger.lose(kind, frame["id"], NO_FILE, count=count)
            return
        if len(frame["sources"]) > 1:
            self._ledger.lose("frames", frame["id"], GROUPS)
        for number, source in enumerate(frame["sources"]):
            self._add_task(placed, {**frame, "sources": [source]}, first=number == 0)

    def _add_task(self, placed: Placed, frame: Frame, *, first: bool) -> None:
        source = frame["sources"][0]
        start = placed.starts.get(source["id"])
        key: Hashable = (placed.key, source["id"]) if placed.key is not None else object()
        made: dict[str, int] | None = {} if placed.key is None else None
        results, apart = [], []
        for annotation in frame.get("annotations", ()):
            if source["id"] not in annotation.get("sources", [source["id"]]):
                continue
            annotation = _moved(annotation, start or 0)  # noqa: PLW2901  # as it comes back
            found = self._results(annotation, without_default_id(annotation, made), source, frame["id"])
            results += [(annotation.get("origin", ""), each) for each in found]
            apart += [] if found else [annotation]
            if first or annotation.get("sources"):
                self._ledger.keep(kind_of(annotation))
        if key not in self._waiting:
            self._ledger.keep("frames", 1 if first else 0)
            lose_source_fields(source, frame["id"], self._ledger)
            if start is not None:
                self._ledger.notice("frames", frame["id"], WHOLE_FILE)
            self._waiting.add(key, orjson.dumps(_task(placed, frame, apart if first else ())))
        else:
            for annotation in apart:
                self._ledger.keep(kind_of(annotation), -1)
                self._ledger.lose(kind_of(annotation), frame["id"], APART)
        for pair in results:
            self._waiting.add(key, orjson.dumps(pair))

    def _results(
        self, annotation: Annotation, plain: dict[str, Any], source: Source, frame_id: str
    ) -> list[dict[str, Any]]:
        """The results for an annotation; none where Label Studio has no place for it."""
        found = _values(annotation, source)
        if found is None:
            self._ledger.notice(kind_of(annotation), frame_id, UNSEEN)
            return []
        result_type, values, notice = found
        for each in filter(None, (notice, POINTS if len(values) > 1 else "")):
            self._ledger.notice(kind_of(annotation), frame_id, each)
        results = [self._result(annotation, result_type, value, source) for value in values]
        about = About(_medium(source), lambda: None, origin=annotation.get("origin", ""))
        said = read_results(results[:1], about, "", Ledger()).items[0].plain
        own = carried(plain, said, seal_of_result(results[0]))
        if len(results) > 1:
            own |= {"parts": {each["id"]: seal_of_result(each) for each in results[1:]}}
            for part in results[1:]:
                part |= {"parentID": results[0]["id"], OWN: {"part_of": results[0]["id"]}}
        if own:
            results[0][OWN] = own
        return results

    def _result(
        self, annotation: Annotation, result_type: str, value: dict[str, Any], source: Source
    ) -> dict[str, Any]:
        self._regions += 1
        name, usual = annotation.get("meta", {}).get("from_name"), DEFAULT_NAMES[base_type(result_type)]
        result: dict[str, Any] = {
            "id": f"r{self._regions}", "type": result_type, "to_name": _KEYS[_medium(source)],
            "from_name": name if isinstance(name, str) and name else usual,
            "value": value | {result_type: annotation["labels"]},
        }  # fmt: skip
        if _medium(source) == "picture" and "width" in source and "height" in source:
            sizes = {"original_width": source["width"], "original_height": source["height"]}
            result |= sizes | {"image_rotation": 0}
        return result | ({"score": annotation["confidence"]} if "confidence" in annotation else {})

    def finish(self) -> None:
        for number, (task, *results) in enumerate(self._waiting):
            self._stream.write(b",\n" if number else b"[\n")
            self._stream.write(orjson.dumps(_whole(orjson.loads(task), map(orjson.loads, results))))
        self._stream.write(b"\n]\n" if len(self._waiting) else b"[]\n")
        self._waiting.close()


def _moved(annotation: Annotation, by: int) -> Annotation:
    """The same with its span moved."""
    geometry = annotation.get("geometry", {})
    if not by or "span" not in geometry:
        return annotation
    start, end = geometry["span"]
    return {**annotation, "geometry": {**geometry, "span": [start + by, end + by]}}


def _whole(task: dict[str, Any], results: Any) -> dict[str, Any]:
    """The task with its results: truth in one annotation, each model's in a prediction."""
    by_origin: dict[str, list[Any]] = {}
    for origin, result in results:
        by_origin.setdefault(origin, []).append(result)
    truth = [*task.pop("facts"), *by_origin.pop("", [])]
    predictions = [{"model_version": origin, "result": each} for origin, each in by_origin.items()]
    return task | {"annotations": [{"result": truth}] if truth else [], "predictions": predictions}


def _task(placed: Placed, frame: Frame, apart: Sequence[Annotation]) -> dict[str, Any]:
    """The task without its results; `facts` are results about the whole file."""
    source = frame["sources"][0]
    medium, meta = _medium(source), dict(frame.get("meta", {}))
    data: dict[str, Any] = {_KEYS[medium]: placed.names[source["id"]]}
    own, split = frame_fields(frame, placed.names, apart), placed.split or meta.get("split")
    if isinstance(split, str) and split:
        if meta.get("split") == split:
            del meta["split"]
        data["split"] = split
        own |= {"split": split} if split_of_subset(split) != split else {}
    own |= split_apart(placed.names[source["id"]], split)
    facts = _captions(meta.pop("captions"), medium) if _are_captions(meta.get("captions")) else []
    for name in [name for name, value in meta.items() if _is_data(name, value)]:
        data[name] = meta.pop(name)
    own |= {"meta": meta} if meta else {}
    return {"data": data, "facts": facts} | ({"meta": {OWN: own}} if own else {})


def _are_captions(captions: Any) -> bool:
    return isinstance(captions, list) and bool(captions) and all(isinstance(each, str) and each for each in captions)


def _captions(captions: list[str], medium: Medium) -> list[dict[str, Any]]:
    named = {"id": "captions", "type": "textarea", "from_name": DEFAULT_NAMES["textarea"], "to_name": _KEYS[medium]}
    return [named | {"value": {"text": captions}}]


def _is_data(name: str, value: Any) -> bool:
    """Whether metadata can stand beside the file in the data of a task."""
    return (
        name not in {*MEDIA_KEYS, "split", "captions"}
        and isinstance(value, str | bool | int | float)
        and not is_empty(value)
    )


def _values(annotation: Annotation, source: Source) -> tuple[str, list[dict[str, Any]], str] | None:
    geometry, medium = annotation.get("geometry"), _medium(source)
    if not geometry:
        return "choices", [{}], ""
    if "span" in geometry and medium != "picture":
        start, end = geometry["span"]
        return "labels", [{"start": start / 1000, "end": end / 1000} if medium == "recording" else
                          {"start": start, "end": end}], ""  # fmt: skip
    size: Size = (source.get("width", 0), source.get("height", 0))
    box = bounding_box(geometry)
    if medium != "picture" or not all(size) or box is None or max(map(abs, box)) > _FARTHEST:
        return None
    return picture_values(geometry, size, as_mask=annotation.get("meta", {}).get("shape") == "mask")


def _medium(source: Source) -> Medium:
    kind = source.get("content_type", "image/").partition("/")[0]
    return "text" if kind == "text" else "recording" if kind in {"audio", "video"} else "picture"


WRITTEN = WrittenFormat("labelstudio", "Label Studio", "images", single=True, start=LabelStudioWriter)
