"""Parts of frames: what a reader asks for, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.core.query.fields import FIELDS

OF_PLACE = ("dataset.id", "dataset.name", "version.id")
"""What names the place of a frame; it travels with every frame."""
_PARTS = ("id", "site", "context_id", "timestamp", "sources", "annotations", "rois", "meta", "blob", *OF_PLACE)
_ELEMENTS = {
    "sources": (*FIELDS["source"], "digest", "preview", "masks", "meta"),
    "annotations": (*FIELDS["roi"], "labels", "geometry", "meta"),
}
_ELEMENTS["rois"] = _ELEMENTS["annotations"]


def check_projection(paths: Sequence[str]) -> None:
    """Raises InvalidArgument: a path names no part of a frame."""
    for path in paths:
        first, _, rest = path.partition(".")
        inner = rest.partition(".")[0]
        known = path in _PARTS or (first == "meta" and rest) or inner in _ELEMENTS.get(first, ())
        if not known:
            names = [*_PARTS, *(f"{part}.{name}" for part, listed in _ELEMENTS.items() for name in listed)]
            close = did_you_mean(nearest(path, names)) or f" There are: {', '.join(_PARTS)}."
            raise InvalidArgument(f"projection: `{path[:60]}` is no part of a frame.{close}")


def projected(frame: Frame, paths: Sequence[str]) -> Frame:
    """The frame with its id and these parts only, such as `annotations`, `sources` or `meta.city`."""
    plain = cast("dict[str, Any]", frame)
    kept: dict[str, Any] = {"id": frame["id"], "sources": []}
    for path in paths:
        first, _, rest = path.partition(".")
        first = "annotations" if first == "rois" else first
        if first == "meta" and rest:
            _copy_path(plain.get("meta", {}), kept.setdefault("meta", {}), rest.split("."))
        elif first in plain:
            kept[first] = plain[first]
    return cast("Frame", kept)


def _copy_path(value: Any, kept: dict[str, Any], parts: Sequence[str]) -> None:
    if not isinstance(value, dict) or parts[0] not in value:
        return
    if len(parts) == 1:
        kept[parts[0]] = value[parts[0]]
    else:
        _copy_path(value[parts[0]], kept.setdefault(parts[0], {}), parts[1:])
