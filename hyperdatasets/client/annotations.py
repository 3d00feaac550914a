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
        plain = list(value)
        if name == "poly2d_xy" and plain and not isinstance(plain[0], list | tuple):
            plain = [plain]
        return {"geometry": {_SHAPES[name]: plain}}
    return {}
