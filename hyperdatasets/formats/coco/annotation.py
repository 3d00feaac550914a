"""A COCO annotation as ours, and ours as a COCO annotation. Reading what was written gives the same, or it is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.frames import Annotation, Geometry
from hyperdatasets.core.geometry import area, corners
from hyperdatasets.core.plain import meta_object
from hyperdatasets.formats import raster
from hyperdatasets.formats.coco.shapes import RUNS, Lost, area_apart, area_of_ring, is_close, shape_of
from hyperdatasets.formats.extension import OWN, seal_of
from hyperdatasets.formats.json_text import is_number
from hyperdatasets.formats.ledger import Kind
from hyperdatasets.formats.written_box import written_box

BAD_META = "metadata that cannot be kept"
_RESERVED = frozenset({
    "id", "image_id", "category_id", "bbox", "area", "segmentation", "keypoints", "num_keypoints", "score",
    "segments_info", "file_name", OWN,
})  # fmt: skip
_FROM_ELSEWHERE = frozenset(
    {"visibility", "keypoint_names", "skeleton", "supercategory", "category", "encoding", "box", "polygon"}
)
"""Metadata that other fields of COCO hold."""
_OF_CATEGORY = frozenset({"id", "name", "keypoints", "skeleton", "supercategory"})
_USUAL = frozenset({"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"})
_ALWAYS = frozenset({"id", "name"})
_OF_ROI = ("bbox", "category_id", "segmentation", "keypoints", "segments_info")
_OF_CAPTION = frozenset({"id", "image_id", "caption"})
_EMPTY: tuple[Any, ...] = (None, {}, [])
_CROWD = {"1": 1, "0": 0}
_VISIBLE = 2


class Read(NamedTuple):
    """An annotation that was read; `plain` is None if nothing of it is kept."""

    plain: dict[str, Any] | None
    kind: Kind
    lost: Sequence[Lost] = ()
    noticed: Sequence[Lost] = ()


def is_caption(content: Mapping[str, Any]) -> bool:
    """Whether an annotation is a caption of the whole picture; one with a shape or a category is a ROI."""
    return "caption" in content and all(content.get(key) in _EMPTY for key in _OF_ROI)


def beside_caption(content: Mapping[str, Any]) -> list[str]:
    """The names of the fields of a caption that have no place in a frame."""
    return sorted(key for key in content.keys() - _OF_CAPTION if content[key] not in _EMPTY)


def given_kind(content: Mapping[str, Any]) -> Kind:
    """What an annotation counts as, by the fields that it has."""
    if is_caption(content):
        return "captions"
    if content.get("keypoints"):
        return "key points"
    if content.get("segments_info") is not None or isinstance(content.get("segmentation"), Mapping):
        return "masks"
    return "polygons" if content.get("segmentation") else "boxes" if content.get("bbox") else "labels"


def usual(content: Mapping[str, Any], category: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same as `read_annotation` for a box, or a polygon of one ring, of which nothing else is known; else None.

    Nearly all annotations are like this, and this takes a third of the time.
    """
    if not content.keys() <= _USUAL or content.get("iscrowd") or not category.keys() <= _ALWAYS:
        return None
    label, outline, box = category.get("name"), content.get("segmentation"), content.get("bbox")
    if type(label) is not str or not label or type(box) is not list or len(box) != 4:
        return None
    stated = content.get("area")
    try:
        own = box[2] * box[3] if not outline else area_of_ring(outline, box)
        if own is None or not math.isfinite(own) or (stated is not None and not is_close(stated, own)):
            return None
    except (TypeError, OverflowError):  # no numbers
        return None
    return {"labels": [label], "geometry": {"polygon": outline} if outline else {"box": box}}


def read_annotation(
    content: Mapping[str, Any],
    category: Mapping[str, Any],
    origin: str = "",
    *,
    stated: tuple[int, int] | None = None,
) -> Read:
    """An annotation with its label, its most specific shape, and everything else as metadata.

    Args:
        stated: width and height that the image states; run lengths for another size are lost.
    """
    labelled = described(content, category, origin)
    if isinstance(labelled, Lost):
        return Read(None, labelled.kind, [labelled])
    shape = shape_of(content, category, stated)
    if not shape.geometry and shape.lost:
        return Read(None, shape.kind, shape.lost)
    if not shape.geometry and content.get("keypoints"):
        return Read(None, "key points", [Lost("key points", "key points none of which is labelled", "")])
    if shape.geometry:
        labelled["geometry"] = shape.geometry
        more = shape.meta | area_apart(content, shape.geometry, shape.meta) | _count_apart(content)
        if more:
            labelled["meta"] = labelled.get("meta", {}) | more
    return Read(labelled, shape.kind, (*shape.lost, *without_bad_meta(labelled)), shape.noticed)


def _count_apart(content: Mapping[str, Any]) -> dict[str, Any]:
    """The number of key points that an annotation states, where it has another number of visible ones."""
    stated, points = content.get("num_keypoints"), content.get("keypoints")
    visible = sum(map(bool, points[2::3])) if isinstance(points, list) else 0
    return {} if stated is None or stated == visible else {"num_keypoints": stated}


def without_bad_meta(plain: dict[str, Any]) -> list[Lost]:
    """Removes the fields of the metadata that cannot be kept, so that the annotation can be."""
    meta = plain.get("meta")
    if not meta or (problem := _problem(meta)) is None:
        return []
    bad = {key: each for key, value in meta.items() if (each := _problem({key: value})) is not None}
    if not bad:  # too large in all
        return [Lost("attributes", BAD_META, problem)] if plain.pop("meta") else []
    plain["meta"] = {key: value for key, value in meta.items() if key not in bad}
    return [Lost("attributes", BAD_META, each) for each in bad.values()] + without_bad_meta(plain)


