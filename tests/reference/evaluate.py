"""What a query means: the naive evaluator over one frame. The engine must agree with it on everything.

An element (a frame, a source, a ROI, a row of private columns) is first laid out as a list of (path, value) pairs,
value being a string, a number or a boolean; then each condition looks for one pair that satisfies it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

import re2

from hyperdatasets.core.dataview import Split
from hyperdatasets.core.frames import Annotation, Frame, Source
from hyperdatasets.core.geometry import LABEL, area, bounding_box, shape
from hyperdatasets.core.query.dates import moment, moments
from hyperdatasets.core.query.literals import boolean, number
from hyperdatasets.core.query.text import tokens
from hyperdatasets.core.query.tree import (
    SEMANTICS,
    All,
    And,
    Exists,
    Field,
    Fuzzy,
    Leaf,
    Node,
    Not,
    Nothing,
    Or,
    Range,
    Regex,
    Scope,
    Some,
    Term,
    Test,
    Wildcard,
)

Pairs = list[tuple[str, Any]]


def matches(
    node: Node,
    scope: Scope,
    frame: Frame,
    *,
    saved_ms: int = 0,
    saved_in_version: str = "",
    private: Mapping[str, Any] | None = None,
) -> bool:
    """Whether a frame is selected: itself (frame, local), or some source or ROI of it (source, roi)."""
    if scope == "roi":
        return any(_holds(node, pairs, frame) for pairs in rois(frame))
    if scope == "source":
        return any(_holds(node, pairs, frame) for pairs in sources(frame))
    if scope == "local":
        return _holds(node, list(_flat("", private or {})), frame)
    return _holds(node, _frame_pairs(frame, saved_ms, saved_in_version), frame)


def in_split(frame: Frame, split: Split, semantics: int = SEMANTICS) -> bool:
    """Whether a split takes a frame: by the least key among the values of its field, or else by the frame's id."""
    pairs = _frame_pairs(frame, 0, "")
    keys = [key_of(value, semantics) for path, value in pairs if path == split.by]
    key = min((key.encode() for key in keys), default=frame["id"].encode())
    text = f"hyperdatasets split 1 {len(split.salt)} {split.salt}".encode() + key
    place = Fraction(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"), 1 << 64)
    return bool(Fraction(repr(split.share.low)) <= place < Fraction(repr(split.share.high)))


def key_of(value: Any, semantics: int = SEMANTICS) -> str:
    """The key of a value: 5 and 5.0 have one, "5.0" and "007" others; by semantics 1 also 5 and 5.0."""
    if isinstance(value, str | bool):
        return value if isinstance(value, str) else str(value).lower()
    value = value + 0.0 if isinstance(value, float) else value  # -0.0 is 0.0
    is_whole = isinstance(value, int) or (value == int(value) and -(2**63) <= value < 2**63)
    return str(int(value)) if semantics > 1 and is_whole else repr(value)


def matching_rois(node: Node, frame: Frame) -> list[int]:
    """Positions of the annotations that a ROI query matches."""
    return [position for position, pairs in enumerate(rois(frame)) if _holds(node, pairs, frame)]


def _holds(node: Node, pairs: Pairs, frame: Frame) -> bool:
    match node:
        case And(children):
            return all(_holds(child, pairs, frame) for child in children)
        case Or(children):
            return any(_holds(child, pairs, frame) for child in children)
        case Not(child):
            return not _holds(child, pairs, frame)
        case Some(elements, child):
            return any(_holds(child, inner, frame) for inner in (rois if elements == "rois" else sources)(frame))
        case Leaf(field, test):
            return any(_passes(test, value, field) for value in _values(field, test, pairs, frame))
        case All() | Nothing():
            return isinstance(node, All)


# --- elements as (path, value) pairs


def _frame_pairs(frame: Frame, saved_ms: int, saved_in_version: str) -> Pairs:
    saved = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=saved_ms)
    own = {
        **{name: frame.get(name) for name in ("id", "context_id", "timestamp", "site", "meta")},
        "num_frames": len(frame["sources"]),
        "saved": saved.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "saved_in_version": saved_in_version,
    }
    return list(_flat("", own))


def sources(frame: Frame) -> list[Pairs]:
    names = ("id", "uri", "content_type", "width", "height", "timestamp", "size_bytes", "meta")
    return [list(_flat("", {name: source.get(name) for name in names})) for source in frame["sources"]]


def rois(frame: Frame) -> list[Pairs]:
    return [list(_flat("", _roi(annotation, frame["sources"]))) for annotation in frame.get("annotations", [])]


