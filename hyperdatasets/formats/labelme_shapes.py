"""LabelMe's shapes as our annotations."""

from __future__ import annotations

import base64
import binascii
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from hyperdatasets.formats.entry import Item
from hyperdatasets.formats.json_text import is_empty, is_number
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.media import MAX_PIXELS
from hyperdatasets.formats.raster import Bitmap, rings_of
from hyperdatasets.formats.unfit import Unfit

KINDS: Mapping[str, Kind] = {
    "polygon": "polygons", "rectangle": "boxes", "circle": "ellipses", "point": "key points", "points": "key points",
    "line": "key points", "linestrip": "key points", "mask": "polygons", "rotation": "polygons",
}  # fmt: skip
"""What each type of shape becomes; `rotation` is X-AnyLabeling's."""
LINES = "lines, kept as key points with `shape` in their metadata"
MASK_SIZE = "masks whose picture has another size than their box; the top left corner was taken"
LABEL = "labels that are no text, taken as text"
_READ_APART = frozenset({"label", "points", "shape_type", "mask", "flags", "score"})
DISPLAY = frozenset({"line_color", "fill_color", "lineColor", "fillColor"})
COLOURS = "colours in which LabelMe draws"


def item_of_shape(shape: Any, place: str, ledger: Ledger) -> Item | None:
    """None if it cannot be kept, of which the ledger knows."""
    if not isinstance(shape, dict):
        ledger.lose("polygons", place, "shapes that are no objects", f"{shape!r:.40}")
        return None
    shape_type = shape.get("shape_type") or "polygon"  # the oldest files have polygons only
    kind = KINDS.get(shape_type, "polygons") if isinstance(shape_type, str) else "polygons"
    read = _READ.get(shape_type) if isinstance(shape_type, str) else None
    if read is None:
        ledger.lose(kind, place, "shapes of a type that is not known", f"{shape_type!r:.40}")
        return None
    try:
        geometry, meta = read(shape, place, ledger)
    except Unfit as unfit:
        ledger.lose(kind, place, unfit.reason, unfit.detail)
        return None
    return Item(_annotation(shape, geometry, meta, place, ledger), kind, place)


def _annotation(
    shape: dict[str, Any], geometry: dict[str, Any], meta: dict[str, Any], place: str, ledger: Ledger
) -> dict[str, Any]:
    label, score = shape.get("label"), shape.get("score")
    if is_number(label):
        ledger.notice("labels", place, LABEL, f"{label!r:.40}")
        label = str(label)
    plain: dict[str, Any] = {"labels": [label], "geometry": geometry}
    if score is not None and is_number(score) and 0 <= score <= 1:
        plain["confidence"] = score
    elif not is_empty(score):
        meta["score"] = score
    meta |= {name: value for name, value in shape.items() if name not in _READ_APART and not is_empty(value)}
    for name in meta.keys() & DISPLAY:
        ledger.skip("attributes", place, COLOURS, name)
        del meta[name]
    if flags := flags_of(shape.get("flags"), place, ledger):
        meta["flags"] = flags
    return plain | ({"meta": meta} if meta else {})


def flags_of(flags: Any, place: str, ledger: Ledger) -> list[str]:
    """Names of the flags that are set."""
    if is_empty(flags):
        return []
    if not isinstance(flags, dict) or not all(isinstance(value, bool) for value in flags.values()):
        ledger.lose("attributes", place, "flags that are not true or false", f"{flags!r:.60}")
        return []
    return [name for name, is_set in flags.items() if is_set]


def _points(shape: Mapping[str, Any]) -> list[tuple[float, float]]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(_is_point(point) for point in points):
        raise Unfit("shapes whose points are no pairs of numbers", f"{points!r:.60}")
    return [(float(x), float(y)) for x, y in points]


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_number, point))


def _two(shape: Mapping[str, Any], what: str) -> tuple[tuple[float, float], tuple[float, float]]:
    points = _points(shape)
    if len(points) != 2:
        raise Unfit(f"{what} that do not have two points", f"{len(points)}")
    return points[0], points[1]


