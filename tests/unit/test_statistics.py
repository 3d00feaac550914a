"""Statistics, groups and samples say what loops over plain frames say."""

from __future__ import annotations

import gc
import math
import weakref
from collections import Counter
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.query.literals import number
from hyperdatasets.core.query.parse import parse
from hyperdatasets.engine import counting, statistics, value_groups
from hyperdatasets.engine import index as index_module
from hyperdatasets.engine.distinct import Distinct
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.schema import schema
from hyperdatasets.engine.segment import Row, build
from tests.reference import strategies
from tests.reference.checks import elements_of
from tests.reference.properties import examples

frames = st.lists(st.integers(0, 0).flatmap(lambda _: strategies.frames()), min_size=1, max_size=8)
ROI_QUERIES = ("", "*", "confidence:>.5", "NOT label.keyword:car")


def indexed(of: list, cut: int) -> tuple[DatasetIndex, list]:
    """Frames in two segments, and the same frames with their ids."""
    named = [frame | {"id": f"f{number}"} for number, frame in enumerate(of)]
    rows = [Row(3 + 2 * number, frame) for number, frame in enumerate(named)]
    index = DatasetIndex()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(index_module, "QUICK", 0)  # small parts would be merged at once
        for part in (rows[:cut], rows[cut:]):
            index.add(part)
    assert len(index.segments) == bool(rows[:cut]) + bool(rows[cut:])
    return index, named


def in_order(text: str, *, numeric: bool) -> tuple[bool, float, str]:
    """Numbers in their order, then texts."""
    value = number(text) if numeric else None
    whole = value is not None and -(2.0**63) <= value < 2.0**63 and value == int(value)
    alone = value is None or text != (str(int(value)) if whole else repr(value))
    return alone, 0 if alone or value is None else value, text


@examples(150)
@given(frames, st.integers(0, 8), st.sampled_from(ROI_QUERIES), st.booleans(), st.integers(1, 4))
def test_counts_are_those_of_loops(of: list, cut: int, roi_query: str, many: bool, limit: int) -> None:  # noqa: FBT001
    index, named = indexed(of, cut)
    chosen = [frame for number, frame in enumerate(named) if number % 3 or many]
    revisions = BitMap(3 + 2 * number for number in range(len(named)) if number % 3 or many)
    node = parse(roi_query, "roi").node if roi_query else None
    for path in sorted(index.names("frame") - {"saved", "saved_in_version"}):
        held = [elements_of(frame, path, roi_query) for frame in chosen]
        elements = Counter(text for frame in held for element in frame for text in element)
        of_frames = Counter(text for frame in held for text in set().union(*frame))
        found = statistics.statistics(index, path, revisions, rois=node)
        order_of = partial(in_order, numeric=bool(found.counted.kinds & {"integer", "number"}))
        expected = sorted(elements, key=lambda text: (-elements[text], order_of(text)))[:limit]
        assert [(each.text, each.elements, each.frames) for each in found.counted.top(limit)] == [
            (text, elements[text], of_frames[text]) for text in expected
        ], path
        assert found.counted.distinct == len(elements), path
        assert (found.elements, found.missing) == (
            sum(map(len, held)), sum(not element for frame in held for element in frame)
        ), path  # fmt: skip
        groups = value_groups.grouped(index, path, revisions, 0, 1_000, by_value=many, rois=node)
        first = {
            text: next(frame["id"] for frame, each in zip(chosen, held, strict=True) if text in set().union(*each))
            for text in elements
        }
        order = sorted(elements, key=lambda text: (not many and -of_frames[text], order_of(text)))
        assert [(each.text, each.frames, f"f{(revision - 3) // 2}") for each, revision in groups.groups] == [
            (text, of_frames[text], first[text]) for text in order
        ], path
        assert groups.missing == sum(not set().union(*frame) for frame in held), path


@examples(60)
@given(frames, st.integers(0, 8), st.integers(1, 3), st.sampled_from((0.1, 0.5, 1.0)), st.integers(0, 3))
def test_samples_hold_what_they_promise(of: list, cut: int, per_value: int, share: float, seed: int) -> None:
    index, named = indexed(of, cut)
    revisions = BitMap(3 + 2 * number for number in range(len(named)))
    for path in ("site", "rois.label", "meta.n"):
        held = {3 + 2 * number: set().union(*elements_of(frame, path)) for number, frame in enumerate(named)}
        counts = Counter(text for texts in held.values() for text in texts)
        for asked in ({"per_value": per_value}, {"share": share}):
            drawn = value_groups.sampled(index, path, revisions, seed=seed, **asked)
            assert drawn.revisions == value_groups.sampled(index, path, revisions, seed=seed, **asked).revisions
            got = Counter(text for revision in drawn.revisions for text in held[revision])
            wanted = {
                text: min(per_value, n) if "per_value" in asked else math.ceil(share * n) for text, n in counts.items()
            }
            assert all(got[text] >= n for text, n in wanted.items())
            assert len(drawn.revisions) <= sum(wanted.values())
            assert drawn.values == len(counts)
            assert drawn.missing == sum(not texts for texts in held.values())


