"""Frames at the border: checks a plain frame from anywhere and brings it into its one normal form.

Written for speed: every frame of a bulk write passes here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, cast

import orjson

from hyperdatasets.core.errors import InvalidFrame, RawInMetadata
from hyperdatasets.core.frames import Frame, Geometry
from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.core.plain import INT64, check_text, entries, known_keys, meta_object, text_of, whole_of
from hyperdatasets.core.shapes import check_geometry

MAX_ID = 512  # characters
MAX_LABEL = 1_000  # characters
MAX_URI = 4_096  # characters
MAX_ANNOTATIONS = 10_000
MAX_SOURCES = 1_000
MAX_BLOB = 1 << 20  # bytes
_FEW = 16  # entries of metadata
UNBOUNDED = 1e300  # pixels of a picture whose size is not known: no infinite box lies inside of it

_FRAME_KEYS = frozenset({"id", "site", "context_id", "timestamp", "sources", "annotations", "meta", "blob"})
_SOURCE_KEYS = frozenset(
    {
        "id",
        "uri",
        "content_type",
        "width",
        "height",
        "timestamp",
        "size_bytes",
        "digest",
        "preview",
        "masks",
        "meta",
    }
)
_MASK_KEYS = frozenset({"id", "uri", "content_type", "digest"})
_ANNOTATION_KEYS = frozenset({"id", "labels", "confidence", "origin", "geometry", "sources", "meta"})

_ID = itemgetter("id")
_NUMBERS = frozenset({int, float})
_IN_SPACE = frozenset({"points3d", "polygon3d", "box3d"})


def normalise(plain: Mapping[str, Any]) -> tuple[Frame, list[str]]:
    """The frame in its normal form, and what was noticed about it.

    Fills in missing ids, makes coordinates doubles, sorts annotations by id, leaves out what is empty. Normalising
    a normal frame changes nothing.

    Raises:
        InvalidFrame: what is wrong, and where in the frame.
        RawInMetadata: a frame of a site carries its content inline.
    """
    known_keys(plain, _FRAME_KEYS, "frame")
    warnings: list[str] = []
    frame: dict[str, Any] = {"id": text_of(plain, "id", "frame", MAX_ID)}
    for key in ("site", "context_id"):
        if text := text_of(plain, key, "frame", MAX_ID):
            frame[key] = text
    if (timestamp := whole_of(plain, "timestamp")) is not None:
        frame["timestamp"] = timestamp
    _add_content(frame, plain)
    frame["id"] = frame["id"] or default_id(frame)
    if plain.get("annotations"):
        frame["annotations"] = _annotations(plain["annotations"], frame["sources"], warnings)
    if plain.get("meta"):
        frame["meta"] = meta_object(plain["meta"], "meta")
    return cast("Frame", frame), warnings


def normalise_annotation(
    plain: Mapping[str, Any], sources: Sequence[Mapping[str, Any]], where: str = "annotation"
) -> tuple[dict[str, Any], list[str]]:
    """One annotation of a frame with these sources, and what was noticed; importers drop it if this raises."""
    warnings: list[str] = []
    return _annotation(plain, sources, where, warnings), warnings


def default_id(frame: Mapping[str, Any]) -> str:
    """32 hex digits over site, source URIs and timestamp: registering the same files again gives the same ids."""
    named = [frame.get("site", ""), [source["uri"] for source in frame["sources"]], frame.get("timestamp")]
    text = orjson.dumps(named) + frame.get("blob", b"")
    return hashlib.sha256(text).hexdigest()[:32]


def _add_content(frame: dict[str, Any], plain: Mapping[str, Any]) -> None:
    blob = plain.get("blob")
    if blob is not None:
        if "site" in frame:
            raise RawInMetadata("a frame of a site cannot carry its content inline: the content stays at the site")
        if not isinstance(blob, bytes):
            raise InvalidFrame(f"blob: expected bytes, got {type(blob).__name__}")
        if len(blob) > MAX_BLOB:
            raise InvalidFrame(f"blob: {len(blob)} bytes, {MAX_BLOB} are allowed; refer to a file by its uri instead")
        frame["blob"] = blob
    frame["sources"] = _sources(plain.get("sources") or (), has_blob=blob is not None)


def _sources(plain: Any, *, has_blob: bool) -> list[dict[str, Any]]:
    entries(plain, "sources", MAX_SOURCES)
    if not plain and not has_blob:
        raise InvalidFrame("sources: a frame needs at least one source (an id and a uri), or a blob")
    sources = [_source(source, f"sources[{index}]", has_blob=has_blob) for index, source in enumerate(plain)]
    _unique(sources, "sources")
    return sources


def _source(plain: Any, where: str, *, has_blob: bool) -> dict[str, Any]:
    known_keys(plain, _SOURCE_KEYS, where)
    uri = text_of(plain, "uri", where, MAX_URI)
    if not uri and not has_blob:
        raise InvalidFrame(f"{where}.uri: a source needs a uri")
    source: dict[str, Any] = {"id": text_of(plain, "id", where, MAX_ID) or "default", "uri": uri}
    for key in ("content_type", "digest", "preview"):
        if key in plain and (text := text_of(plain, key, where, MAX_URI)):
            source[key] = text
    for key in ("width", "height", "size_bytes"):
        if (number := whole_of(plain, key, where, least=0)) is not None:
            source[key] = number
    if (timestamp := whole_of(plain, "timestamp", where)) is not None:
        source["timestamp"] = timestamp
    if plain.get("masks"):
        source["masks"] = _masks(plain["masks"], f"{where}.masks")
    if plain.get("meta"):
        source["meta"] = meta_object(plain["meta"], f"{where}.meta")
    return source


def _masks(plain: Any, where: str) -> list[dict[str, Any]]:
    entries(plain, where, MAX_SOURCES)
    masks = []
    for index, mask in enumerate(plain):
        known_keys(mask, _MASK_KEYS, f"{where}[{index}]")
        texts = {key: text_of(mask, key, f"{where}[{index}]", MAX_URI) for key in _MASK_KEYS}
        if not texts["uri"]:
            raise InvalidFrame(f"{where}[{index}].uri: a mask needs a uri")
        masks.append({key: text for key, text in texts.items() if text} | {"id": texts["id"] or f"{index:02d}"})
    _unique(masks, where)
    return masks


def normalise_annotations(plain: Any, sources: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """All annotations of a frame with these sources, as `normalise` makes them, and what was noticed about them.

    Raises:
        InvalidFrame: one of them is not valid, there are too many, or two have one id.
    """
    warnings: list[str] = []
    return _annotations(plain, sources, warnings), warnings


def _annotations(plain: Any, sources: Sequence[Mapping[str, Any]], warnings: list[str]) -> list[dict[str, Any]]:
    entries(plain, "annotations", MAX_ANNOTATIONS)
    width, height = _smallest(sources)
    annotations = [
        _usual_annotation(item, width, height) or _annotation(item, sources, f"annotations[{i}]", warnings)
        for i, item in enumerate(plain)
    ]
    _fill_ids(annotations)
    _unique(annotations, "annotations")
    annotations.sort(key=_ID)  # code points sort like UTF-8 bytes
    return annotations


def _smallest(sources: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Width and height that every picture has at least; `UNBOUNDED` where no size is known."""
    sizes = [(source["width"], source["height"]) for source in sources if source.get("width") and source.get("height")]
    if len(sizes) == 1:
        return sizes[0]
    return min((width for width, _ in sizes), default=UNBOUNDED), min(
        (height for _, height in sizes), default=UNBOUNDED
    )


