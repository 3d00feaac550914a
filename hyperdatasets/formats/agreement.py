"""Annotations and pixels agree: coordinates are brought to the picture as shown, in pixels, or it is said why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.json_text import is_number
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.media import Media

if TYPE_CHECKING:
    from hyperdatasets.formats.entry import Entry, Item

Point = Callable[[float, float], tuple[float, float]]
Size = tuple[float, float]
BoxesAs = Literal["", "stored", "shown"]
UNDECIDED = (
    "taken as drawn on the picture as shown (EXIF applied), since no size tells; `option boxes_as=stored` reads "
    "otherwise"
)
TURNED = "annotations turned like their picture (EXIF), as `option boxes_as=stored` says"
PROPORTIONAL = (
    "annotations made for a larger or smaller picture, kept as they are; `option scale_annotations` scales them"
)
OTHER_SIZE = "annotations made for a picture of another size, kept as they are"
_DECIMALS = 9  # of pixels that were shares
_ANGLE_DECIMALS = 6
_SQUARE_PX = 0.01
MAY_BE_PIXELS = "metadata of moved annotations that may hold coordinates, kept as it is"
_NO_PIXELS = frozenset({"visibility", "skeleton"})
UNSIZED = "coordinates as shares of a picture whose size is not known"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How coordinates are read that do not fit.

    Attributes:
        scale: annotations for a proportional size are scaled to the picture.
        boxes_as: of a turned or mirrored picture, where no size tells: drawn on the picture as it is stored, or as it
            is shown (the default).
    """

    scale: bool = False
    boxes_as: BoxesAs = ""


def boxes_as(word: str) -> BoxesAs:
    """Raises InvalidArgument: there is no such word."""
    if word not in get_args(BoxesAs):
        raise InvalidArgument(f"`option boxes_as`: expected `stored` or `shown`, got {word!r}")
    return cast("BoxesAs", word)


@dataclass(frozen=True, slots=True)
class _Placing:
    """A change of coordinates: scaled, then turned as EXIF says."""

    factor: tuple[float, float] = (1.0, 1.0)
    orientation: int = 1
    stored: Size = (0.0, 0.0)


def placed(entry: Entry, media: Media, rules: Agreement, ledger: Ledger) -> Sequence[Item]:
    """The annotations of an entry in pixels of the picture as shown."""
    if not entry.items or (media.orientation == 1 and not entry.shares and entry.stated in {None, _shown(media)}):
        return entry.items
    if not media.width or not media.height:
        return _unsized(entry, ledger) if entry.shares else entry.items
    placing = _of_shares(entry, media, rules, ledger) if entry.shares else _of_pixels(entry, media, rules, ledger)
    if placing == _Placing() and not entry.shares:
        return entry.items
    if not entry.shares:
        _tell_lists(entry.items, ledger)
    move = _rounded if entry.shares else _moved_with_area
    return [_recounted(item._replace(plain=move(item.plain, placing))) for item in entry.items]


def _tell_lists(items: Sequence[Item], ledger: Ledger) -> None:
    """Names lists of numbers in metadata, such as `face_box`: nobody knows whether they are pixels."""
    for item in items:
        meta = item.plain.get("meta")
        lists = [name for name, value in meta.items() if _may_be_pixels(name, value)] if isinstance(meta, dict) else ()
        if lists:
            ledger.notice("attributes", item.place, MAY_BE_PIXELS, listed(f"`{name[:40]}`" for name in lists))


def _may_be_pixels(name: str, value: Any) -> bool:
    if name in _SHAPES or name in _NO_PIXELS or not isinstance(value, list) or not value:
        return False
    return (len(value) > 1 and all(map(is_number, value))) or any(_may_be_pixels(name, each) for each in value)


