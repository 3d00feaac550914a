"""What is read where: everything, in its share, from anywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.interleave import Interleave
from hyperdatasets.core.order import Iteration, SiteOrder, partition, partition_length, worker_positions


@st.composite
def orders(draw, **fixed):
    units = draw(st.integers(1, 60))
    some = st.lists(st.integers(0, units - 1), unique=True).map(sorted)
    rules = draw(st.lists(some, min_size=1, max_size=4))
    rules[0] = sorted(set(range(units)) - set().union(*map(set, rules[1:]), set()) | set(rules[0]))
    weights = draw(st.lists(st.integers(1, 9), min_size=len(rules), max_size=len(rules)))
    iteration = {
        "order": draw(st.sampled_from(["sequential", "random"])),
        "repeat": draw(st.booleans()),
        "limit": draw(st.none() | st.integers(1, 80) | st.just("balanced")),
        "seed": draw(st.integers(0, 99)),
    } | fixed
    ranks = np.array(draw(st.permutations(range(units))))
    return SiteOrder("ward", ranks, [np.array(rule, np.int64) for rule in rules], weights, Iteration(**iteration))


@given(orders(repeat=False, limit=None))
def test_without_limit_every_unit_comes_once(order):
    read = order.at(np.arange(order.length))
    assert sorted(read.tolist()) == list(range(order.units))


@given(orders(), st.integers(0, 10**15), st.integers(1, 30))
def test_seeking_is_skipping(order, start, count):
    start = start if order.length is None else start % order.length
    stop = start + count if order.length is None else min(start + count, order.length)
    together = order.at(np.arange(start, stop))
    apart = [int(order.at(np.array([position]))[0]) for position in range(start, stop)]
    assert together.tolist() == apart


@given(orders(order="random", repeat=False))
def test_no_limit_reads_more_than_there_is_unless_balanced(order):
    if order.iteration.limit == "balanced":
        assert set(order.at(np.arange(order.length)).tolist()) == set(range(order.units))
    else:
        assert order.length == min(order.iteration.limit or order.units, order.units)


@given(orders(order="random", repeat=True))
def test_a_rule_is_read_whole_before_it_is_read_again(order):
    present = [(rule, weight) for rule, weight in zip(order.rules, order.weights, strict=True) if len(rule)]
    interleave = Interleave(tuple(weight for _, weight in present))
    positions = np.arange(interleave.position(0, len(present[0][0]) - 1) + 1)
    drawing, _ = interleave.at(positions)
    assert sorted(order.at(positions)[drawing == 0].tolist()) == present[0][0].tolist()


@given(orders(repeat=True))
def test_epochs_follow_each_other(order):
    assert order.epoch(0) == range(order.epoch_length)
    assert order.epoch(3).start == order.epoch(2).stop
    assert order.length is None


def test_sequential_is_cut_and_starts_again():
    order = SiteOrder("a", np.array([2, 0, 1]), [np.arange(3)], [1], Iteration(repeat=True, limit=2))
    assert order.at(np.arange(5)).tolist() == [2, 0, 2, 0, 2]


@given(st.integers(1, 9), st.integers(0, 100), st.integers(0, 9))
def test_ranks_are_the_whole_with_nothing_twice(ranks, length, seed):
    dealt = [
        partition(np.arange(partition_length(length, rank, ranks, seed)), rank, ranks, seed) for rank in range(ranks)
    ]
    assert sorted(np.concatenate(dealt).tolist()) == list(range(length))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 50), st.integers(0, 60))
def test_workers_are_the_whole_with_nothing_twice(workers, block, start, count):
    parts = [worker_positions(start, start + count, worker=w, workers=workers, block=block) for w in range(workers)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(start, start + count))


def test_a_light_rule_does_not_fall_to_one_rank():
    interleave = Interleave((3, 1))
    light = [int((interleave.at(partition(np.arange(500), rank, 4, 7))[0] == 1).sum()) for rank in range(4)]
    assert min(light) > 80


def test_an_empty_site_has_no_positions():
    order = SiteOrder("a", np.array([], np.int64), [np.array([], np.int64)], [1], Iteration(repeat=True))
    assert order.length == order.epoch_length == 0


def test_orders_are_frozen():
    rules = [np.arange(0, 10, 2), np.arange(10)]
    once = SiteOrder("ward", np.arange(10), rules, [2, 1], Iteration(order="random"))
    assert once.at(np.arange(10)).tolist() == [4, 9, 8, 5, 1, 6, 2, 3, 0, 7]
    again = SiteOrder("ward", np.arange(10), rules, [2, 1], Iteration(order="random", repeat=True))
    assert again.at(np.arange(10**12, 10**12 + 8)).tolist() == [3, 2, 0, 6, 4, 6, 9, 2]
    assert partition(np.arange(6), 1, 3, 7).tolist() == [1, 4, 6, 10, 12, 17]


def test_ranks_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="rank"):
        partition(np.arange(2), 3, 3, 7)