def _roi(annotation: Annotation, of_frame: list[Source]) -> dict[str, Any]:
    geometry = annotation.get("geometry", {})
    box = bounding_box(geometry) if geometry else None
    span = geometry.get("span")
    return {
        **{name: annotation.get(name) for name in ("id", "confidence", "origin", "meta")},
        "label": annotation["labels"],
        "sources": annotation.get("sources") or [source["id"] for source in of_frame],
        "shape": shape(annotation["geometry"]) if "geometry" in annotation else LABEL,
        "area": area(geometry) if geometry else None,
        **(dict(zip(("x", "y", "width", "height"), box, strict=True)) if box else {}),
        **({"start": span[0], "end": span[1]} if span else {}),
    }


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Lists and lists of objects flatten; null, [] and {} do not exist."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _flat(path, inner)
    elif value is not None:
        yield path, value


def _values(field: Field, test: Test, pairs: Pairs, frame: Frame) -> list[Any]:
    if not field.path:
        return _all_texts(pairs, frame, decoded=field.decoded)
    if isinstance(test, Exists):
        return [value for path, value in pairs if path == field.path or path.startswith(f"{field.path}.")]
    found = [value for path, value in pairs if path == field.path]
    return [*found, *map(unquote, found)] if field.decoded else found


def _all_texts(pairs: Pairs, frame: Frame, *, decoded: bool) -> list[str]:
    """Every string of the element; of a frame also those of its sources, and its labels."""
    if any(path == "num_frames" for path, _ in pairs):
        pairs = [pair for pair in pairs if pair[0] not in {"saved", "saved_in_version"}]
        pairs = pairs + [pair for source in sources(frame) for pair in source]
        pairs = pairs + [pair for roi in rois(frame) for pair in roi if pair[0] == "label"]
    uris = [unquote(value) for path, value in pairs if path == "uri"] if decoded else []
    return [value for _, value in pairs if isinstance(value, str)] + uris


# --- one condition on one value


def _passes(test: Test, value: Any, field: Field) -> bool:
    match test:
        case Exists():
            return True
        case Range(low, high) if low is None and high is None:
            return True
        case Term(text):
            return _equal(text, value, field)
        case Range():
            return _in_range(test, value, minutes=field.semantics > 1)
    if not isinstance(value, str):
        return False
    words = [value] if field.keyword else tokens(value)
    return any(_fits(test, word, exact=field.keyword) for word in words)


def _equal(text: str, value: Any, field: Field) -> bool:
    if isinstance(value, bool):
        return boolean(text) is value
    if isinstance(value, int | float):
        return number(text) == value
    if field.keyword:
        return bool(value == text)
    span, time = moments(text, minutes=field.semantics > 1), moment(value, minutes=field.semantics > 1)
    if span and time is not None and span[0] <= time <= span[1]:
        return True
    wanted, words = tokens(text), tokens(value)
    return bool(wanted) and any(words[i : i + len(wanted)] == wanted for i in range(len(words)))


def _in_range(test: Range, value: Any, *, minutes: bool) -> bool:
    bounds = [bound.text for bound in (test.low, test.high) if bound is not None]
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        if any(number(text) is None for text in bounds):
            return False
        low, high = (None if bound is None else (number(bound.text),) * 2 for bound in (test.low, test.high))
    elif moment(value, minutes=minutes) is not None and all(moments(text, minutes=minutes) for text in bounds):
        value = moment(value)
        low, high = (None if bound is None else moments(bound.text, minutes=minutes) for bound in (test.low, test.high))
    else:
        low, high = (None if bound is None else (bound.text,) * 2 for bound in (test.low, test.high))
    return _above(test, value, low) and _below(test, value, high)


def _above(test: Range, value: Any, low: Any) -> bool:
    return low is None or bool(value >= low[0] if test.low.inclusive else value > low[1])


def _below(test: Range, value: Any, high: Any) -> bool:
    return high is None or bool(value <= high[1] if test.high.inclusive else value < high[0])


def _fits(test: Test, word: str, *, exact: bool) -> bool:
    """A pattern against a whole value (exact), or against one case-folded word of it."""
    match test:
        case Wildcard(pattern):
            return re.fullmatch(_wildcard(pattern if exact else pattern.casefold()), word, re.DOTALL) is not None
        case Regex(pattern):
            options = re2.Options()
            options.case_sensitive, options.dot_nl = exact, True
            return re2.fullmatch(pattern, word, options) is not None
        case Fuzzy(text, edits):
            return distance(text if exact else text.casefold(), word) <= edits
    raise AssertionError(test)


def _wildcard(pattern: str) -> str:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join({"*": ".*", "?": "."}.get(part, re.escape(part.removeprefix("\\"))) for part in parts)


def distance(a: str, b: str) -> int:
    """Edits between two words, a swap of two neighbours being one (optimal string alignment)."""
    rows = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            best = min(rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                best = min(best, rows[i - 2, j - 2] + 1)
            rows[i, j] = best
    return rows[len(a), len(b)]