def _usual_annotation(plain: Any, width: float, height: float) -> dict[str, Any] | None:
    """The same as `_annotation` for labels, confidence, simple metadata and an upright box or a polygon inside of
    every picture; else None.

    Nearly all annotations of large data sets are like this, and this takes a fifth of the time.
    """
    if type(plain) is not dict:
        return None
    labels, geometry, confidence = plain.get("labels"), plain.get("geometry"), plain.get("confidence")
    meta, annotation_id = plain.get("meta"), plain.get("id", "")
    keys = 2 + (confidence is not None) + ("id" in plain) + ("meta" in plain)
    if len(plain) != keys or type(geometry) is not dict or len(geometry) != 1 or type(labels) is not list or not labels:
        return None
    fine_id = type(annotation_id) is str and len(annotation_id) <= MAX_ID and annotation_id.isprintable()
    fine_confidence = confidence is None or (type(confidence) is float and 0 <= confidence <= 1)
    if not fine_id or not fine_confidence or not _usual_labels(labels) or ("meta" in plain and not _usual_meta(meta)):
        return None
    usual = _usual_geometry(geometry, width, height)
    if usual is None:
        return None
    if annotation_id and usual is geometry and confidence != 0:
        return plain  # normal as it is
    annotation: dict[str, Any] = {"id": annotation_id, "labels": labels[:], "geometry": usual}
    if confidence is not None:
        annotation["confidence"] = confidence + 0.0
    if meta is not None:
        annotation["meta"] = meta
    return annotation


