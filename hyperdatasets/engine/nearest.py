"""Exact nearest neighbours: a fast pass in float32 bounds every row, exact sums decide among the few left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.vectors import Vector, rank, value

_CHUNK = 1 << 20  # numbers gathered at once
_Floats = NDArray[np.float64]
_Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Vectors of some revisions, ascending; `norms` are their lengths. Shapes (n,), (n, d), (n,)."""

    revisions: NDArray[np.uint32]
    values: NDArray[np.float32]
    norms: NDArray[np.float64]


_Part = tuple[Rows, _Places]
Neighbour = tuple[int, float]
"""Revision, and the value of the metric."""


def nearest(parts: Sequence[_Part], query: Vector, metric: Metric, k: int) -> list[Neighbour]:
    """The `k` most alike among the named rows of each part, the nearest first, equal ones by revision.

    A zero vector has no cosine similarity and is left out under that metric.
    """
    left = parts
    for kind in (np.float32, np.float64):  # the second pass only sees what the first could not tell apart
        left = _possible(left, query, metric, k, kind)
    return _decided(left, query, metric, k)


def _possible(parts: Sequence[_Part], query: Vector, metric: Metric, k: int, kind: type) -> list[_Part]:
    """The rows that may be among the `k` nearest."""
    smallest = np.empty(0)
    kept: list[tuple[_Part, _Floats]] = []
    for rows, places in parts:
        for some in _chunks(places, rows.values.shape[1]):
            low, high = _bounds(rows, some, query, metric, kind)
            smallest = np.concatenate([smallest, high])
            if len(smallest) > k:
                smallest = np.partition(smallest, k - 1)[:k]
            here = low <= (smallest.max() if len(smallest) == k else np.inf)
            kept.append(((rows, some[here]), low[here]))
    limit = smallest.max() if len(smallest) == k else np.inf
    return [(rows, places[low <= limit]) for (rows, places), low in kept]


def _chunks(places: _Places, dimensions: int) -> Iterator[_Places]:
    size = max(1, _CHUNK // dimensions)
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _bounds(rows: Rows, places: _Places, query: Vector, metric: Metric, kind: type) -> tuple[_Floats, _Floats]:
    """Between what the rank of each row lies, whatever the order in which the machine sums.

    |computed - true| <= n u |x||q| for a sum of n products with unit roundoff u (Higham, Accuracy and Stability of
    Numerical Algorithms, 3.1); the few further roundings are covered by a wider factor.
    """
    size, exact = rows.values.shape[1], query.astype(np.float64)
    length = float(np.linalg.norm(exact))
    direction: NDArray[np.floating] = (exact / length if length else exact).astype(kind)
    first, last = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
    whole = last - first == len(places)
    values = rows.values[first:last] if whole else rows.values[places]
    products = (values.astype(kind, copy=False) @ direction).astype(np.float64)
    norms = rows.norms[first:last] if whole else rows.norms[places]
    error = (size + 16) * float(np.finfo(kind).eps) * norms + size * float(np.finfo(kind).tiny)
    if metric == "cosine":
        with np.errstate(divide="ignore", invalid="ignore"):
            found, slack = -products / norms, error / norms
        return np.where(norms > 0, found - slack, np.inf), np.where(norms > 0, found + slack, np.inf)
    if metric == "inner_product":
        return -products - error, -products + error
    squares = norms**2 - 2 * length * products + length**2
    slack = 2 * length * error + 16 * float(np.finfo(np.float64).eps) * (norms + length) ** 2
    return squares - slack, squares + slack


def _decided(parts: Sequence[_Part], query: Vector, metric: Metric, k: int) -> list[Neighbour]:
    known: dict[bytes, float] = {}
    found: list[tuple[float, int, float]] = []
    for rows, places in parts:
        for place in places.tolist():
            if metric == "cosine" and not rows.norms[place]:
                continue
            vector = rows.values[place]
            content = vector.tobytes()
            if content not in known:
                known[content] = value(metric, vector, query)
            found.append((rank(metric, known[content]), int(rows.revisions[place]), known[content]))
    return [(revision, shown) for _, revision, shown in sorted(found)[:k]]
