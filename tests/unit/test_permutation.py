"""Permutations: everything once, the same for ever."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.permutation import MAX_SIZE, Permutation, at_each, derive, derive_each


@given(st.integers(1, 20_000), st.integers())
def test_everything_stands_somewhere_once(size, seed):
    assert np.sort(Permutation(size, derive(seed)).at(np.arange(size))).tolist() == list(range(size))


@given(st.integers(1, MAX_SIZE), st.integers(), st.data())
def test_seeking_gives_what_reading_gives(size, seed, data):
    start = data.draw(st.integers(0, size - 1))
    positions = np.arange(start, min(start + 10, size))
    permutation = Permutation(size, derive(seed))
    together = permutation.at(positions)
    assert ((together >= 0) & (together < size)).all()
    assert together.tolist() == [int(permutation.at(positions[i : i + 1])[0]) for i in range(len(positions))]


@given(st.integers(1, 100) | st.integers(4_000, 6_000) | st.integers(1, MAX_SIZE), st.integers(), st.data())
def test_one_position_of_many_permutations(size, seed, data):
    position, numbers = data.draw(st.integers(0, size - 1)), data.draw(st.lists(st.integers(0, 1 << 40), max_size=5))
    keys = derive_each("row", seed, numbers=numbers)
    assert keys == [derive("row", seed, number) for number in numbers]
    alone = [int(Permutation(size, key).at(np.array([position]))[0]) for key in keys]
    assert at_each(size, keys, position).tolist() == alone


@pytest.mark.parametrize("size", [3, 64, 5_000])
def test_no_place_is_preferred(size):
    firsts = [int(Permutation(size, derive(seed)).at(np.array([0]))[0]) for seed in range(3_000)]
    counts = np.bincount(np.array(firsts) * min(size, 16) // size)
    expected = 3_000 / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 60  # chi-squared with at most 15 degrees of freedom


def test_permutations_are_frozen():
    small = Permutation(10, derive("a", 1)).at(np.arange(10))
    assert small.tolist() == [9, 8, 1, 2, 7, 5, 4, 0, 3, 6]
    large = Permutation(100_000, derive("a", 1)).at(np.arange(100_000))
    assert (
        hashlib.sha256(large.astype("<i8").tobytes()).hexdigest()
        == "b1de78b58f798b58cca7c166657bd7c207c3029c0c11c7925e775a2719a30925"
    )
    far = Permutation(10**15, derive(b"a")).at(np.array([0, 10**12, 10**15 - 1]))
    assert far.tolist() == [357764842059804, 393363938079463, 425395519347109]


def test_keys_tell_their_parts_apart():
    assert len({derive("a", "bc"), derive("ab", "c"), derive("abc"), derive(b"abc"), derive("1"), derive(1)}) == 6


def test_sizes_that_cannot_be_are_refused():
    for size in (0, -1, MAX_SIZE + 1):
        with pytest.raises(ValueError, match="size"):
            Permutation(size, derive(0))
