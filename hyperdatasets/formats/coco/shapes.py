"""The shapes of a COCO annotation: box, rings, run lengths, key points; the most specific becomes the geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any, NamedTuple

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.geometry import area
from hyperdatasets.core.shapes import check_geometry
from hyperdatasets.core.wording import counted
from hyperdatasets.formats import raster
from hyperdatasets.formats.ledger import Kind
from hyperdatasets.formats.written_box import written_box

RUNS = "rle"  # `meta.encoding` of a polygon that was a run-length mask
_CLOSE_PX = 1.0  # a box beside a polygon that differs less is the polygon's own, rounded
_CLOSE_AREA = 0.01
_VISIBLE = 2
UNSURE = (0, 0)
"""Stands for the size of a picture that states none, and whose masks have several."""
_VISIBILITIES = (0, 1, 2)
_BOX_NUMBERS = 4
_OTHER_COUNT = "key points that are not as many as their names; names not used"
_NO_NUMBERS = "rings with coordinates that are no usable numbers"
_BAD_RUNS = "run-length masks that cannot be read"


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
    noticed: tuple[Lost, ...] = ()


NO_SHAPE = Shape("labels", {}, {})


def shape_of(
    annotation: Mapping[str, Any], category: Mapping[str, Any], stated: tuple[int, int] | None = None
) -> Shape:
    """The most specific shape that is given; the others lie in the metadata: key points, then outline, then box.

    Args:
        stated: width and height that the image states.
    """
    flat = _box(annotation.get("bbox"))
    if not annotation.get("segmentation") and not annotation.get("keypoints"):
        return flat
    outline = _outline(annotation.get("segmentation"), stated)
    points = _points(annotation.get("keypoints"), category)
    box = flat.geometry.get("box")
    lost = outline.lost + points.lost + flat.lost
    if points.geometry:
        meta = points.meta | ({"box": box} if box else {}) | outline.geometry | outline.meta
        return Shape("key points", points.geometry, meta, lost, points.noticed)
    if outline.geometry:
        own = _box_apart(outline.geometry, box)
        return Shape(outline.kind, outline.geometry, outline.meta | own, lost)
    if box:
        return Shape("boxes", {"box": box}, {}, lost)
    return Shape("labels", {}, {}, lost)


def _box(box: Any) -> Shape:
    """A list of more or fewer than four numbers is no box: a fifth may be an angle, a score, or an error."""
    if not box:
        return NO_SHAPE
    if isinstance(box, list) and len(box) != _BOX_NUMBERS:
        return Shape("boxes", {}, {}, (Lost("boxes", "boxes that have not four numbers", f"{box!r:.120}"),))
    return Shape("boxes", {"box": box}, {})


def area_apart(content: Mapping[str, Any], geometry: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """The area that an annotation states, where it is not simply that of its shape.

    That of key points is kept unless it is exactly that of their box, since their scores depend on it.
    """
    stated = content.get("area")
    if type(stated) is not float and type(stated) is not int:
        return {}
    try:
        own = _own_area(geometry, meta)
        close = own is not None and (stated == own if "keypoints" in geometry else is_close(stated, own))
    except (TypeError, ValueError, IndexError, OverflowError):  # not valid, which is told where it is checked
        close = False
    return {} if close else {"area": stated}


def is_close(area: float, other: float) -> bool:
    """Whether two areas are the same but for rounding."""
    return abs(area - other) <= max(1.0, _CLOSE_AREA * other)


def _own_area(geometry: Mapping[str, Any], meta: Mapping[str, Any]) -> float | None:
    """The area that need not be kept, since exports compute it from the same shape and metadata."""
    rings = geometry.get("polygon")
    if rings and len(rings) == 1:
        ring = rings[0]
        return _ring_area(ring[::2], ring[1::2])
    box = geometry.get("box")
    if box is None and "keypoints" in geometry:
        box = written_box(geometry, meta)  # type: ignore[arg-type]  # not yet checked
    return float(box[2] * box[3]) if box else area(geometry)  # type: ignore[arg-type]  # not yet checked


def _ring_area(xs: list[float], ys: list[float]) -> float:
    """Shoelace formula, quickly; differs from `core.geometry.area` by rounding."""
    return float(abs(sum(map(mul, xs, ys[1:] + ys[:1])) - sum(map(mul, ys, xs[1:] + xs[:1]))) / 2)


def _outline(segmentation: Any, stated: tuple[int, int] | None) -> Shape:
    if not segmentation:
        return NO_SHAPE
    if isinstance(segmentation, Mapping):
        return _mask(segmentation, stated)
    if not isinstance(segmentation, list):
        detail = f"expected a list of rings or run lengths, got {type(segmentation).__name__}"
        return Shape("polygons", {}, {}, (Lost("polygons", "segmentations that cannot be read", detail),))
    flat = type(segmentation[0]) is not list and all(isinstance(each, int | float) for each in segmentation)
    rings = [segmentation] if flat else segmentation
    long = [ring for ring in rings if isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0]
    problems = [_problem_of({"polygon": [ring]}) for ring in long]
    good = [ring for ring, problem in zip(long, problems, strict=True) if not problem]
    lost: tuple[Lost, ...] = ()
    if len(long) < len(rings):
        detail = f"{len(rings) - len(long)} of {len(rings)} rings"
        lost = (Lost("polygons", "rings that have not at least three points of two coordinates", detail),)
    lost += tuple(Lost("polygons", _NO_NUMBERS, problem) for problem in problems if problem)
    return Shape("polygons", {"polygon": good}, {}, lost) if good else Shape("polygons", {}, {}, lost)


def _problem_of(geometry: dict[str, Any]) -> str:
    """Why it is no geometry; empty if it is one."""
    try:
        check_geometry(geometry, "geometry")
    except InvalidFrame as error:
        return error.message
    return ""


def size_of_runs(segmentation: Any) -> tuple[int, int] | None:
    """Width and height of run lengths; None if they are none, or state no size."""
    size = segmentation.get("size") if isinstance(segmentation, Mapping) else None
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        return None
    return size[1], size[0]


def _mask(segmentation: Mapping[str, Any], stated: tuple[int, int] | None) -> Shape:
    """Run lengths as the rings along the edges of their pixels, which hold exactly these pixels."""
    size, counts = size_of_runs(segmentation), segmentation.get("counts")
    if size is None or not isinstance(counts, str | list):
        detail = f"expected `size` as height, width and `counts`, got size {segmentation.get('size')!r:.60}"
        return Shape("masks", {}, {}, (Lost("masks", _BAD_RUNS, detail),))
    width, height = size
    if stated is not None and stated != size:
        other = f"the image states {stated[0]} x {stated[1]}"
        detail = f"for {width} x {height}, {'its masks have several sizes' if stated == UNSURE else other}"
        return Shape("masks", {}, {}, (Lost("masks", "run-length masks for another size than their image's", detail),))
    try:
        runs = raster.string_to_runs(counts) if isinstance(counts, str) else counts
        rings = raster.rings_of(raster.runs_to_bitmap(runs, height, width))
    except ValueError as error:
        return Shape("masks", {}, {}, (Lost("masks", _BAD_RUNS, str(error)),))
    except (TypeError, OverflowError):
        detail = "`counts`: expected whole numbers from 0 that are no larger than the picture"
        return Shape("masks", {}, {}, (Lost("masks", _BAD_RUNS, detail),))
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
    noticed = _odd_visibilities(visibility)
    names = category.get("keypoints")
    if isinstance(names, list) and names and names != numbers(len(names)):
        if len(names) == len(visibility):
            meta["keypoint_names"] = names
        else:
            detail = f"{counted(len(visibility), 'point')}, {counted(len(names), 'name')}"
            noticed += (Lost("key points", _OTHER_COUNT, detail),)
    if category.get("skeleton"):
        meta["skeleton"] = category["skeleton"]
    points = [part for x, y in zip(keypoints[::3], keypoints[1::3], strict=True) for part in (x, y)]
    if problem := _problem_of({"keypoints": points}):
        return Shape("key points", {}, {}, (Lost("key points", "key points that cannot be read", problem),))
    return Shape("key points", {"keypoints": points}, meta, (), noticed)


def _odd_visibilities(visibility: list[Any]) -> tuple[Lost, ...]:
    odd = [each for each in visibility if each not in _VISIBILITIES]
    return (Lost("key points", "visibilities other than 0, 1, 2, kept as they are", f"{odd!r:.60}"),) if odd else ()


def area_of_ring(segmentation: Any, box: list[Any]) -> float | None:
    """The area of a segmentation of one ring whose box this is, as most are; None for any other.

    Raises:
        TypeError: they are no numbers.
    """
    if type(segmentation) is not list or len(segmentation) != 1 or type(segmentation[0]) is not list:
        return None
    ring = segmentation[0]
    xs, ys = ring[::2], ring[1::2]
    if len(xs) != len(ys) or len(xs) < 3 or not _is_box_of(box, xs, ys):
        return None
    return _ring_area(xs, ys)


def _is_box_of(box: Any, xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether a box is that of these points, but for rounding.

    Raises:
        TypeError: they are no numbers.
    """
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    x, y, width, height = box
    return bool(
        abs(x - left) <= _CLOSE_PX and abs(y - top) <= _CLOSE_PX
        and abs(x + width - right) <= _CLOSE_PX and abs(y + height - bottom) <= _CLOSE_PX
    )  # fmt: skip


def _box_apart(geometry: dict[str, Any], box: Any) -> dict[str, Any]:
    """A box beside a polygon, where it is more than the polygon's own, rounded."""
    if not box:
        return {}
    try:
        points = [part for ring in geometry["polygon"] for part in ring]
        own = _is_box_of(box, points[::2], points[1::2])
    except (TypeError, ValueError):  # not valid, which is told where it is checked
        own = False
    return {} if own else {"box": box}


def numbers(count: int) -> list[str]:
    """Names for points that have none."""
    return [str(number) for number in range(1, count + 1)]
