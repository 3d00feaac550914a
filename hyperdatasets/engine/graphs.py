"""Approximate neighbours: one HNSW graph over the rows of a full block, made once, mapped from its file.

Optional: without `usearch` (extra `vectors`) there are no graphs and every search is exact. A graph only proposes
rows; their values are computed from the vectors. How far it has to look (`reach`) is measured when it is made, against
the exact answer on the block's own data; a graph that cannot reach the goal is not used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.dataview import Metric

try:
    from usearch import index as _hnsw
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True

GOAL = 0.99  # of the hundred nearest, when a graph is made
PROBED = 100  # neighbours that the goal is about
_PROBES = 24
_REACHES = (128, 256, 512, 1024, 2048)
_CONNECTIONS = 16
_KINDS = {"cosine": "cos", "l2": "l2sq", "inner_product": "ip"}


class Graph:
    """Proposes places of a block; safe for several threads."""

    def __init__(self, path: Path, reach: int) -> None:
        self.reach = reach
        self._index: Any = _hnsw.Index.restore(str(path), view=True)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._index)

    def propose(self, query: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """About the `count` nearest places."""
        with self._lock:  # how far to look is a property of the index
            self._index.expansion_search = max(count, self.reach * count // PROBED, self.reach)
            found = self._index.search(query, count, threads=1)
        return np.asarray(found.keys, np.int64)


def make(
    path: Path,
    values: NDArray[np.float32],
    metric: Metric,
    exact: Callable[[NDArray[np.float32]], NDArray[np.int64]],
) -> int:
    """Writes the graph of these rows; returns the reach it needs, 0 if it cannot be good enough.

    Args:
        exact: the places of the `PROBED` nearest of a vector.
    """
    index = _hnsw.Index(
        ndim=values.shape[1], metric=_KINDS[metric], dtype="f16", connectivity=_CONNECTIONS, expansion_add=128
    )
    index.add(np.arange(len(values)), values, threads=1)
    index.save(str(path))
    return _measured(path, values, exact)


def _measured(
    path: Path, values: NDArray[np.float32], exact: Callable[[NDArray[np.float32]], NDArray[np.int64]]
) -> int:
    """The least reach with the wanted recall, on points between rows of the block."""
    rng = np.random.default_rng(len(values))
    rows = values[rng.integers(0, len(values), _PROBES)]
    probes = (rows + 0.1 * np.std(values, axis=0) * rng.standard_normal(rows.shape)).astype(np.float32)
    wanted = [set(exact(probe).tolist()) for probe in probes]
    for reach in _REACHES:
        graph = Graph(path, reach)
        found = [set(graph.propose(probe, PROBED).tolist()) for probe in probes]
        recall = sum(len(a & b) for a, b in zip(found, wanted, strict=True)) / sum(map(len, wanted))
        if recall >= GOAL:
            return reach
    return 0