def _usual_geometry(geometry: dict[str, Any], width: float, height: float) -> dict[str, Any] | None:
    """An upright box or a polygon inside of the picture, with doubles; the same object if it is normal as it is."""
    box = geometry.get("box")
    if type(box) is list and len(box) == 4:
        if not _NUMBERS.issuperset(map(type, box)):
            return None
        x, y, box_width, box_height = box
        if not (x >= 0 and y >= 0 and 0 < box_width <= width - x and 0 < box_height <= height - y):
            return None
        normal = x and y and type(x) is type(y) is type(box_width) is type(box_height) is float
        return geometry if normal else {"box": [x + 0.0, y + 0.0, box_width + 0.0, box_height + 0.0]}
    rings = geometry.get("polygon")
    return _usual_rings(rings, width, height) if type(rings) is list and rings else None


def _usual_rings(rings: list[Any], width: float, height: float) -> dict[str, Any] | None:
    made, xs, ys = [], [], []
    for ring in rings:
        if type(ring) is not list or len(ring) < 6 or len(ring) % 2 or not _NUMBERS.issuperset(map(type, ring)):
            return None
        if max(ring) > UNBOUNDED:  # also whole numbers that no double holds
            return None
        doubles = [number + 0.0 for number in ring]
        made.append(doubles)
        xs += doubles[::2]
        ys += doubles[1::2]
    left, top = min(xs), min(ys)
    inside = left >= 0 and top >= 0 and left + (max(xs) - left) <= width and top + (max(ys) - top) <= height
    return {"polygon": made} if inside and isfinite(sum(xs) + sum(ys)) else None


def _usual_meta(meta: Any) -> bool:
    """A few short values that need no look inside."""
    if type(meta) is not dict or not 0 < len(meta) <= _FEW:
        return False
    for name, value in meta.items():
        kind = type(value)
        short = kind is str and len(value) <= MAX_LABEL and value.isprintable()
        number = (kind is float and isfinite(value)) or (kind is int and value in INT64)
        if not (short or number or kind is bool) or type(name) is not str or not name.isprintable():
            return False
    return True


def _usual_labels(labels: list[Any]) -> bool:
    for label in labels:
        if type(label) is not str or not 0 < len(label) <= MAX_LABEL or not label.isprintable():
            return False
    return len(labels) == 1 or len(set(labels)) == len(labels)


