"""The plain form of a frame: what canonical bytes are made of, what queries see, what stores keep.

A plain frame is JSON-like data in which absent fields are left out. SDK objects and protobuf messages convert to
and from it; nothing else describes a frame.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

Meta = dict[str, Any]

SHAPES = ("box", "polygon", "ellipse", "keypoints", "mask", "points3d", "polygon3d", "box3d", "span")


class Geometry(TypedDict, total=False):
    """Exactly one of these; pixels from the top-left corner, angles in degrees, doubles unless said otherwise."""

    box: list[float]  # x, y, width, height[, angle]
    polygon: list[list[float]]  # rings of x0, y0, x1, y1, …; even-odd rule: parts and holes
    ellipse: list[float]  # cx, cy, rx, ry, theta
    keypoints: list[float]  # x0, y0, x1, y1, …
    mask: list[int]  # red, green, blue of the pixels that belong to it
    points3d: list[float]  # x0, y0, z0, …
    polygon3d: list[float]  # x0, y0, z0, …
    box3d: list[float]  # x, y, z, width, height of the near face, then of the far one
    span: list[int]  # start, end: milliseconds of audio or video, characters of text


class Annotation(TypedDict):
    id: str
    labels: list[str]
    confidence: NotRequired[float]  # 0 to 1
    origin: NotRequired[str]  # absent = ground truth, else the model that predicted it
    geometry: NotRequired[Geometry]  # absent = a frame label
    sources: NotRequired[list[str]]  # ids of the sources it lies on; absent = all
    meta: NotRequired[Meta]


class Mask(TypedDict):
    id: str
    uri: str
    content_type: NotRequired[str]
    digest: NotRequired[str]


class Source(TypedDict):
    id: str
    uri: str
    content_type: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    timestamp: NotRequired[int]  # milliseconds
    size_bytes: NotRequired[int]
    digest: NotRequired[str]  # "sha256:<hex>", or "hmac-sha256:<hex>" where a site hides it
    preview: NotRequired[str]  # not part of any digest
    masks: NotRequired[list[Mask]]
    meta: NotRequired[Meta]


class Frame(TypedDict):
    """`meta["site"]` belongs to the site, like everything but `annotations` and the other keys of `meta`."""

    id: str
    site: NotRequired[str]  # absent = public or synthetic
    context_id: NotRequired[str]
    timestamp: NotRequired[int]  # milliseconds
    sources: list[Source]
    annotations: NotRequired[list[Annotation]]
    meta: NotRequired[Meta]
    blob: NotRequired[bytes]  # inline content; only without a site
