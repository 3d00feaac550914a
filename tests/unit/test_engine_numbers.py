"""Numbers of a column: kept narrow, compared exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.engine import numbers as numbers_module
from hyperdatasets.engine.numbers import Numbers, merged
from tests.reference.properties import examples

ENDS = st.one_of(
    st.floats(allow_nan=False), st.integers(-300, 300).map(lambda n: n / 100), st.sampled_from([-math.inf, math.inf])
)
DECIMALS = st.integers(-(10**6), 10**6).flatmap(lambda n: st.sampled_from([1, 10, 100, 1000]).map(lambda s: n / s))
FLOATS = st.lists(st.one_of(DECIMALS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=30)
INTS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30)


@pytest.fixture(params=[numbers_module._LONG, 1], ids=["compared", "bisected"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that fall often are compared; here they are bisected, too."""
    monkeypatch.setattr(numbers_module, "_LONG", request.param)


@pytest.mark.usefixtures("_way")
@given(st.one_of(FLOATS, st.lists(DECIMALS, min_size=1, max_size=30)), ENDS, ENDS)
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_doubles_between(values: list[float], low: float, high: float) -> None:
    numbers = Numbers.of(len(values), None, np.array(values))
    assert numbers.wide.tolist() == values
    expected = BitMap(i for i, value in enumerate(values) if low <= value <= high)
    assert numbers.between(low, high) == expected
    for within in (BitMap([0]), BitMap(range(1, len(values), 2))):
        assert numbers.between(low, high, within) & within == expected & within


@pytest.mark.usefixtures("_way")
@given(INTS, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whole_numbers_between(values: list[int], low: int, high: int) -> None:
    numbers = Numbers.of(len(values), None, np.array(values, np.int64))
    assert numbers.wide.tolist() == values
    assert numbers.between(low, high) == BitMap(i for i, value in enumerate(values) if low <= value <= high)


@given(st.lists(FLOATS, min_size=1, max_size=4))
def test_merging_keeps_every_number(parts: list[list[float]]) -> None:
    made, base = [], 0
    for part in parts:
        made.append((base, Numbers.of(len(part), None, np.array(part))))
        base += len(part)
    assert merged(made, base, np.float64).wide.tolist() == [value for part in parts for value in part]


@pytest.mark.parametrize(
    ("values", "size"),
    [([3.0, 700.0], 2), ([0.125, 0.5], 2), ([0.001, 0.999], 2), ([0.1, 1 / 3], 8), ([1e300, 1.0], 8), ([12.5], 1)],
)
def test_the_narrowest_type(values: list[float], size: int) -> None:
    assert Numbers.of(len(values), None, np.array(values)).values.dtype.itemsize == size
