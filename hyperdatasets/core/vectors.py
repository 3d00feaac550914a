"""Vectors beside frames: what may be one, and how alike two are, to the last bit the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.errors import InvalidVector

MAX_DIMENSIONS = 16_384
MAX_NORM = 1e18  # so that no product of two vectors leaves the range of float32

Vector = NDArray[np.float32]


def checked(values: Sequence[float] | NDArray[np.floating], *, dimensions: int, metric: Metric) -> Vector:
    """The vector as float32.

    Raises:
        InvalidVector: a wrong length, NaN, infinity, too large; zero where cosine has to give it a direction.
    """
    given = np.asarray(values, np.float64)
    if given.shape != (dimensions,):
        raise InvalidVector(f"expected {dimensions} numbers, got {given.size}", dimensions=dimensions)
    if not np.isfinite(given).all():
        place = int(np.flatnonzero(~np.isfinite(given))[0])
        raise InvalidVector(f"number {place} is {given[place]}; vectors hold finite numbers")
    if np.linalg.norm(given) > MAX_NORM:
        raise InvalidVector(f"the vector is longer than {MAX_NORM:g}; scale it down")
    vector = given.astype(np.float32)
    if metric == "cosine" and not vector.any():
        raise InvalidVector("a vector of zeros has no direction, so cosine cannot compare it")
    return vector


def check_dimensions(dimensions: int) -> None:
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise InvalidVector(f"a vector has 1 to {MAX_DIMENSIONS} numbers, not {dimensions}")


def value(metric: Metric, one: Vector, other: Vector) -> float:
    """Cosine similarity, inner product or Euclidean distance.

    Products of two float32 are exact as doubles and `fsum` rounds once, so the result depends neither on the order
    of summing nor on the machine.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    if metric == "l2":
        return math.sqrt(math.fsum(((a - b) ** 2).tolist()))
    product = math.fsum((a * b).tolist())
    if metric == "inner_product":
        return product
    return product / (math.sqrt(math.fsum((a * a).tolist())) * math.sqrt(math.fsum((b * b).tolist())))


def rank(metric: Metric, value: float) -> float:
    """Ascending from the most alike."""
    return value if metric == "l2" else -value
