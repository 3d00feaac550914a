"""What a check means, over plain frames: a page of loops. The engine must agree with it."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

from hyperdatasets.core.checks import Check
from hyperdatasets.core.expectations import Amount, BoxesInside, Each, NoDrift, NoDuplicates
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.core.query.parse import parse
from tests.reference.evaluate import _frame_pairs, matches, matching_rois, rois, sources


def holds(  # noqa: C901, PLR0911  # one case a kind of check
    check: Check, frames: list[Frame], parent: list[Frame] | None = None
) -> tuple[bool, set[str]]:
    """Whether it holds, and the ids of the frames that offend."""
    chosen = [frame for frame in frames if _chosen(check, frame)]
    match check.expectation:
        case Amount(bound, unit):
            base = [frame for frame in frames if matches(parse(check.where, "frame").node, "frame", frame)]
            inside = [frame for frame in chosen if frame in base]
            have = len(inside) if unit == "frames" else sum(len(_rois(check, frame)) for frame in inside)
            whole = len(base) if unit == "frames" else sum(len(frame.get("annotations", [])) for frame in base)
            measured = Fraction(have) if not bound.share else Fraction(have, whole) if whole else Fraction(0)
            passed = bound.holds(measured)
            if passed or not (bound.is_upper or bound.share):
                return passed, set()
            return passed, {f["id"] for f in (inside if bound.is_upper else [f for f in base if f not in inside])}
        case Each(path, bound, unit):
            held = [(frame, elements_of(frame, path, check.roi_query)) for frame in chosen]
            whole = sum(len(each) if unit == "rois" else bool(each) for _, each in held)
            counts: Counter[str] = Counter()
            for _, elements in held:
                per_frame = Counter(value for element in elements for value in element)
                counts.update(per_frame if unit == "rois" else per_frame.keys())
            counts.update(dict.fromkeys(check.values, 0))
            per = whole if bound.share and whole else 1
            wrong = {text for text, count in counts.items() if not bound.holds(Fraction(count, per))}
            return not wrong, {f["id"] for f, elements in held if any(element & wrong for element in elements)}
        case NoDuplicates("digests"):
            found = Counter(source["digest"] for f in chosen for source in f["sources"] if "digest" in source)
            twice = {digest for digest, count in found.items() if count > 1}
            return not twice, {f["id"] for f in chosen if any(s.get("digest") in twice for s in f["sources"])}
        case NoDuplicates(path):
            of = [(f["id"], elements_of(f, path, check.roi_query)) for f in chosen]
            found = Counter(value for _, elements in of for element in elements for value in element)
            twice = {value for value, count in found.items() if count > 1}
            return not twice, {frame_id for frame_id, elements in of if any(each & twice for each in elements)}
        case BoxesInside():
            out = {f["id"] for f in chosen if any(_outside(f, place) for place in _rois(check, f))}
            return not out, out
        case NoDrift(path, beyond):
            one, other = (_shares(check, each, path) for each in (frames, parent or []))
            if not other:
                return True, set()
            if not one:
                return beyond >= 1, set()
            distance = sum(abs(one.get(key, 0) - other.get(key, 0)) for key in one.keys() | other.keys()) / Fraction(2)
            return distance <= beyond, set()
    raise AssertionError(check)


def _chosen(check: Check, frame: Frame) -> bool:
    asked = (("frame", check.frame_query), ("roi", check.roi_query), ("source", check.source_query))
    return all(matches(parse(text, scope).node, scope, frame) for scope, text in asked if text)


def _rois(check: Check, frame: Frame) -> list[int]:
    return matching_rois(parse(check.roi_query, "roi").node, frame)


def elements_of(frame: Frame, path: str, roi_query: str = "") -> list[set[str]]:
    """Of each element of a frame (itself, its ROIs that match, or sources) the texts of the field's values."""
    name = path
    if path.startswith("rois."):
        name, of_all = path.removeprefix("rois."), rois(frame)
        of = [of_all[place] for place in matching_rois(parse(roi_query, "roi").node, frame)] if roi_query else of_all
    elif path.startswith("sources."):
        name, of = path.removeprefix("sources."), sources(frame)
    else:
        of = [_frame_pairs(frame, 0, "")]
    return [{_text(value) for key, value in pairs if key == name} for pairs in of]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value) and -(2.0**63) <= value < 2.0**63:
        return str(int(value))
    return value if isinstance(value, str) else repr(value)


def _outside(frame: Frame, place: int) -> bool:
    annotation = frame["annotations"][place]
    geometry = annotation.get("geometry", {})
    box = bounding_box(geometry) if geometry else None
    if box is None or {"box3d", "points3d", "polygon3d"} & geometry.keys():
        return False
    x, y, width, height = box
    lies_on = annotation.get("sources") or [source["id"] for source in frame["sources"]]
    images = [s for s in frame["sources"] if s["id"] in lies_on and s.get("width") and s.get("height")]
    slack = 1e-6
    return any(
        x < -slack or y < -slack or x + width > image["width"] + slack or y + height > image["height"] + slack
        for image in images
    )


def _shares(check: Check, frames: list[Frame], path: str) -> dict[str, Fraction]:
    chosen = [frame for frame in frames if _chosen(check, frame)]
    elements = [element for frame in chosen for element in elements_of(frame, path, check.roi_query)]
    counts = Counter(value for element in elements for value in element)
    return {value: Fraction(count, counts.total()) for value, count in counts.items()}
