"""The shapes of a COCO annotation: box, rings, run lengths, key points; the most specific becomes the geometry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hyperdatasets.core.geometry import area, bounding_box
from hyperdatasets.formats import raster
from hyperdatasets.formats.ledger import Kind

RUNS = "rle"  # `meta.encoding` of a polygon that was a run-length mask
_CLOSE_PX = 1.0  # a box beside a polygon that differs less is the polygon's own, rounded
_CLOSE_AREA = 0.01
_VISIBLE = 2


class Lost(NamedTuple):
    """A part of an annotation that is not kept."""

    kind: Kind
    reason: str
    detail: str


class Shape(NamedTuple):
    """The geometry of an annotation, metadata that belongs to it, and what was lost of it."""

    kind: Kind
    geometry: dict[str, Any]
    meta: dict[str, Any]
    lost: tuple[Lost, ...] = ()


NO_SHAPE = Shape("labels", {}, {})


def shape_of(annotation: Mapping[str, Any], category: Mapping[str, Any]) -> Shape:
    """The most specific shape that is given; the others lie in the metadata: key points, then outline, then box."""
    outline = _outline(annotation.get("segmentation"))
    points = _points(annotation.get("keypoints"), category)
    box = annotation.get("bbox") or None
    lost = outline.lost + points.lost
    if points.geometry:
        meta = points.meta | ({"box": box} if box else {}) | outline.geometry | outline.meta
        return Shape("key points", points.geometry, meta, lost)
    if outline.geometry:
        own = _box_apart(outline.geometry, box)
        return Shape(outline.kind, outline.geometry, outline.meta | own, lost)
    if box:
        return Shape("boxes", {"box": box}, {}, lost)
    return Shape("labels", {}, {}, lost)


def area_apart(content: Mapping[str, Any], geometry: Mapping[str, Any]) -> dict[str, Any]:
    """The area that an annotation states, where it is not simply that of its shape or of its box."""
    stated = content.get("area")
    if not isinstance(stated, int | float) or isinstance(stated, bool):
        return {}
    close = any(abs(stated - own) <= max(1.0, _CLOSE_AREA * own) for own in _areas(content, geometry))
    return {} if close else {"area": stated}


def _areas(content: Mapping[str, Any], geometry: Mapping[str, Any]) -> Iterator[float]:
    """Areas that need not be kept, since they can be computed."""
    try:
        measured = area(geometry)  # type: ignore[arg-type]  # not yet checked
        if measured is not None:
            yield measured
        box = content.get("bbox") or bounding_box(geometry)  # type: ignore[arg-type]
        if "keypoints" in geometry and box:
            yield float(box[2] * box[3])
    except (TypeError, ValueError, IndexError, OverflowError):
        return


def _outline(segmentation: Any) -> Shape:
    if not segmentation:
        return NO_SHAPE
    if isinstance(segmentation, Mapping):
        return _mask(segmentation)
    if not isinstance(segmentation, list):
        detail = f"expected a list of rings or run lengths, got {type(segmentation).__name__}"
        return Shape("polygons", {}, {}, (Lost("polygons", "segmentations that cannot be read", detail),))
    rings = [segmentation] if all(isinstance(each, int | float) for each in segmentation) else segmentation
    good = [ring for ring in rings if isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0]
    lost: tuple[Lost, ...] = ()
    if len(good) < len(rings):
        detail = f"{len(rings) - len(good)} of {len(rings)} rings"
        lost = (Lost("polygons", "rings that have not at least three points of two coordinates", detail),)
    return Shape("polygons", {"polygon": good}, {}, lost) if good else Shape("polygons", {}, {}, lost)


def _mask(segmentation: Mapping[str, Any]) -> Shape:
    """Run lengths as the rings along the edges of their pixels, which hold exactly these pixels."""
    try:
        height, width = segmentation["size"]
        counts = segmentation["counts"]
        runs = raster.string_to_runs(counts) if isinstance(counts, str) else counts
        rings = raster.rings_of(raster.runs_to_bitmap(runs, height, width))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        detail = str(error) or type(error).__name__
        return Shape("masks", {}, {}, (Lost("masks", "run-length masks that cannot be read", detail),))
    if not rings:
        return Shape("masks", {}, {}, (Lost("masks", "run-length masks without any pixel", ""),))
    return Shape("masks", {"polygon": rings}, {"encoding": RUNS})


def _points(keypoints: Any, category: Mapping[str, Any]) -> Shape:
    if not keypoints:
        return NO_SHAPE
    if not isinstance(keypoints, list) or len(keypoints) % 3:
        detail = "expected x, y, visibility for each point"
        return Shape("key points", {}, {}, (Lost("key points", "key points that cannot be read", detail),))
    visibility = keypoints[2::3]
    if not any(keypoints):
        return NO_SHAPE  # none of the points is labelled
    meta: dict[str, Any] = {}
    if any(each != _VISIBLE for each in visibility):
        meta["visibility"] = visibility
    names = category.get("keypoints")
    if isinstance(names, list) and names and names != numbers(len(names)):
        meta["keypoint_names"] = names
    if category.get("skeleton"):
        meta["skeleton"] = category["skeleton"]
    points = [part for x, y in zip(keypoints[::3], keypoints[1::3], strict=True) for part in (x, y)]
    return Shape("key points", {"keypoints": points}, meta)


def _box_apart(geometry: dict[str, Any], box: Any) -> dict[str, Any]:
    """A box beside a polygon, where it is more than the polygon's own, rounded."""
    if not box:
        return {}
    try:
        own = bounding_box(geometry)  # type: ignore[arg-type]  # not yet checked
        corners = (box[0], box[1], box[0] + box[2], box[1] + box[3])
        if own and all(
            abs(one - other) <= _CLOSE_PX
            for one, other in zip(corners, (own[0], own[1], own[0] + own[2], own[1] + own[3]), strict=True)
        ):
            return {}
    except (TypeError, ValueError, IndexError):
        return {"box": box}
    return {"box": box}


def numbers(count: int) -> list[str]:
    """Names for points that have none."""
    return [str(number) for number in range(1, count + 1)]
