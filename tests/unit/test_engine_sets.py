"""Sets of elements and of frames: stretches, and numbers of elements in binary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.engine.bitmaps import from_mask, stretches
from hyperdatasets.engine.postings import Postings
from hyperdatasets.engine.tallies import Tallies, Tally

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=50)


@given(st.lists(st.tuples(st.integers(1, 200_000), st.integers(1, 200_000)), min_size=1, max_size=6))
def test_a_long_set_of_few_stretches_is_read_as_such(parts: list[tuple[int, int]]) -> None:
    expected, found, at = [], BitMap(), 0
    for gap, length in parts:
        expected.append((at + gap, at + gap + length))
        found.add_range(*expected[-1])
        at += gap + length
    found.run_optimize()
    short = found.get_statistics()["n_values_array_containers"]
    few = len(found) > 4_096 and len(found) >= 128 * max(short, len(expected))
    assert stretches(found) == (expected if few else None)


@pytest.mark.parametrize(
    "found", [BitMap(), BitMap([3]), BitMap(range(0, 90_000, 2)), from_mask(np.arange(9_999) % 7 > 0)]
)
def test_other_sets_are_not(found: BitMap) -> None:
    assert stretches(found) is None


@given(COUNTS, st.integers(1, 70), st.sets(st.integers(0, 49)))
def test_numbers_in_binary(counts: list[int], least: int, frames: set[int]) -> None:
    tally = Tally.of(np.array(counts))
    assert tally.at_least(least) == BitMap(frame for frame, count in enumerate(counts) if count >= least)
    assert tally.holding == BitMap(frame for frame, count in enumerate(counts) if count)
    assert tally.among(BitMap(frames)) == sum(count for frame, count in enumerate(counts) if frame in frames)


@given(st.dictionaries(st.integers(0, 9), COUNTS))
def test_tallies_are_kept_as_arrays(counts: dict[int, list[int]]) -> None:
    tallies = Tallies.of({code: Tally.of(np.array([1, *each])) for code, each in counts.items()})
    read = Tallies.from_arrays(tallies.arrays())
    for code in range(10):
        tally = read.get(code)
        assert (tally is None) == (code not in counts)
        if tally is not None:
            assert [tally.among(BitMap([frame])) for frame in range(len(counts[code]) + 1)] == [1, *counts[code]]


@pytest.mark.parametrize("size", [0, 1, 7, 4_096, 5_003, 8_200, 65_536, 65_537, 73_000, 150_000])
@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.06, 0.07, 0.5, 0.95, 1])
@pytest.mark.parametrize("base", [0, 3 << 16])
def test_the_places_of_a_mask(size: int, share: float, base: int) -> None:
    mask = np.random.default_rng(size).random(size) < share
    found = from_mask(mask, base)
    assert found == BitMap((np.flatnonzero(mask) + base).tolist())
    kinds = found.get_statistics()
    assert kinds["n_values_bitset_containers"] >= 4_097 * kinds["n_bitset_containers"]


@pytest.mark.parametrize("twice", [False, True])
def test_many_texts_in_a_row(*, twice: bool) -> None:
    """Codes are compared where each element holds one text at most, and united where one holds two."""
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 50, 30_000)
    codes[rng.random(30_000) < 0.5] = 3 * (codes[rng.random(30_000) < 0.5][0] // 3)  # of some texts few elements
    elements = np.sort(rng.choice(40_000, 30_000, replace=False)).astype(np.uint32)
    if twice:
        codes, elements = np.append(codes, (codes[0] + 1) % 50), np.append(elements, elements[0])
    order = np.lexsort((elements, codes))
    postings = Postings.of(codes[order], elements[order], 50)
    assert (postings.compared(np.arange(2, 48)) is None) == twice
    for low, high in ((0, 50), (2, 48), (5, 49), (10, 11), (7, 7)):
        expected = BitMap(elements[(codes >= low) & (codes < high)].tolist())
        assert postings.any_of(np.arange(low, high)) == expected
    scattered = list(range(0, 50, 3))
    assert postings.any_of(scattered) == BitMap(elements[np.isin(codes, scattered)].tolist())
