"""What a whole frame holds, by the kinds of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.core.geometry import shape
from hyperdatasets.formats.ledger import Kind
from hyperdatasets.formats.media.model import MEASURED

KIND_OF_SHAPE: dict[str, Kind] = {
    "box": "boxes", "polygon": "polygons", "ellipse": "ellipses", "keypoints": "key points", "mask": "masks",
    "span": "spans", "points3d": "3-D shapes", "polygon3d": "3-D shapes", "box3d": "3-D shapes",
}  # fmt: skip
"""Shape -> what it counts as."""
_COUNTED_APART = frozenset({"captions", "split"})


def kind_of(annotation: Annotation) -> Kind:
    """What an annotation counts as; one without a geometry is a label of the whole frame."""
    geometry = annotation.get("geometry")
    return KIND_OF_SHAPE[shape(geometry)] if geometry else "labels"


def kind_of_plain(annotation: Any) -> Kind:
    """What an annotation counts as that may not be valid; one without a known shape counts as a label."""
    geometry = annotation.get("geometry") if isinstance(annotation, Mapping) else None
    named = geometry if isinstance(geometry, Mapping) else ()
    return next((kind for name, kind in KIND_OF_SHAPE.items() if name in named), "labels")


def kept_of(frame: Frame) -> dict[Kind, int]:
    """Kind -> how many a normalised frame has, the frame itself included.

    Captions are the texts of `meta.captions`; attributes are the other metadata of the frame (less its split), of
    its sources (less what is measured) and of its annotations, by key.
    """
    kept: Counter[Kind] = Counter({"frames": 1})
    for annotation in frame.get("annotations", ()):
        kept[kind_of(annotation)] += 1
        kept["attributes"] += len(annotation.get("meta", ()))
    for source in frame["sources"]:
        kept["masks"] += len(source.get("masks", ()))
        kept["attributes"] += len(source.get("meta", {}).keys() - MEASURED)
    _count_meta(frame.get("meta", {}), kept)
    return {kind: count for kind, count in kept.items() if count}


def held_of(plain: Mapping[str, Any]) -> dict[Kind, int]:
    """Kind -> how many a frame has that may not be valid, the frame itself included; as far as it can be told."""
    held: Counter[Kind] = Counter({"frames": 1})
    for annotation in _listed(plain.get("annotations")):
        held[kind_of_plain(annotation)] += 1
        held["attributes"] += len(_object(annotation, "meta"))
    for source in _listed(plain.get("sources")):
        held["masks"] += len(_listed(source.get("masks"))) if isinstance(source, Mapping) else 0
        held["attributes"] += len(_object(source, "meta").keys() - MEASURED)
    _count_meta(_object(plain, "meta"), held)
    return {kind: count for kind, count in held.items() if count}


def captions_in(meta: Mapping[str, Any]) -> int:
    """How many captions the metadata of a frame has; captions that are no list count as one."""
    captions = meta.get("captions")
    return len(captions) if isinstance(captions, list) else int("captions" in meta)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(plain: Any, name: str) -> Mapping[str, Any]:
    value = plain.get(name) if isinstance(plain, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _count_meta(meta: Mapping[str, Any], kept: Counter[Kind]) -> None:
    kept["captions"] += captions_in(meta)
    kept["splits"] += "split" in meta
    kept["attributes"] += len(meta.keys() - _COUNTED_APART)
