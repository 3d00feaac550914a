"""The nearest hundred vectors: exact search and graphs, against NumPy over the same array; recall of the graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from benchmarks.measure import Figure, paired
from hyperdatasets.engine import graphs
from hyperdatasets.engine.vectors import VectorIndex

_K = 100
_QUERIES = 20
_SHARES = (0.01, 0.1, 1.0)
_Floats = NDArray[np.float32]


def run(folder: Path, *, scale: float) -> list[Figure]:
    count, dimensions = int(100_000 * scale), 64
    return [
        figure
        for kind, data in (("clustered", _clustered), ("uniform", _uniform))
        for figure in _measured(folder / kind, kind, *data(count, dimensions))
    ]


def _clustered(count: int, dimensions: int) -> tuple[_Floats, _Floats]:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((1_000, dimensions))
    rows = centres[rng.integers(0, 1_000, count + _QUERIES)] + 0.3 * rng.standard_normal((count + _QUERIES, dimensions))
    return rows[:count].astype(np.float32), rows[count:].astype(np.float32)


def _uniform(count: int, dimensions: int) -> tuple[_Floats, _Floats]:
    rows = np.random.default_rng(2).uniform(-1, 1, (count + _QUERIES, dimensions)).astype(np.float32)
    return rows[:count], rows[count:]


def _measured(folder: Path, kind: str, rows: _Floats, queries: _Floats) -> Iterator[Figure]:
    """One block with a graph, so that both ways can be compared at this size."""
    index = VectorIndex(folder, dimensions=rows.shape[1], metric="cosine", block=rows.size)
    index.add(1, range(len(rows)), rows)
    index.save()
    graph = graphs.AVAILABLE and index.make_graph()
    for share in _SHARES:
        places = np.sort(np.random.default_rng(3).permutation(len(rows))[: int(share * len(rows))])
        within = BitMap(places.tolist())
        what = f"nearest {_K} of {len(rows)} x {rows.shape[1]}, {kind}, {share:.0%} pass the filter"
        yield _figure(f"{what}: exact", index, rows, queries, within, places, exact=True)
        if graph:
            yield _figure(f"{what}: as the service chooses", index, rows, queries, within, places, exact=False)


def _figure(
    what: str, index: VectorIndex, rows: _Floats, queries: _Floats, within: BitMap, places: NDArray[np.int64], *,
    exact: bool,
) -> Figure:  # fmt: skip
    norms = np.linalg.norm(rows, axis=1)
    ours = _each(queries, lambda query: index.search(query, "cosine", _K, within, exact=exact))
    theirs = _each(queries, lambda query: _brute_force(rows, norms, places, query))
    took, alone = paired(ours, theirs, runs=5)
    took, alone = took / len(queries) * 1000, alone / len(queries) * 1000
    found = [index.search(query, "cosine", _K, within, exact=exact) for query in queries]
    hits = [
        len({revision for revision, _ in each.neighbours} & set(_brute_force(rows, norms, places, query).tolist()))
        for each, query in zip(found, queries, strict=True)
    ]
    recall = sum(hits) / (min(_K, len(places)) * len(queries))
    way = "graph" if found[0].approximate else "every row"
    return Figure(
        what, f"{took:.2f} ms ({way}), recall {recall:.4f}", f"{alone:.2f} ms: NumPy", f"{alone / took:.2f}",
        "recall .98",
    )  # fmt: skip


def _each(queries: _Floats, ask: Callable[[_Floats], object]) -> Callable[[], object]:
    return lambda: [ask(query) for query in queries]


def _brute_force(rows: _Floats, norms: _Floats, places: NDArray[np.int64], query: _Floats) -> NDArray[np.int64]:
    chosen = rows if len(places) == len(rows) else rows[places]
    values = chosen @ query / norms[places]
    count = min(_K, len(values))
    best = np.argpartition(-values, count - 1)[:count]
    return places[best[np.argsort(-values[best])]]
