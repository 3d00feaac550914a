"""A COCO image: what it says of its frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperdatasets.formats.extension import OWN

_KNOWN = frozenset({"id", "file_name", "width", "height", "split", OWN})


def meta_of(image: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the frame: all fields that have no meaning of their own; with its split."""
    meta = {key: value for key, value in image.items() if key not in _KNOWN and value is not None}
    return meta | ({"split": split} if (split := split_in(image)) else {})


def split_in(image: Mapping[str, Any]) -> str:
    split = image.get("split")
    return split if isinstance(split, str) else ""


def size_of(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height that an image states, if they can be true."""
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int | float) and isinstance(height, int | float) and 0 < width < 1e9 and 0 < height < 1e9:
        return int(width), int(height)
    return None


def untrue_size(image: Mapping[str, Any]) -> str:
    """The width and height that an image states, if they cannot be true; else empty."""
    width, height = image.get("width"), image.get("height")
    if (width is None and height is None) or size_of(image):
        return ""
    return f"{width!r:.40} x {height!r:.40}"