numbers = st.lists(st.integers(-5, 5) | st.floats(-1e9, 1e9), min_size=1, max_size=40)


@given(numbers, st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(1, 9))
def test_quantiles_and_histograms_are_those_of_all_values(values: list, shares: list, bins: int) -> None:
    counted = Distinct.of(np.array(values, np.float64))
    got = statistics.quantiles(counted, shares)
    assert got == pytest.approx(np.quantile(np.array(values, np.float64), shares).tolist(), rel=1e-9, abs=1e-6)
    bars = statistics.histogram(counted, bins)
    assert sum(bar.count for bar in bars) == len(values)
    assert (bars[0].low, bars[-1].high) == (min(values), max(values))
    if len(bars) == bins > 1:
        assert [bar.count for bar in bars] == np.histogram(np.array(values, np.float64), bins=bins)[0].tolist()


@pytest.mark.parametrize(("first", "second", "expected"), [
    ([True, "a"], ["b", "a"], ["a", "b"]),  # texts beside a boolean that nobody asked for
    ([0.5, 2, 1], [1, 2, 1], ["1", "2"]),  # whole numbers beside a fraction that nobody asked for
    (["x", 1.0, "1", 2], [1, "1", 2, 3], ["1", "2", "3"]),
    ([None, -(2.0**63), 0], [-(2**63)], ["-9223372036854775808", "0"]),
])  # fmt: skip
def test_values_that_segments_keep_differently_are_one(
    first: list, second: list, expected: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first frame is not among those that are counted, but of its value's type its segment is."""
    monkeypatch.setattr(counting, "LISTED", 1)
    source = {"id": "default", "uri": "u"}
    frames = [{"id": "f", "sources": [source], "meta": {"v": value}} for value in (*first, *second)]
    index, _ = indexed(frames, len(first))
    revisions = BitMap(range(4, 3 + 2 * len(frames)))
    counts = Counter(elements for frame in frames[1:] for elements in elements_of(frame, "meta.v")[0])
    found = statistics.statistics(index, "meta.v", revisions).counted
    assert found.distinct == len(expected)
    assert [(each.text, each.elements) for each in found.top(9)] == [(text, counts[text]) for text in expected]
    groups = value_groups.grouped(index, "meta.v", revisions, 0, 9)
    assert [(each.text, each.frames) for each, _ in groups.groups] == [(text, counts[text]) for text in expected]


def test_very_many_texts_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(n, {"id": f"f{n}", "sources": [], "meta": {"x": f"{n % 700}", "id": f"é{n}"}}) for n in range(2_000)]
    index = DatasetIndex()
    for start in range(0, 2_000, 500):
        index.add(rows[start : start + 500])
    revisions = BitMap(range(100, 2_000))

    def asked() -> list[object]:
        found: list[object] = []
        for path in ("meta.x", "meta.id"):
            counted = statistics.statistics(index, path, revisions).counted
            found += [counted.distinct, counted.top(20), counted.window(30, 50, by_value=True)]
            found += [counted.window(680, 710, by_value=False)]
        return [*found, schema(index, revisions, top=3)]

    one_by_one = asked()
    monkeypatch.setattr(counting, "LISTED", 10)
    assert asked() == one_by_one


def test_frequent_labels_are_counted_from_what_stands_ready() -> None:
    labels = [["car"] * (n % 4) + ["bus"] * (n % 3 == 0) for n in range(3_000)]
    rows = [
        Row(n, {"id": f"f{n}", "sources": [], "annotations": [
            {"id": f"{place}", "labels": [label]} for place, label in enumerate(each)
        ]})
        for n, each in enumerate(labels)
    ]  # fmt: skip
    segment = build(rows)
    assert len(segment.rois.columns["label"].postings.dense.codes) == 2
    index = DatasetIndex()
    index.add(rows)
    revisions = BitMap(range(7, 2_900, 3))
    found = statistics.statistics(index, "rois.label", revisions)
    chosen = [labels[n] for n in revisions]
    expected = Counter(label for each in chosen for label in each)
    assert {each.text: each.elements for each in found.counted.top(9)} == expected
    assert {each.text: each.frames for each in found.counted.top(9)} == Counter(
        label for each in chosen for label in set(each)
    )


def test_what_stands_ready_for_a_segment_goes_with_it() -> None:
    rows = [Row(n, {"id": f"f{n}", "sources": [], "annotations": [{"id": "a", "labels": ["car"]}]}) for n in range(999)]
    index = DatasetIndex()
    index.add(rows)
    found = statistics.statistics(index, "rois.label", BitMap(range(500)))
    assert [(each.text, each.frames) for each in found.counted.top(2)] == [("car", 500)]
    table = weakref.ref(index.segments[0].rois)
    assert table() is not None
    del index, found
    gc.collect()
    assert table() is None
