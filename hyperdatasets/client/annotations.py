"""Annotations as users hold them: a ROI, or a label of the whole frame, in its plain form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hyperdatasets.client.arguments import Texts, texts
from hyperdatasets.client.arguments import plain as plain_of
from hyperdatasets.core.errors import InvalidFrame

_SHAPES = {
    "box2d_xywh": "box", "poly2d_xy": "polygon", "ellipse2d_xyrrt": "ellipse", "points2d_xy": "keypoints",
    "box3d_xyzwhxyzwh": "box3d", "poly3d_xyz": "polygon3d", "points3d_xyz": "points3d", "mask_rgb": "mask",
    "span": "span",
}  # fmt: skip
_SPACE = {"poly2d_xy": 2, "points2d_xy": 2, "poly3d_xyz": 3, "points3d_xyz": 3}  # numbers of a point


class ImageAnnotation:
    """One annotation (ROI, or a label of the whole frame) in its plain form, `plain`."""

    def __init__(
        self,
        *,
        labels: Texts,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        origin: str = "",
        sources: Texts = (),
        **shape: Any,
    ) -> None:
        self.plain: dict[str, Any] = {"labels": texts(labels, "labels"), **_geometry(plain_of(shape))}
        for key, value in (("id", id), ("confidence", confidence), ("origin", origin), ("meta", metadata)):
            if value not in {None, ""} if not isinstance(value, Mapping) else value:
                self.plain[key] = plain_of(value)
        if sources:
            self.plain["sources"] = texts(sources, "sources")

    @property
    def id(self) -> str | None:
        return self.plain.get("id")

    @property
    def labels(self) -> list[str]:
        return cast("list[str]", self.plain["labels"])

    @property
    def confidence(self) -> float | None:
        return self.plain.get("confidence")

    @property
    def geometry(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain.get("geometry", {}))

    @property
    def metadata(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain.setdefault("meta", {}))

    def __repr__(self) -> str:
        return f"ImageAnnotation({self.plain})"


def _geometry(shape: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in shape.items() if value is not None}
    if unknown := given.keys() - _SHAPES.keys():
        raise InvalidFrame(f"there is no shape {min(unknown)!r}; expected one of {', '.join(_SHAPES)}")
    if len(given) > 1:
        raise InvalidFrame(f"an annotation has one shape, not {len(given)}: {', '.join(given)}")
    for name, value in given.items():
        return {"geometry": {_SHAPES[name]: _rings(value) if name == "poly2d_xy" else _coordinates(value, name)}}
    return {}


def _rings(value: Any) -> list[list[Any]]:
    """Rings of a polygon from one ring or several, each as numbers in a row or as points."""
    listed = list(value)
    if not listed or not _is_row(listed[0]) or (len(listed[0]) == _SPACE["poly2d_xy"] and not _is_row(listed[0][0])):
        listed = [listed]
    return [_coordinates(ring, "poly2d_xy") for ring in listed]


def _coordinates(value: Any, name: str) -> list[Any]:
    """Numbers in a row, also of a list of points, as arrays of shape (n, 2) hold them."""
    listed = list(value)
    is_points = name in _SPACE and bool(listed) and all(_is_row(each) and len(each) == _SPACE[name] for each in listed)
    return [number for point in listed for number in point] if is_points else listed


def _is_row(value: Any) -> bool:
    return isinstance(value, list | tuple)
