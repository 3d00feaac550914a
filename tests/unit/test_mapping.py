"""Labels as a view shows them, and splits."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.errors import InvalidView
from hyperdatasets.core.mapping import LabelRule, Mapper, enumerate_labels, label_ids
from hyperdatasets.core.split import Share, split_places


def rule(*labels, to):
    return LabelRule(frozenset(labels), to)


@pytest.mark.parametrize(
    ("rules", "drop", "before", "after"),
    [
        ([], False, ["a", "b"], ["a", "b"]),
        ([rule("a", to="x")], False, ["a", "b"], ["x", "b"]),
        ([rule("a", to=None)], False, ["a", "b"], ["b"]),
        ([rule("a", "b", to="x")], False, ["b", "c", "a"], ["x", "c"]),
        ([rule("a", "b", to="x")], False, ["a", "c"], ["a", "c"]),
        ([rule("a", to="b"), rule("b", to="c")], False, ["a"], ["b"]),  # no chains
        ([rule("a", to="b"), rule("b", to="c")], False, ["a", "b"], ["b", "c"]),
        ([rule("a", to="x"), rule("a", to="y")], False, ["a"], ["x"]),  # the first consumes
        ([rule("a", to="x"), rule("b", to="x")], False, ["a", "b"], ["x"]),
        ([rule("a", to="x"), rule("*", to="rest")], False, ["b", "a", "c"], ["rest", "x"]),
        ([rule("a", to="x")], True, ["a", "b"], ["x"]),
        ([], True, ["a"], []),
    ],
)
def test_labels_are_mapped(rules, drop, before, after):
    assert Mapper(tuple(rules), drop_unmapped=drop).labels(before) == after


def test_an_annotation_without_labels_is_left_out():
    annotations = [{"id": "1", "labels": ["a"]}, {"id": "2", "labels": ["b", "a"]}]
    mapped = Mapper((rule("a", to=None),)).annotations(annotations)
    assert mapped == [{"id": "2", "labels": ["b"]}]
    assert annotations[1]["labels"] == ["b", "a"]


def test_numbers_follow_the_order_of_bytes():
    numbers = enumerate_labels(["b", "é", "Z", "b"])
    assert numbers == {"Z": 1, "b": 2, "é": 3}
    assert label_ids(["b", "unknown"], numbers) == [2, -1]


@given(st.text(), st.text(), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5, unique=True))
def test_shares_part_the_keys_without_gap_or_overlap(key, salt, cuts):
    edges = [0.0, *sorted(cuts), 1.0]
    place = split_places([key.encode()], salt)
    assert sum(Share(low, high).holds(place)[0] for low, high in itertools.pairwise(edges)) == 1


def test_shares_are_as_large_as_they_say():
    places = split_places((f"patient {number}".encode() for number in range(10_000)), "a")
    assert abs(Share(0.0, 0.8).holds(places).sum() - 8_000) < 150


def test_places_are_frozen():
    assert split_places([b"patient 1"], "a").tolist() == [16875494164165255534]
    assert split_places([b"patient 1"], "b") != split_places([b"patient 1"], "a")


def test_shares_that_cannot_be_are_refused():
    for low, high in ((0.5, 0.5), (0.8, 0.2), (-0.1, 1), (0, 1.1), (float("nan"), 1)):
        with pytest.raises(InvalidView, match="share"):
            Share(low, high)