def _flat(points: Sequence[tuple[float, float]]) -> list[float]:
    return [part for point in points for part in point]


_Read = tuple[dict[str, Any], dict[str, Any]]


def _polygon(shape: Mapping[str, Any], _place: str, _ledger: Ledger) -> _Read:
    return {"polygon": [_flat(_points(shape))]}, {}


def _rotation(shape: Mapping[str, Any], _place: str, _ledger: Ledger) -> _Read:
    return {"polygon": [_flat(_points(shape))]}, {"shape": "rotation"}


def _rectangle(shape: Mapping[str, Any], _place: str, _ledger: Ledger) -> _Read:
    """Two opposite corners in any order, or all four of an upright rectangle."""
    points = _points(shape)
    xs, ys = sorted({x for x, _ in points}), sorted({y for _, y in points})
    if len(points) == 4 and (len(xs), len(ys), len(set(points))) != (2, 2, 4):
        raise Unfit("rectangles whose four points are no upright rectangle", f"{points!r:.80}")
    if len(points) not in {2, 4}:
        raise Unfit("rectangles that do not have two or four points", f"{len(points)}")
    return {"box": [xs[0], ys[0], xs[-1] - xs[0], ys[-1] - ys[0]]}, {}


def _circle(shape: Mapping[str, Any], _place: str, _ledger: Ledger) -> _Read:
    """The middle and a point on the circle."""
    (x, y), (on_x, on_y) = _two(shape, "circles")
    radius = math.hypot(on_x - x, on_y - y)
    return {"ellipse": [x, y, radius, radius, 0.0]}, {}


def _keypoints(shape: Mapping[str, Any], _place: str, _ledger: Ledger) -> _Read:
    return {"keypoints": _flat(_points(shape))}, {}


def _line(shape: Mapping[str, Any], place: str, ledger: Ledger) -> _Read:
    ledger.notice("key points", place, LINES)
    named = "line" if shape["shape_type"] == "line" else "polyline"
    return {"keypoints": _flat(_points(shape))}, {"shape": named}


def _mask(shape: Mapping[str, Any], place: str, ledger: Ledger) -> _Read:
    """A PNG of the part of the picture between two points, both included."""
    (x, y), (right, bottom) = _two(shape, "masks")
    if not all(map(math.isfinite, (x, y, right, bottom))):
        raise Unfit("masks that cannot be decoded", "their points are no finite numbers")
    bitmap = _bitmap(shape.get("mask"))
    if (round(right) - round(x) + 1, round(bottom) - round(y) + 1) != bitmap.shape[::-1]:
        ledger.notice("polygons", place, MASK_SIZE, f"{bitmap.shape[1]} x {bitmap.shape[0]} pixels")
    rings = rings_of(bitmap)
    if not rings:
        raise Unfit("masks without a set pixel")
    moved = [[part + round(y if index % 2 else x) for index, part in enumerate(ring)] for ring in rings]
    return {"polygon": moved}, {"shape": "mask"}


def _bitmap(text: Any) -> Bitmap:
    if not isinstance(text, str):
        raise Unfit("masks that cannot be decoded", "there is no picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(base64.b64decode(text))) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Unfit("masks that cannot be decoded", f"{image.width} x {image.height} pixels are too many")
                pixels = np.asarray(image if image.mode in {"1", "L"} else image.convert("RGBA"))
    except UnidentifiedImageError:
        raise Unfit("masks that cannot be decoded", "it is no picture") from None
    except (binascii.Error, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, Unfit):
            raise
        raise Unfit("masks that cannot be decoded", str(error)[:100]) from None
    return pixels > 0 if pixels.ndim == 2 else (pixels[..., :3].any(axis=2) & (pixels[..., 3] > 0))


_READ: Mapping[str, Callable[[Mapping[str, Any], str, Ledger], _Read]] = {
    "polygon": _polygon, "rectangle": _rectangle, "circle": _circle, "point": _keypoints, "points": _keypoints,
    "line": _line, "linestrip": _line, "mask": _mask, "rotation": _rotation,
}  # fmt: skip
