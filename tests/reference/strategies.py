"""Generated frames and queries that meet each other: one small vocabulary, every type, every construct."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.query.tree import (
    SEMANTICS,
    All,
    And,
    Bound,
    Elements,
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
from hyperdatasets.core.query.unparse import unparse

WORDS = (
    "car", "Car", "cat", "act", "bus stop", "Bus Stop", "traffic_light", "can't", "3.5", "5", "-5", "true", "rain",
    "Straße", "STRASSE", "münchen", "東京タワー", "é", "a", "", "-", "...", "site://a/b", "image/png",
    "2024-10-20", "2024-10-20T10:00:00Z", "2024-10-20T10:00", "2024-10-20 23:59", "2024-10-20T10:00+01:00",
    "2024-10-20T23:30:00-05:00", "2024-10-21", "2023-02-29", "x2024-10-20", "2024-10-21T04:30Z", "2024-10-20T24:00",
    "2024-10-21T04:30:00.000001+00:00", "2024-11-05t00:00:00", "0001-01-01", "9999-12-31", "İstanbul", "ﬁn", "ẞ",
    "2024-12-31T23:59:60Z", "9999-12-31T23:59:59-01:00", "2025-01-01T00:00:00+14:00", "\u03c2", "i\u0307", "\u212a",
    "e\u0301te\u0301", "\u0301a", "カ\u3099ひ東", "Ⅷ ٣", "𠀀x", "a*b", "what?", "back\\slash", 'say "hi"', "12:30",
    "night rain car", "now", "AND", "1e999", "NaN", "a\u0000b", "\u00a0", "\u017ftop",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    5,
    -5,
    2.5,
    0.1,
    -0.0,
    1e300,
    -1e300,
    5e-324,
    1.7976931348623157e308,
    2**53,
    2**53 + 1,
    float(2**53),
    2**63 - 1,
    -(2**63),
    -(2.0**63),
    2.0**63,
    0.10000000000000002,
    2024,
    640,
)
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
    st.just({"polygon": [[0.0, 0.0, 5.0, 0.0, 5.0, 5.0, 0.0, 5.0], [1.0, 1.0, 2.0, 1.0, 2.0, 2.0]]}),
    st.just({"points3d": [1.5, 0.0, 5.0]}),
    st.just({"span": [1, 5]}),
    st.just({"span": [5, 2024]}),
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
    """A normalised frame with one to three sources and up to four ROIs."""
    names = draw(st.sampled_from((["default"], ["front", "rear"], ["front", "rear", "top"])))
    sources = [
        {
            "id": name,
            "uri": draw(
                st.sampled_from(
                    ("site://a/b", "https://host/Car.png", "file:///bus stop.jpg", "file:///bus%20stop/Caf%C3%A9%2D5")
                )
            ),
            **({"content_type": "image/png"} if draw(st.booleans()) else {}),
            **({"width": 640, "height": 480} if draw(st.booleans()) else {}),
            **({"timestamp": draw(st.sampled_from((0, 5, 2024)))} if draw(st.booleans()) else {}),
            **({"size_bytes": draw(st.sampled_from((0, 5, 2**53 + 1)))} if draw(st.booleans()) else {}),
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


_SEMANTICS = st.sampled_from((1, SEMANTICS))
_ELEMENTS: tuple[tuple[Elements, Scope], ...] = (("rois", "roi"), ("sources", "source"))


def _paths(scope: Scope) -> dict[str, list[str]]:
    """Paths by kind of field."""
    own = {
        "frame": ["id", "context_id", "timestamp", "num_frames", "site", "saved", "saved_in_version"],
        "source": ["id", "uri", "content_type", "width", "height", "timestamp", "size_bytes"],
        "roi": ["label", "confidence", "origin", "id", "area", "x", "y", "width", "height", "start", "end",
                "shape", "sources"],
        "local": [*KEYS, "items.name", "nowhere"],
    }  # fmt: skip
    meta = [*(f"meta.{key}" for key in KEYS), "meta.items.name", "meta.city.name", "meta.nowhere", "meta"]
    kinds = {"own": own[scope], "meta": meta, "any text": [""]}
    missing = {"roi": "any text", "local": "meta"}.get(scope)
    return {kind: paths for kind, paths in kinds.items() if kind != missing}


def _fields(scope: Scope) -> st.SearchStrategy[str]:
    return st.sampled_from([path for paths in _paths(scope).values() for path in paths])


REGEXES = (
    "İ.*",
    "(?i)STRASSE",
    "\\pL+",
    "[^a]*",
    "a|b|car",
    "(a+)+$",
    "()",
    "c.r",
    "[Cc]ar|bus",
    ".*",
    "a+",
    "ca?t",
    "\\d+",
    "(?i)CAR",
    "日?.*",
    "stra.*",
    "Bus Stop",
)
PATTERNS = (
    "c*",
    "*r",
    "?at",
    "c?r",
    "*a*",
    "\\*",
    "Bus*",
    "*stop",
    "STR*",
    "2024*",
    "*京*",
    "**",
    "?",
    "??*",
    "\\?",
    "*\\**",
    "İ*",
    "\u017f*",
    "STRASSE*",
    "?\u0301*",
    "2?24*",
    "*\\\\*",
    "site://*",
    "*" * 12 + "r",
)
BOUNDS = (
    *WORDS,
    "2024",
    "2024-10",
    "2024-10-20T10:00",
    "2.5",
    "-1e3",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "-1e999",
    "9" * 350,
    "640",
    "0",
    "0.5",
    "5e-324",
    "0000",
    "2024-02",
    "-0.0",
    "2024-10-21T06:30:00+02:00",
)


TERMS = (
    *WORDS,
    *LABELS,
    "bus",
    "stop",
    "street",
    "2024",
    "2024-10",
    "2024-10-20T10:00",
    "640",
    "0.5",
    "false",
    "v",
    "STRASSE",
    "fin",
    "i̇stanbul",
    "a b",
    "b",
    "京",
    "ひ",
    "x",
    "ss",
    "stop rain",
    "rain car",
    "1e999",
    "-1e999",
    "9" * 350,
    "2024-10-21T04:30:00Z",
    "9999",
    "1.0",
    "9223372036854775808",
    "5.0",
    "TRUE",
    "front",
    "span",
)
FUZZIES = ("car", "caar", "rac", "Stop", "rian", "münchne", "ca", "東", "strase", "İ", "a*b")


def _edge() -> st.SearchStrategy[Bound | None]:
    return st.none() | st.builds(Bound, st.sampled_from(BOUNDS), st.booleans())


def _tests() -> st.SearchStrategy[Test]:
    return st.one_of(
        st.builds(Term, st.sampled_from(TERMS), st.booleans()),
        st.builds(Wildcard, st.sampled_from(PATTERNS)),
        st.builds(Regex, st.sampled_from(REGEXES)),
        st.builds(
            Fuzzy,
            st.sampled_from(FUZZIES),
            st.integers(0, 2),
        ),
        st.builds(Range, _edge(), _edge()),
        st.just(Exists()),
    )


def _leaf(path: str, test: Test, *, keyword: bool, semantics: int) -> Node:
    if not path and test == Exists():
        return All()
    return Leaf(Field(path, keyword and bool(path), semantics), test)


def trees(scope: Scope) -> st.SearchStrategy[Node]:
    """Trees such as the parser makes in this scope: grown evenly from a seed, or by hypothesis, which can shrink."""
    leaves: st.SearchStrategy[Node] = st.builds(
        _leaf, _fields(scope), _tests(), keyword=st.booleans(), semantics=_SEMANTICS
    )
    if scope == "frame":
        for elements, inner in _ELEMENTS:
            each = st.builds(_leaf, _fields(inner), _tests(), keyword=st.booleans(), semantics=_SEMANTICS)
            leaves = leaves | st.builds(Some, st.just(elements), _combined(each))
    seeds = st.integers(0, 2**32 - 1)
    return seeds.map(lambda seed: grown(scope, Random(seed))) | _combined(leaves)


def grown(scope: Scope, random: Random, depth: int = 0) -> Node:
    """A tree in which every construct on every kind of field is about as likely as any other."""
    if depth < 3 and random.random() < 0.4:
        kind = random.choice((And, Or, Not))
        children = tuple(grown(scope, random, depth + 1) for _ in range(random.choice((2, 2, 3))))
        return Not(children[0]) if kind is Not else kind(children)
    if scope == "frame" and random.random() < 0.4:
        elements, inner = random.choice(_ELEMENTS)
        return Some(elements, grown(inner, random, depth + 1))
    if random.random() < 0.05:
        return All()
    path = random.choice(random.choice(list(_paths(scope).values())))
    keyword, semantics = random.random() < 0.5, random.choice((1, SEMANTICS))
    return _leaf(path, _grown_test(random), keyword=keyword, semantics=semantics)


def _grown_test(random: Random) -> Test:
    def edge() -> Bound | None:
        return None if random.random() < 0.2 else Bound(random.choice(BOUNDS), random.random() < 0.5)

    makers: list[Callable[[], Test]] = [
        lambda: Term(random.choice(TERMS), random.random() < 0.5),
        lambda: Wildcard(random.choice(PATTERNS)),
        lambda: Regex(random.choice(REGEXES)),
        lambda: Fuzzy(random.choice(FUZZIES), random.choice((0, 1, 2))),
        lambda: Range(edge(), edge()),
        Exists,
    ]
    return random.choice(makers)()


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


def texts(scope: Scope) -> st.SearchStrategy[str]:
    """Query texts as people write them, some of them wrong: trees written out, put together without parentheses."""
    written = trees(scope).map(lambda node: unparse(node, scope))
    pieces = st.sampled_from(
        (
            *WORDS,
            "car",
            "'Bus Stop'",
            '"Bus Stop"',
            "meta.city:(car OR rain)",
            "meta.n:>=5^2",
            "a^.5",
            "meta.date:[2024-10 TO '2024-10-21'}",
            "_exists_:meta.tags",
            "…",
            "meta.tags:/c.r/",
            "car~",
            "rois:(car Blue)",
            "sources:(png)",
            "*:*",
            "meta.n:-5",
            "meta.city:(-car +rain)",
            "*",
        )
    )
    signs = st.sampled_from(("", "", "", "-", "+", "!", "NOT "))
    joins = st.sampled_from((" ", " AND ", " OR ", " && ", " || ", "\n", "\u3000"))
    clauses = st.tuples(signs, written.map("({})".format) | written | pieces, joins).map("".join)
    return st.lists(clauses, min_size=1, max_size=4).map(lambda parts: "".join(parts).rstrip(" ANDOR&|"))
