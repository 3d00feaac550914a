"""Search by vectors against brute force in plain Python; graphs; files that were damaged."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.errors import InvalidVector
from hyperdatasets.core.vectors import checked
from hyperdatasets.engine.vectors import VectorIndex
from tests.reference.properties import examples

METRICS: tuple[Metric, ...] = ("cosine", "l2", "inner_product")
NUMBERS = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([1e-30, -1e-20, 1e17, 1.0000001, 1.0000002]),
)


def by_hand(
    rows: dict[int, list[float]], query: list[float], metric: Metric, k: int, within: set[int]
) -> list[tuple[int, float]]:
    """The definition: every row, sums rounded once."""
    found = []
    for revision in sorted(within & rows.keys()):
        row = rows[revision]
        product = math.fsum(a * b for a, b in zip(row, query, strict=True))
        if metric == "l2":
            value = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(row, query, strict=True)))
        elif metric == "inner_product":
            value = product
        elif not any(row):
            continue
        else:
            lengths = [math.sqrt(math.fsum(a * a for a in each)) for each in (row, query)]
            value = product / (lengths[0] * lengths[1])
        found.append((value if metric == "l2" else -value, revision, value))
    return [(revision, value) for _, revision, value in sorted(found)[:k]]


@given(data=st.data(), metric=st.sampled_from(METRICS), dimensions=st.integers(1, 4), k=st.integers(1, 12))
@examples(150)
def test_exact_search_is_brute_force(data: st.DataObject, metric: Metric, dimensions: int, k: int) -> None:
    vector = st.lists(NUMBERS, min_size=dimensions, max_size=dimensions).map(lambda each: np.float32(each).tolist())
    rows = data.draw(st.dictionaries(st.integers(0, 60), vector, max_size=30))
    query = data.draw(vector.filter(any) if metric == "cosine" else vector)
    within = data.draw(st.sets(st.integers(0, 60)))
    with TemporaryDirectory() as folder:
        index = VectorIndex(Path(folder), dimensions=dimensions, metric=metric, block=8 * dimensions)
        listed = list(rows.items())
        for number, start in enumerate(range(0, len(listed), 5)):
            part = listed[start : start + 5]
            index.add(number + 1, [each[0] for each in part], np.array([each[1] for each in part], np.float32))
        found = index.search(np.array(query, np.float32), metric, k, BitMap(within), exact=True)
        assert found.neighbours == by_hand(rows, query, metric, k, within)
        assert found.searched == len(within & rows.keys())


def clustered(count: int, dimensions: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((40, dimensions))
    return (centres[rng.integers(0, 40, count)] + 0.3 * rng.standard_normal((count, dimensions))).astype(np.float32)


@pytest.fixture
def filled(tmp_path: Path) -> VectorIndex:
    """Two full blocks with graphs, and rows that are in no graph."""
    index = VectorIndex(tmp_path / "v", dimensions=16, metric="cosine", block=2_000 * 16)
    index.add(1, range(5_000), clustered(5_000, 16))
    assert index.make_graph()
    assert index.make_graph()
    assert not index.make_graph()
    return index


@pytest.mark.parametrize("step", [1, 3, 100])
def test_graphs_find_almost_all_and_values_are_exact(filled: VectorIndex, step: int) -> None:
    within, rows = BitMap(range(0, 5_000, step)), clustered(5_000, 16)
    hits = 0
    for query in rows[4_500:4_520]:
        exact = filled.search(query, "cosine", 20, within, exact=True)
        found = filled.search(query, "cosine", 20, within, exact=False)
        assert found.approximate == (step < 8)
        values = dict(exact.neighbours)
        assert all(values.get(revision, value) == value for revision, value in found.neighbours)
        assert len(found.neighbours) == 20
        assert {revision for revision, _ in found.neighbours} <= set(within)
        hits += len(set(values) & {revision for revision, _ in found.neighbours})
    assert hits >= 0.98 * 400


def test_a_graph_serves_its_own_metric_only(filled: VectorIndex) -> None:
    query = clustered(1, 16)[0]
    assert not filled.search(query, "l2", 5, BitMap(range(5_000)), exact=False).approximate


def test_an_index_is_opened_again_with_its_graphs(filled: VectorIndex, tmp_path: Path) -> None:
    filled.save()
    again = VectorIndex(tmp_path / "v", dimensions=16, metric="cosine", block=2_000 * 16)
    assert again.reached == 1
    query, everything = clustered(1, 16)[0], BitMap(range(5_000))
    assert again.search(query, "cosine", 9, everything, exact=False).approximate
    assert (
        again.search(query, "cosine", 9, everything, exact=True)
        == filled.search(query, "cosine", 9, everything, exact=True)
    )  # fmt: skip


@pytest.mark.parametrize("pattern", ["*.vectors", "vectors.json"])
def test_a_damaged_file_makes_the_index_begin_again(filled: VectorIndex, tmp_path: Path, pattern: str) -> None:
    filled.save()
    path = min((tmp_path / "v").glob(pattern))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    again = VectorIndex(tmp_path / "v", dimensions=16, metric="cosine", block=2_000 * 16)
    assert again.reached == 0
    assert not again.search(clustered(1, 16)[0], "cosine", 9, BitMap(range(5_000)), exact=False).neighbours


def test_a_damaged_graph_is_made_again(filled: VectorIndex, tmp_path: Path) -> None:
    filled.save()
    path = min((tmp_path / "v").glob("*.graph"))
    path.write_bytes(path.read_bytes()[:-7])
    again = VectorIndex(tmp_path / "v", dimensions=16, metric="cosine", block=2_000 * 16)
    assert again.reached == 1
    assert again.make_graph()


def test_another_truth_makes_the_index_begin_again(filled: VectorIndex, tmp_path: Path) -> None:
    filled.save()
    assert VectorIndex(tmp_path / "v", dimensions=16, metric="cosine", state="other").reached == 0


@pytest.mark.parametrize(
    ("values", "metric", "message"),
    [
        ([1.0], "cosine", "expected 2 numbers, got 1"),
        ([1.0, math.nan], "l2", "number 1 is nan"),
        ([math.inf, 1.0], "l2", "number 0 is inf"),
        ([1e19, 1.0], "l2", "longer than"),
        ([0.0, 0.0], "cosine", "no direction"),
        ([1e-60, 0.0], "cosine", "no direction"),
    ],
)
def test_what_is_no_vector(values: list[float], metric: Metric, message: str) -> None:
    with pytest.raises(InvalidVector, match=message):
        checked(values, dimensions=2, metric=metric)
