"""Generated frames and queries that meet each other: one small vocabulary, every type, every construct."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.query.tree import (
    All,
    And,
    Bound,
    Exists,
    Field,
    Fuzzy,
    Leaf,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Scope,
    Some,
    Term,
    Test,
    Wildcard,
)

WORDS = (
    "car", "Car", "cat", "act", "bus stop", "Bus Stop", "traffic_light", "can't", "3.5", "5", "-5", "true", "rain",
    "Straße", "STRASSE", "münchen", "東京タワー", "é", "a", "", "-", "...", "site://a/b", "image/png",
    "2024-10-20", "2024-10-20T10:00:00Z", "2024-10-20T23:30:00-05:00", "2024-10-21", "2023-02-29", "x2024-10-20",
)  # fmt: skip
NUMBERS = (0, 1, 5, -5, 2.5, 0.1, 1e300, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 2024, 640)
LABELS = ("car", "Car", "Bus Stop", "Blue", "occluded", "人", "a-b")
KEYS = ("city", "tags", "score", "n", "date", "items")

scalars = st.sampled_from(WORDS) | st.sampled_from(NUMBERS) | st.booleans() | st.none()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*KEYS, "name")), inner, max_size=2),
    max_leaves=4,
)
metas = st.dictionaries(st.sampled_from(KEYS), values, max_size=3)
sides = st.sampled_from((1.0, 2.5, 5.0, 40.0))
places = st.sampled_from((0.0, 1.5, 5.0))
geometries = st.one_of(
    st.none(),
    st.tuples(places, places, sides, sides).map(lambda box: {"box": list(box)}),
    st.tuples(places, places, sides, sides, st.sampled_from((0.0, 30.0, 90.0))).map(lambda box: {"box": list(box)}),
    st.just({"polygon": [[0.0, 0.0, 5.0, 0.0, 5.0, 5.0]]}),
    st.just({"ellipse": [5.0, 5.0, 2.5, 1.0, 45.0]}),
    st.just({"keypoints": [1.5, 0.0, 5.0, 2.5]}),
    st.just({"mask": [1, 2, 3]}),
    st.just({"span": [1, 5]}),
)


@st.composite
def annotations(draw: st.DrawFn, sources: list[str]) -> dict[str, Any]:
    plain: dict[str, Any] = {"labels": draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=3, unique=True))}
    optional = {
        "confidence": draw(st.none() | st.sampled_from((0.0, 0.1, 0.5, 0.8, 1.0))),
        "origin": draw(st.none() | st.sampled_from(("yolo", "Car"))),
        "geometry": draw(geometries),
        "sources": draw(st.none() | st.lists(st.sampled_from(sources), min_size=1, max_size=2, unique=True)),
        "meta": draw(st.none() | metas),
    }
    return plain | {name: value for name, value in optional.items() if value is not None}


@st.composite
def frames(draw: st.DrawFn, frame_id: str = "f") -> Frame:
    """A normalised frame with one or two sources and up to four ROIs."""
    names = draw(st.sampled_from((["default"], ["front", "rear"])))
    sources = [
        {
            "id": name,
            "uri": draw(st.sampled_from(("site://a/b", "https://host/Car.png", "file:///bus stop.jpg"))),
            **({"content_type": "image/png"} if draw(st.booleans()) else {}),
            **({"width": 640, "height": 480} if draw(st.booleans()) else {}),
            **({"timestamp": draw(st.sampled_from((0, 5, 2024)))} if draw(st.booleans()) else {}),
            **({"meta": draw(metas)} if draw(st.booleans()) else {}),
        }
        for name in names
    ]
    plain: dict[str, Any] = {
        "id": frame_id,
        "sources": sources,
        "annotations": draw(st.lists(annotations(names), max_size=4)),
        "meta": draw(metas),
    }
    if draw(st.booleans()):
        plain["context_id"] = draw(st.sampled_from(("a", "car", "2024-10-20")))
    if draw(st.booleans()):
        plain["timestamp"] = draw(st.sampled_from((0, 5, 2**53 + 1)))
    if draw(st.booleans()):
        plain["site"] = draw(st.sampled_from(("north", "south")))
    return normalise(plain)[0]


def _fields(scope: Scope) -> st.SearchStrategy[str]:
    meta = [f"meta.{key}" for key in KEYS] + ["meta.items.name", "meta.city.name", "meta.nowhere", "nowhere"]
    own = {
        "frame": ["id", "context_id", "timestamp", "num_frames", "site", ""],
        "source": ["id", "uri", "content_type", "width", "height", "timestamp", "size_bytes", ""],
        "roi": ["label", "confidence", "origin", "id", "area", "x", "y", "width", "height", "start", "end",
                "shape", "sources"],
        "local": [],
    }  # fmt: skip
    if scope == "local":
        return st.sampled_from((*KEYS, "items.name", "nowhere", ""))
    return st.sampled_from(meta + own[scope] * 2)


_regexes = st.sampled_from(("c.r", "[Cc]ar|bus", ".*", "a+", "ca?t", "\\d+", "(?i)CAR", "日?.*", "stra.*", "Bus Stop"))
_patterns = st.sampled_from(("c*", "*r", "?at", "c?r", "*a*", "\\*", "Bus*", "*stop", "STR*", "2024*", "*京*", "**"))
_bounds = st.sampled_from((*WORDS, "2024", "2024-10", "2.5", "-1e3", "9007199254740993", "9223372036854775807"))


def _edge() -> st.SearchStrategy[Bound | None]:
    return st.none() | st.builds(Bound, _bounds, st.booleans())


def _tests() -> st.SearchStrategy[Test]:
    terms = st.sampled_from((*WORDS, *LABELS, "bus", "stop", "street", "2024", "2024-10", "640", "0.5", "false"))
    return st.one_of(
        st.builds(Term, terms, st.booleans()),
        st.builds(Wildcard, _patterns),
        st.builds(Regex, _regexes),
        st.builds(Fuzzy, st.sampled_from(("car", "caar", "rac", "Stop", "rian", "münchne")), st.integers(0, 2)),
        st.builds(Range, _edge(), _edge()),
        st.just(Exists()),
    )


def _leaf(path: str, test: Test, *, keyword: bool) -> Node:
    return Leaf(Field(path, keyword and bool(path)), test) if path or test != Exists() else All()


def trees(scope: Scope) -> st.SearchStrategy[Node]:
    """Trees such as the parser makes in this scope."""
    leaves: st.SearchStrategy[Node] = st.builds(_leaf, _fields(scope), _tests(), keyword=st.booleans())
    if scope == "frame":
        inner = st.builds(Some, st.just("rois"), _combined(st.builds(_leaf, _fields("roi"), _tests(),
                                                                     keyword=st.booleans())))  # fmt: skip
        outer = st.builds(Some, st.just("sources"), st.builds(_leaf, _fields("source"), _tests(),
                                                              keyword=st.booleans()))  # fmt: skip
        leaves = leaves | inner | outer
    return _combined(leaves)


def _combined(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.recursive(
        leaves | st.just(All()),
        lambda inner: st.one_of(
            st.builds(lambda children: And(tuple(children)), st.lists(inner, min_size=2, max_size=3)),
            st.builds(lambda children: Or(tuple(children)), st.lists(inner, min_size=2, max_size=3)),
            st.builds(Not, inner),
        ),
        max_leaves=5,
    )


def rows(draw_from: st.SearchStrategy[Any] = values) -> st.SearchStrategy[dict[str, Any]]:
    """Private columns of a frame."""
    return st.dictionaries(st.sampled_from(KEYS), draw_from, max_size=4)
