"""Values of Label Studio's results, in percent of a picture's sides, as our geometries, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from hyperdatasets.core.frames import Geometry
from hyperdatasets.formats import labelstudio_rle
from hyperdatasets.formats.json_text import is_number
from hyperdatasets.formats.ledger import Kind
from hyperdatasets.formats.raster import bitmap_of, rings_of
from hyperdatasets.formats.unfit import Unfit

Size = tuple[int, int]
KINDS: Mapping[str, Kind] = {
    "rectangle": "boxes", "polygon": "polygons", "brush": "polygons", "ellipse": "ellipses", "keypoint": "key points",
    "span": "spans", "choices": "labels", "taxonomy": "labels", "textarea": "captions", "videorectangle": "boxes",
    "timeline": "spans", "timeseries": "spans", "hypertext": "spans", "paragraph": "spans", "bitmask": "polygons",
    "vector": "key points", "relation": "attributes", "rating": "attributes", "number": "attributes",
    "datetime": "attributes",
}  # fmt: skip
"""What a result counts as, by its type without `labels`; `labels` alone is a span."""
SOFT = "masks with soft edges; pixels that are covered in part belong to them"
MILLISECONDS = "times that are no whole milliseconds, rounded"
RASTERED = "polygons of several rings, which Label Studio sees as masks of whole pixels"
_MS_OFF = 1e-6


class Shape(NamedTuple):
    """A geometry; `notice` says what is kept otherwise than it was."""

    geometry: dict[str, Any]
    meta: Mapping[str, Any] = MappingProxyType({})
    notice: str = ""


def base_type(result_type: str) -> str:
    """`rectangle` for `rectanglelabels`, `span` for `labels`."""
    return "span" if result_type == "labels" else result_type.removesuffix("labels")


def is_region(result_type: str) -> bool:
    """Whether results of a type have a geometry."""
    return base_type(result_type) in _IN_PICTURE or result_type == "labels"


def picture_shape(result_type: str, value: Mapping[str, Any], size: Size) -> Shape:
    """Raises Unfit."""
    return _IN_PICTURE[base_type(result_type)](value, size)


def _numbers(value: Mapping[str, Any], *names: str) -> list[float]:
    wrong = [name for name in names if not is_number(value.get(name))]
    if wrong:
        raise Unfit("shapes whose coordinates are no numbers", ", ".join(wrong))
    return [float(value[name]) for name in names]


def _angle(value: Mapping[str, Any]) -> float:
    return 0.0 if value.get("rotation") is None else _numbers(value, "rotation")[0]


def _rectangle(value: Mapping[str, Any], size: Size) -> Shape:
    """There a box turns about its top left corner, here about its middle."""
    x, y, width, height = (
        part * size[index % 2] / 100 for index, part in enumerate(_numbers(value, "x", "y", "width", "height"))
    )
    if not (angle := _angle(value)):
        return Shape({"box": [x, y, width, height]})
    across, down = _turned(width / 2, height / 2, angle)
    return Shape({"box": [x + across - width / 2, y + down - height / 2, width, height, angle]})


def _turned(x: float, y: float, angle: float) -> tuple[float, float]:
    if not math.isfinite(angle):
        raise Unfit("shapes whose coordinates are no numbers", "rotation")
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return x * cos - y * sin, x * sin + y * cos


def _polygon(value: Mapping[str, Any], size: Size) -> Shape:
    points = value.get("points")
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 and all(map(is_number, point)) for point in points
    ):
        raise Unfit("shapes whose points are no pairs of numbers", f"{points!r:.60}")
    return Shape({"polygon": [[part * side / 100 for point in points for part, side in zip(point, size, strict=True)]]})


def _ellipse(value: Mapping[str, Any], size: Size) -> Shape:
    x, y, across, down = (
        part * size[index % 2] / 100 for index, part in enumerate(_numbers(value, "x", "y", "radiusX", "radiusY"))
    )
    return Shape({"ellipse": [x, y, across, down, _angle(value)]})


def _keypoint(value: Mapping[str, Any], size: Size) -> Shape:
    x, y = _numbers(value, "x", "y")
    return Shape({"keypoints": [x * size[0] / 100, y * size[1] / 100]})


def _brush(value: Mapping[str, Any], size: Size) -> Shape:
    rle = value.get("rle")
    if value.get("format", "rle") != "rle" or not isinstance(rle, list):
        raise Unfit("masks that cannot be decoded", f"format {value.get('format')!r:.40}")
    try:
        bitmap, soft = labelstudio_rle.decoded(rle, *size)
    except ValueError as error:
        raise Unfit("masks that cannot be decoded", str(error)[:100]) from None
    rings = rings_of(bitmap)
    if not rings:
        raise Unfit("masks without a set pixel")
    return Shape({"polygon": rings}, {"shape": "mask"}, SOFT if soft else "")


_IN_PICTURE: Mapping[str, Callable[[Mapping[str, Any], Size], Shape]] = {
    "rectangle": _rectangle, "polygon": _polygon, "ellipse": _ellipse, "keypoint": _keypoint, "brush": _brush,
}  # fmt: skip


def span_shape(value: Mapping[str, Any], *, seconds: bool) -> Shape:
    """Seconds of a recording become milliseconds; offsets in a text stay. Raises Unfit."""
    start, end = _numbers(value, "start", "end")
    if not seconds:
        if start != start // 1 or end != end // 1:
            raise Unfit("spans of a text whose ends are no whole numbers", f"{start:g} to {end:g}")
        return Shape({"span": [int(start), int(end)]})
    if not math.isfinite(start * 1000 + end * 1000):
        raise Unfit("shapes whose coordinates are no numbers", "start, end")
    span = [round(start * 1000), round(end * 1000)]
    exact = abs(span[0] - start * 1000) + abs(span[1] - end * 1000) < _MS_OFF
    return Shape({"span": span}, notice="" if exact else MILLISECONDS)


def picture_values(geometry: Geometry, size: Size, *, as_mask: bool) -> tuple[str, list[dict[str, Any]], str] | None:
    """Type and values for a geometry, several for key points, and what is to be noticed.

    None for what Label Studio has no place for.
    """
    if "box" in geometry:
        return "rectanglelabels", [_rectangle_value(geometry["box"], size)], ""
    if "ellipse" in geometry:
        x, y, across, down, angle = geometry["ellipse"]
        places = {"x": x * 100 / size[0], "y": y * 100 / size[1]}
        radii = {"radiusX": across * 100 / size[0], "radiusY": down * 100 / size[1]}
        return "ellipselabels", [places | radii | {"rotation": angle}], ""
    if "keypoints" in geometry:
        points = _percents(geometry["keypoints"], size)
        return "keypointlabels", [{"x": x, "y": y, "width": 0.5} for x, y in points], ""
    return _area_values(geometry["polygon"], size, as_mask=as_mask) if "polygon" in geometry else None


def _percents(points: Sequence[float], size: Size) -> list[list[float]]:
    return [[x * 100 / size[0], y * 100 / size[1]] for x, y in zip(points[::2], points[1::2], strict=True)]


def _rectangle_value(box: Sequence[float], size: Size) -> dict[str, Any]:
    x, y, width, height = box[:4]
    angle = box[4] if len(box) > 4 else 0.0
    if angle:
        across, down = _turned(width / 2, height / 2, angle)
        x, y = x + width / 2 - across, y + height / 2 - down
    sides = {"width": width * 100 / size[0], "height": height * 100 / size[1]}
    return {"x": x * 100 / size[0], "y": y * 100 / size[1], **sides, "rotation": angle}


def _area_values(
    rings: Sequence[Sequence[float]], size: Size, *, as_mask: bool
) -> tuple[str, list[dict[str, Any]], str] | None:
    """A polygon there is one ring; several are a mask, or have no place if no pixel is inside."""
    if not as_mask and len(rings) == 1:
        return "polygonlabels", [{"points": _percents(rings[0], size), "closed": True}], ""
    try:
        bitmap = bitmap_of(rings, *size)
    except ValueError:
        return None
    if not np.any(bitmap):
        return None
    exact = rings_of(bitmap) == [list(ring) for ring in rings]
    return "brushlabels", [{"format": "rle", "rle": labelstudio_rle.encoded(bitmap)}], "" if exact else RASTERED