def _annotation(plain: Any, sources: Sequence[Mapping[str, Any]], where: str, warnings: list[str]) -> dict[str, Any]:
    known_keys(plain, _ANNOTATION_KEYS, where)
    annotation: dict[str, Any] = {"id": text_of(plain, "id", where, MAX_ID), "labels": _labels(plain, where)}
    if plain.get("confidence") is not None:
        annotation["confidence"] = _confidence(plain["confidence"], where)
    if origin := text_of(plain, "origin", where, MAX_ID):
        annotation["origin"] = origin
    if plain.get("sources"):
        annotation["sources"] = _lies_on(plain["sources"], sources, f"{where}.sources")
    if plain.get("geometry"):
        geometry = check_geometry(plain["geometry"], f"{where}.geometry")
        _fits(geometry, annotation.get("sources"), sources, where, warnings)
        annotation["geometry"] = geometry
    if plain.get("meta"):
        annotation["meta"] = meta_object(plain["meta"], f"{where}.meta")
    return annotation


def _fill_ids(annotations: list[dict[str, Any]]) -> None:
    made: dict[str, int] = {}
    for annotation in annotations:
        if not annotation["id"]:
            del annotation["id"]
            annotation["id"] = made_id(orjson.dumps(annotation, option=orjson.OPT_SORT_KEYS), made)


def made_id(content: bytes, made: dict[str, int]) -> str:
    """16 hex digits of the digest of an annotation's bytes without an id; equal ones of a frame get a counter from 2.

    Args:
        made: how often each digest was made in the frame.
    """
    digest = hashlib.sha256(content).hexdigest()[:16]
    made[digest] = made.get(digest, 0) + 1
    return digest if made[digest] == 1 else f"{digest}-{made[digest]}"


def _labels(plain: Mapping[str, Any], where: str) -> list[str]:
    labels = plain.get("labels")
    if not isinstance(labels, list | tuple) or not labels:
        raise InvalidFrame(f"{where}.labels: expected a list of at least one label")
    for label in labels:
        if not isinstance(label, str) or not label:
            raise InvalidFrame(f"{where}.labels: a label is a text that is not empty, got {label!r:.60}")
        check_text(label, f"{where}.labels", MAX_LABEL)
    return list(dict.fromkeys(labels))


def _confidence(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidFrame(f"{where}.confidence: expected a number from 0 to 1, got {value!r:.60}")
    return float(value) + 0.0


def _lies_on(plain: Any, sources: Sequence[Mapping[str, Any]], where: str) -> list[str]:
    entries(plain, where, MAX_SOURCES)
    known = [source["id"] for source in sources]
    for name in plain:
        if name not in known:
            raise InvalidFrame(f"{where}: the frame has no source {name!r:.60}; it has {', '.join(known)}")
    return sorted(set(plain))


def _fits(
    geometry: Geometry,
    names: list[str] | None,
    sources: Sequence[Mapping[str, Any]],
    where: str,
    warnings: list[str],
) -> None:
    """Partly outside of the picture is noticed, wholly outside of every picture it lies on is wrong."""
    if _IN_SPACE.intersection(geometry):
        return
    box = bounding_box(geometry)
    pictures = [s for s in sources if s.get("width") and s.get("height") and (names is None or s["id"] in names)]
    if box is None or not pictures:
        return
    x, y, width, height = box
    if x >= 0 and y >= 0:
        for picture in pictures:
            if x + width <= picture["width"] and y + height <= picture["height"]:
                return
    size = f"{pictures[0]['width']} x {pictures[0]['height']}"
    bounds = f"{x:g}, {y:g} to {x + width:g}, {y + height:g}"
    if not any(x < s["width"] and y < s["height"] and x + width > 0 and y + height > 0 for s in pictures):
        raise InvalidFrame(f"{where}.geometry: {bounds} lies wholly outside of the image ({size})")
    warnings.append(f"{where}.geometry: {bounds} lies partly outside of the image ({size})")


def _unique(items: list[dict[str, Any]], where: str) -> None:
    if len(set(map(_ID, items))) != len(items):
        twice, _ = Counter(item["id"] for item in items).most_common(1)[0]
        raise InvalidFrame(f"{where}: the id {twice!r:.60} occurs twice")
