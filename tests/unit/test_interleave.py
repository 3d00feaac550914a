"""Every prefix gives each rule its share to within one."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.errors import InvalidView, WeightRange
from hyperdatasets.core.interleave import MAX_SUM, Interleave, integer_weights

weights = st.lists(st.integers(1, 60), min_size=1, max_size=9).map(tuple)


@given(weights)
def test_every_prefix_is_within_one_of_its_share(weights):
    rule, _ = Interleave(weights).at(np.arange(2 * sum(weights)))
    drawn = np.cumsum(rule[:, None] == np.arange(len(weights)), axis=0)
    share = np.arange(1, len(rule) + 1)[:, None] * np.array(weights) / sum(weights)
    assert np.abs(drawn - share).max() < 1


@given(weights, st.integers(0, 10**12))
def test_seeking_is_skipping(weights, start):
    interleave = Interleave(weights)
    positions = np.arange(start, start + 50)
    rule, draw = interleave.at(positions)
    for number in range(len(weights)):
        mine = draw[rule == number]
        assert (np.diff(mine) == 1).all()
    first_rule, first_draw = interleave.at(np.arange(start % interleave.period + 1))
    assert rule[0] == first_rule[-1]
    assert draw[0] == first_draw[-1] + start // interleave.period * weights[rule[0]]


def test_ties_go_to_the_earlier_rule():
    rule, _ = Interleave((1, 1, 1)).at(np.arange(6))
    assert rule.tolist() == [0, 1, 2, 0, 1, 2]


def test_the_assignment_is_frozen():
    assert Interleave((3, 2, 1)).at(np.arange(6))[0].tolist() == [0, 1, 0, 2, 1, 0]
    rule, _ = Interleave((40_000, 20_000, 5_000, 535, 1)).at(np.arange(65_536))
    assert (
        hashlib.sha256(rule.astype("<i8").tobytes()).hexdigest()
        == "8c56c7d570214a084de0f50e5b44ac057e4be454f40e8596b750927f3835bdc4"
    )


@pytest.mark.parametrize(
    ("given_weights", "integers"),
    [([1.0], (1,)), ([2, 2], (1, 1)), ([0.1, 0.3], (1, 3)), ([0.7, 0.3], (7, 3)), ([1e300, 1e300], (1, 1))],
)
def test_plain_weights_stay_exact(given_weights, integers):
    assert integer_weights(given_weights) == (integers, True)


@given(st.lists(st.floats(0.5, 100), min_size=1, max_size=50))
def test_rounded_weights_stay_close_and_within_the_sum(weights):
    integers, exact = integer_weights(weights)
    assert sum(integers) <= MAX_SUM
    if not exact:
        shares = np.array(integers) / sum(integers)
        assert np.abs(shares - np.array(weights) / sum(weights)).max() < 2e-3


def test_weights_that_cannot_be_are_refused():
    for weight in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InvalidView, match=r"rules\[1\].weight"):
            integer_weights([1, weight])
    with pytest.raises(WeightRange, match=r"rules\[0\].weight"):
        integer_weights([1, 1e6])
