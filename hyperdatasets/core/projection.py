"""Parts of frames: what a reader asks for, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hyperdatasets.core.frames import Frame


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
