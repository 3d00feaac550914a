"""The engine says of every query and every frame what the naive evaluator says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.query.tree import Scope
from hyperdatasets.engine.segment import Row, build, build_private, merge
from tests.reference import strategies
from tests.reference.evaluate import matches, matching_rois

SAVED_MS = 1_729_418_400_000
frames = st.lists(st.integers(0, 0).flatmap(lambda _: strategies.frames()), min_size=1, max_size=6)
quick = settings(
    max_examples=int(os.environ.get("ENGINE_EXAMPLES", "340")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def rows(of: list) -> list[Row]:
    return [Row(7 + 2 * i, frame | {"id": f"f{i}"}, SAVED_MS + i, "v") for i, frame in enumerate(of)]


@quick
@given(frames, st.sampled_from(("frame", "source", "roi")), st.integers(0, 6), st.data())
def test_engine_and_reference_agree(of: list, scope: Scope, cut: int, data: st.DataObject) -> None:
    node = data.draw(strategies.trees(scope))
    listed = rows(of)
    parts = [build(part) for part in (listed[:cut], listed[cut:]) if part]
    expected = BitMap(
        row.revision for row in listed
        if matches(node, scope, row.frame, saved_ms=row.saved_ms, saved_in_version="v")
    )  # fmt: skip
    assert BitMap().union(*(segment.search(node, scope) for segment in parts)) == expected
    assert merge(parts).search(node, scope) == expected


@quick
@given(st.lists(strategies.rows(), min_size=1, max_size=6), st.data())
def test_private_columns_agree(columns: list, data: st.DataObject) -> None:
    node = data.draw(strategies.trees("local"))
    frame = {"id": "f", "sources": [{"id": "default", "uri": "u"}]}
    expected = BitMap(i for i, private in enumerate(columns) if matches(node, "local", frame, private=private))
    assert build_private(enumerate(columns)).search(node, "local") == expected


@quick
@given(frames, st.data())
def test_matching_rois_agree(of: list, data: st.DataObject) -> None:
    node = data.draw(strategies.trees("roi"))
    segment = build(rows(of))
    found = iter(sorted(segment.rois_matching(node)))
    expected, base = [], 0
    for frame in of:
        expected += [base + place for place in matching_rois(node, frame)]
        base += len(frame.get("annotations", []))
    assert list(found) == expected