def _problem(meta: Mapping[str, Any]) -> str | None:
    """Why metadata cannot be kept; None if it can."""
    try:
        meta_object(meta, "meta")
    except InvalidFrame as error:
        return error.message
    return None


def described(content: Mapping[str, Any], category: Mapping[str, Any], origin: str) -> dict[str, Any] | Lost:
    """Label, confidence, origin and metadata of an annotation or a panoptic segment."""
    name = category.get("name")
    if name is None or name == "":
        number = content.get("category_id")
        detail = "it has no `category_id`" if number is None else f"category {number} is not listed"
        return Lost(given_kind(content), "annotations of a category that is not listed", detail)
    plain: dict[str, Any] = {"labels": [str(name)]}
    if content.get("score") is not None:
        plain["confidence"] = content["score"]
    if origin:
        plain["origin"] = origin
    meta = {key: value for key in content.keys() - _RESERVED if (value := content[key]) not in _EMPTY}
    if "iscrowd" in meta:
        _read_crowd(meta)
    if len(category) > len(_ALWAYS) or not category.keys() <= _ALWAYS:
        meta |= _of_category(category)
    if meta:
        plain["meta"] = meta
    return plain


def _read_crowd(meta: dict[str, Any]) -> None:
    """`iscrowd` as 1, however it is written: true, "1"; left out where it is 0."""
    said = meta["iscrowd"]
    crowd = _CROWD.get(said.strip(), said) if isinstance(said, str) else said
    if crowd == 0:
        del meta["iscrowd"]
    else:
        meta["iscrowd"] = 1 if crowd == 1 else said


def written(annotation: Annotation, size: tuple[int, int] | None) -> tuple[dict[str, Any], str] | None:
    """The fields of COCO that show an annotation, and what is told of them; None if none of its fields can.

    Args:
        size: width and height of the picture, which run lengths need.
    """
    geometry = annotation.get("geometry")
    meta = annotation.get("meta", {})
    box = written_box(geometry, meta) if geometry else None
    if geometry is None or box is None or not geometry.keys() & {"box", "polygon", "ellipse", "keypoints"}:
        return None
    shown: dict[str, Any] = {key: value for key, value in meta.items() if key not in _RESERVED | _FROM_ELSEWHERE}
    shown["iscrowd"] = 1 if meta.get("iscrowd") else 0
    shown["bbox"] = list(box)
    shown["area"] = meta["area"] if is_number(meta.get("area")) else _area(geometry, box)
    if "confidence" in annotation:
        shown["score"] = annotation["confidence"]
    if "keypoints" in geometry:
        return shown | _points(geometry, meta), ""
    segmentation, told = _segmentation(geometry, meta, size)
    return shown | ({"segmentation": segmentation} if segmentation else {}), told


def sealed(content: Mapping[str, Any], category: Mapping[str, Any]) -> str:
    """The seal of what other tools may change; numbers of images, annotations and categories do not count."""
    numbered = {"id", "image_id", "category_id", OWN}
    said = {key: value for key, value in content.items() if key not in numbered}
    return seal_of([category.get("name"), said])


def _points(geometry: Geometry, meta: Mapping[str, Any]) -> dict[str, Any]:
    points = geometry["keypoints"]
    count = len(points) // 2
    visibility = meta.get("visibility")
    if not isinstance(visibility, list) or len(visibility) != count:
        visibility = [_VISIBLE] * count
    flat = [part for x, y, seen in zip(points[::2], points[1::2], visibility, strict=True) for part in (x, y, seen)]
    stated = meta.get("num_keypoints")
    visible = sum(bool(seen) for seen in visibility)
    shown = {"keypoints": flat, "num_keypoints": stated if type(stated) is int else visible}
    return shown | ({"segmentation": meta["polygon"]} if isinstance(meta.get("polygon"), list) else {})


def _segmentation(geometry: Geometry, meta: Mapping[str, Any], size: tuple[int, int] | None) -> tuple[Any, str]:
    """Rings or run lengths; and what other tools see instead of the geometry."""
    if "ellipse" in geometry:
        return None, "ellipses, shown as their boxes"
    if "box" in geometry:
        turned = len(geometry["box"]) > 4
        return ([corners(geometry["box"])], "turned boxes, shown as polygons") if turned else (None, "")
    rings = geometry["polygon"]
    filled = math.isclose(sum(area({"polygon": [ring]}) or 0 for ring in rings), area(geometry) or 0, rel_tol=1e-9)
    runs = meta.get("encoding") == RUNS
    if size and (runs or not filled):
        return _run_lengths(rings, size), "" if runs else "polygons with holes, shown as masks of whole pixels"
    return rings, "" if filled else "polygons with holes, whose holes are filled"


def _run_lengths(rings: Sequence[Sequence[float]], size: tuple[int, int]) -> dict[str, Any]:
    width, height = size
    runs = raster.bitmap_to_runs(raster.bitmap_of(rings, width, height))
    return {"size": [height, width], "counts": raster.runs_to_string(runs)}


def _area(geometry: Geometry, box: Sequence[float]) -> float:
    measured = area(geometry)
    return box[2] * box[3] if measured is None else measured


def _of_category(category: Mapping[str, Any]) -> dict[str, Any]:
    """What a category says of its objects; kept with each of them."""
    above = category.get("supercategory")
    meta: dict[str, Any] = {"supercategory": above} if above and above not in {"none", category.get("name")} else {}
    others = {key: value for key, value in category.items() if key not in _OF_CATEGORY and value is not None}
    return meta | ({"category": others} if others else {})
