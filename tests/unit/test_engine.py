"""The engine says of every query and every frame what the naive evaluator says.

`make test` asks 1,000 pairs, `make check` a fifth of them, `make prove` 20,000 and more: see the hypothesis profiles.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import And, Leaf, Node, Not, Or, Scope, Some
from hyperdatasets.core.query.unparse import unparse
from hyperdatasets.engine import bitmaps, dictionary, evaluate, numbers, postings
from hyperdatasets.engine.bitmaps import to_array
from hyperdatasets.engine.segment import Row, build
from tests.reference import agree, strategies
from tests.reference.evaluate import matching_rois
from tests.reference.properties import examples

SAVED_MS = 1_729_418_400_000
frames = st.lists(st.integers(0, 0).flatmap(lambda _: strategies.frames()), min_size=1, max_size=6)
scopes = st.sampled_from(("frame", "source", "roi"))
CONSTRUCTS = ("Term", "phrase", "Wildcard", "Regex", "Fuzzy", "Range", "open range", "Exists")
ABOVE = ("And", "Or", "Not", "All")
KINDS = {
    "frame": ("any text", "own", "meta", "rois", "sources"),
    "source": ("any text", "own", "meta"),
    "roi": ("own", "meta"),
    "local": ("any text", "own"),
}  # fmt: skip


def rows(of: list) -> list[Row]:
    return [Row(7 + 2 * i, frame | {"id": f"f{i}"}, SAVED_MS + i, "v") for i, frame in enumerate(of)]


@pytest.fixture(params=["small", "large"])
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine does with much data, also with the few frames of these tests."""
    if request.param == "large":
        for module, name, value in (
            (postings, "DENSE", 1), (postings, "_MANY", 0), (bitmaps, "_SHORT", 0), (bitmaps, "_LONG", 1),
            (numbers, "_FEW", 0), (numbers, "_LONG", 1), (evaluate, "LARGE", 0), (dictionary, "LARGE", 0),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, value)


def pairs(count: int) -> settings:
    return examples(count, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@pytest.mark.usefixtures("_ways")
@pairs(200)
@given(frames, scopes, st.integers(0, 6), st.data())
def test_engine_and_reference_agree(of: list, scope: Scope, cut: int, data: st.DataObject) -> None:
    node = data.draw(strategies.trees(scope))
    agree.Indexes(rows(of), cut=cut).found(node, scope)


@pytest.mark.usefixtures("_ways")
@pairs(50)
@given(frames, scopes, st.data())
def test_they_agree_when_grown_row_by_row_saved_and_read_back(of: list, scope: Scope, data: st.DataObject) -> None:
    node = data.draw(strategies.trees(scope))
    with tempfile.TemporaryDirectory() as folder:
        agree.Indexes(rows(of), folder=Path(folder)).found(node, scope)


@pytest.mark.usefixtures("_ways")
@pairs(100)
@given(frames, scopes, st.data())
def test_they_agree_on_queries_as_text(of: list, scope: Scope, data: st.DataObject) -> None:
    text = data.draw(strategies.texts(scope))
    try:
        node = parse(text, scope).node
    except InvalidQuery:
        return
    indexes = agree.Indexes(rows(of))
    indexes.found(node, scope)
    indexes.found(parse(unparse(node, scope), scope).node, scope)


@pytest.mark.usefixtures("_ways")
@pairs(75)
@given(st.lists(strategies.rows(), min_size=1, max_size=6), st.data())
def test_private_columns_agree(columns: list, data: st.DataObject) -> None:
    agree.found_private(data.draw(strategies.trees("local")), columns)


@pytest.mark.usefixtures("_ways")
@pairs(75)
@given(frames, st.data())
def test_matching_rois_agree(of: list, data: st.DataObject) -> None:
    node = data.draw(strategies.trees("roi"))
    segment = build(rows(of))
    rois = to_array(segment.rois_matching(node))
    found = zip(segment.rois.owners[rois].tolist(), segment.rois.places_of(rois).tolist(), strict=True)
    assert sorted(found) == [(number, place) for number, frame in enumerate(of) for place in matching_rois(node, frame)]


def constructs(node: Node, scope: Scope) -> Iterator[tuple[str, str]]:
    """(construct, kind of field) of all parts of a tree."""
    match node:
        case And(children) | Or(children):
            yield type(node).__name__, ""
            for child in children:
                yield from constructs(child, scope)
        case Not(child):
            yield "Not", ""
            yield from constructs(child, scope)
        case Some(elements, child):
            yield "Some", elements
            for construct, kind in constructs(child, scope):
                yield construct, elements if kind else ""
        case Leaf(field, test):
            name = type(test).__name__
            if name == "Term" and test.quoted:
                name = "phrase"
            if name == "Range" and None in (test.low, test.high):
                name = "open range"
            first = field.path.partition(".")[0]
            kind = "any text" if not first else "meta" if first == "meta" else "own"
            yield name, kind
            if field.keyword:
                yield f"{name} exactly", kind
        case _:
            yield type(node).__name__, ""


@pytest.mark.parametrize("scope", KINDS)
def test_the_generated_queries_reach_every_construct_on_every_kind_of_field(scope: Scope) -> None:
    seen = {each for seed in range(3_000) for each in constructs(strategies.grown(scope, Random(seed)), scope)}
    wanted = {(construct, kind) for construct in CONSTRUCTS for kind in KINDS[scope]} - {("Exists", "any text")}
    wanted |= {
        (f"{construct} exactly", kind) for construct in CONSTRUCTS for kind in KINDS[scope] if kind != "any text"
    }
    wanted |= {(construct, "") for construct in ABOVE}
    wanted |= {("Some", "rois"), ("Some", "sources")} if scope == "frame" else set()
    assert not wanted - seen