def from_shares(plain: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    """An annotation in shares of the sides of a picture that is not turned, in pixels.

    Pixels are rounded to 1e-9, so that coordinates with no more decimals come back from shares with all their digits.
    """
    return _rounded(plain, _Placing((width, height)))


def _unsized(entry: Entry, ledger: Ledger) -> Sequence[Item]:
    for item in entry.items:
        if item.plain.get("geometry"):
            ledger.lose(item.kind, item.place, UNSIZED)
    return [item for item in entry.items if not item.plain.get("geometry")]


def _of_shares(entry: Entry, media: Media, rules: Agreement, ledger: Ledger) -> _Placing:
    if media.orientation != 1 and _as_stored(entry, media, rules, ledger):
        return _Placing(_stored(media), media.orientation, _stored(media))
    return _Placing(_shown(media))


def _of_pixels(entry: Entry, media: Media, rules: Agreement, ledger: Ledger) -> _Placing:
    shown, stored = _shown(media), _stored(media)
    turned = _Placing((1.0, 1.0), media.orientation, stored)
    stated = entry.stated or shown
    decides = entry.stated is not None and shown != stored
    if stated == shown and (decides or media.orientation == 1):
        return _Placing()
    if stated == stored and decides:
        ledger.notice("frames", entry.where, "annotations turned like their picture (EXIF)", media_size(media))
        return turned
    if stated == shown:
        return turned if _as_stored(entry, media, rules, ledger) else _Placing()
    return _of_other_size(entry, media, rules, ledger, stated)


def _of_other_size(entry: Entry, media: Media, rules: Agreement, ledger: Ledger, stated: Size) -> _Placing:
    shown, stored = _shown(media), _stored(media)
    detail = f"made for {stated[0]:g} x {stated[1]:g}, the picture has {media_size(media)}"
    for size, orientation in ((shown, 1), (stored, media.orientation)):
        if _proportional(stated, size):
            if not rules.scale:
                ledger.notice("frames", entry.where, PROPORTIONAL, detail)
                return _Placing()
            if orientation == 1 and shown == stored and _as_stored(entry, media, rules, ledger):
                orientation = media.orientation  # noqa: PLW2901  # of the same size stored and shown
            ledger.notice("frames", entry.where, "annotations scaled to their picture", detail)
            return _Placing((size[0] / stated[0], size[1] / stated[1]), orientation, stored)
    ledger.notice("frames", entry.where, OTHER_SIZE, detail)
    return _Placing()


def _as_stored(entry: Entry, media: Media, rules: Agreement, ledger: Ledger) -> bool:
    """Whether the coordinates are those of the stored picture, where no size tells."""
    if media.orientation == 1:
        return False
    if not rules.boxes_as:
        ledger.notice("frames", entry.where, UNDECIDED, f"orientation {media.orientation}, {media_size(media)}")
    if rules.boxes_as == "stored":
        ledger.notice("frames", entry.where, TURNED, f"orientation {media.orientation}, {media_size(media)}")
    return rules.boxes_as == "stored"


def media_size(media: Media) -> str:
    return f"{media.width} x {media.height}"


def _shown(media: Media) -> tuple[int, int]:
    return media.width or 0, media.height or 0


def _stored(media: Media) -> tuple[int, int]:
    return media.stored_size or (0, 0)


def _proportional(one: Size, other: Size) -> bool:
    """Within a pixel of rounding."""
    return min(one) > 0 and abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _moved(plain: dict[str, Any], placing: _Placing) -> dict[str, Any]:
    """The annotation with its geometry, and shapes in its metadata, in the new coordinates."""
    moved = dict(plain)
    if isinstance(plain.get("geometry"), dict):
        moved["geometry"] = {name: _shape(name, value, placing) for name, value in plain["geometry"].items()}
        if "corners" in moved["geometry"]:
            moved["geometry"] = _of_corners(moved["geometry"]["corners"])
    meta = plain.get("meta")
    if isinstance(meta, dict) and not meta.keys().isdisjoint(_SHAPES):
        moved["meta"] = {name: _shape(name, value, placing) for name, value in meta.items()}
    return moved


def _moved_with_area(plain: dict[str, Any], placing: _Placing) -> dict[str, Any]:
    """The same, also with the square pixels that COCO states in `area`."""
    moved = _moved(plain, placing)
    meta, factor = moved.get("meta"), placing.factor[0] * placing.factor[1]
    if isinstance(meta, dict) and is_number(meta.get("area")) and factor != 1:
        moved["meta"] = {**meta, "area": meta["area"] * factor}
    return moved


def _of_corners(ring: list[float]) -> dict[str, Any]:
    """Four corners as a box with an angle; as a polygon if they are no rectangle, to a hundredth of a pixel."""
    x0, y0, x1, y1, x2, y2, x3, y3 = ring
    wide, high = math.hypot(x1 - x0, y1 - y0), math.hypot(x2 - x1, y2 - y1)
    across, down = (
        ((x1 + x2 - x0 - x3) / 2, (y1 + y2 - y0 - y3) / 2),
        ((x2 + x3 - x0 - x1) / 2, (y2 + y3 - y0 - y1) / 2),
    )
    skew = abs(across[0] * down[0] + across[1] * down[1]) / max(wide, high, 1e-300)
    bent = math.hypot(x0 + x2 - x1 - x3, y0 + y2 - y1 - y3)
    if not wide or not high or max(skew, bent) > _SQUARE_PX:
        return {"polygon": [ring]}
    x, y = (x0 + x1 + x2 + x3) / 4 - wide / 2, (y0 + y1 + y2 + y3) / 4 - high / 2
    angle = round(math.degrees(math.atan2(y1 - y0, x1 - x0)), _ANGLE_DECIMALS)
    return {"box": [x, y, wide, high] + ([angle] if angle else [])}


def _rounded(plain: dict[str, Any], placing: _Placing) -> dict[str, Any]:
    moved = _moved(plain, placing)
    for key in ("geometry", "meta"):
        if isinstance(moved.get(key), dict):
            moved[key] = {name: _round(value) if name in _SHAPES else value for name, value in moved[key].items()}
    return moved


def _round(value: Any) -> Any:
    if isinstance(value, list):
        return [_round(each) for each in value]
    return round(value, _DECIMALS) if isinstance(value, float) else value


def _recounted(item: Item) -> Item:
    """Corners that are no box are a polygon."""
    geometry = item.plain.get("geometry")
    is_ring = item.kind == "boxes" and isinstance(geometry, dict) and "polygon" in geometry
    return item._replace(kind="polygons") if is_ring else item


def _shape(name: str, value: Any, placing: _Placing) -> Any:
    move = _SHAPES.get(name)
    if move is None:
        return value
    try:
        return move(value, placing)
    except (TypeError, ValueError, IndexError):
        return value  # not valid, which is told where it is checked


def _point(x: float, y: float, placing: _Placing) -> tuple[float, float]:
    width, height = placing.stored
    x, y = x * placing.factor[0], y * placing.factor[1]
    return _TURNS[placing.orientation](x, y, width, height)


_TURNS: dict[int, Callable[[float, float, float, float], tuple[float, float]]] = {
    1: lambda x, y, _w, _h: (x, y),
    2: lambda x, y, w, _h: (w - x, y),
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, _w, h: (x, h - y),
    5: lambda x, y, _w, _h: (y, x),
    6: lambda x, y, _w, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, _h: (y, w - x),
}
"""EXIF orientation -> where a point of the stored picture (x, y; its width and height) is on the picture as shown."""
_ANGLES: dict[int, Callable[[float], float]] = {
    1: lambda angle: angle,
    2: lambda angle: -angle,
    3: lambda angle: angle,
    4: lambda angle: -angle,
    5: lambda angle: 90 - angle,
    6: lambda angle: angle + 90,
    7: lambda angle: 90 - angle,
    8: lambda angle: angle + 90,
}
"""The same for the angle of a box or an ellipse, which half a turn does not change."""


def _ring(ring: Sequence[float], placing: _Placing) -> list[float]:
    return [
        part
        for x, y in zip(ring[::2], ring[1::2], strict=True)
        for part in _point(x, y, placing)
    ]  # fmt: skip


def _polygon(rings: Sequence[Sequence[float]], placing: _Placing) -> list[list[float]]:
    return [_ring(ring, placing) for ring in rings]


def _box(box: Sequence[float], placing: _Placing) -> list[float]:
    x, y, width, height, *angle = box
    if angle:
        middle = _point(x + width / 2, y + height / 2, placing)
        wide, high = _grown(width, height, placing)
        turned = _ANGLES[placing.orientation](angle[0])
        return [middle[0] - wide / 2, middle[1] - high / 2, wide, high, turned]
    if placing.orientation == 1:
        return [x * placing.factor[0], y * placing.factor[1], width * placing.factor[0], height * placing.factor[1]]
    x0, y0 = _point(x, y, placing)
    x1, y1 = _point(x + width, y + height, placing)
    sides = (abs(x1 - x0), abs(y1 - y0)) if width > 0 and height > 0 else (width, height)
    return [min(x0, x1), min(y0, y1), *sides]


def _ellipse(ellipse: Sequence[float], placing: _Placing) -> list[float]:
    cx, cy, rx, ry, theta = ellipse
    return [*_point(cx, cy, placing), *_grown(rx, ry, placing), _ANGLES[placing.orientation](theta)]


def _parts(parts: Any, placing: _Placing) -> list[Any]:
    """Parts of an object, each with a name and its own box."""
    if not isinstance(parts, list):
        raise TypeError
    return [_part(each, placing) if isinstance(each, dict) else each for each in parts]


def _part(part: dict[str, Any], placing: _Placing) -> dict[str, Any]:
    return {name: _shape(name, value, placing) for name, value in part.items()}


def _grown(wide: float, high: float, placing: _Placing) -> tuple[float, float]:
    """Sides of something that is turned, after scaling; both factors are nearly the same."""
    factor = (placing.factor[0] * placing.factor[1]) ** 0.5
    return wide * factor, high * factor


_SHAPES: dict[str, Callable[[Any, _Placing], Any]] = {
    "box": _box,
    "polygon": _polygon,
    "keypoints": _ring,
    "ellipse": _ellipse,
    "corners": _ring,
    "parts": _parts,
}
