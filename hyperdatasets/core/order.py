"""The order in which a site's selection is read: a function of the position, the same on every machine, for ever.

A unit is what one position delivers (a frame, a clip, or a frame with one of its ROIs), numbered in base order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.interleave import Interleave
from hyperdatasets.core.permutation import Permutation, at_each, derive, derive_each

Units = NDArray[np.int64]
MAX_POSITION = 1 << 40  # of an order, so that no arithmetic on positions leaves 64 bits
MAX_RANKS = 1_000_000
MAX_POSITIONS = 4_096  # that one request names


class Lookup(Protocol):
    """Units by their number, such as an array; or computed when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, numbers: NDArray[np.int64], /) -> Units: ...


@dataclass(frozen=True, slots=True)
class Everything:
    """All units of a union of this size, in base order."""

    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, numbers: NDArray[np.int64], /) -> Units:
        return numbers


@dataclass(frozen=True, slots=True)
class Iteration:
    """How a view is read; `limit` is a number of positions, `balanced`, or None."""

    order: Literal["sequential", "random"] = "sequential"
    repeat: bool = False
    limit: int | Literal["balanced"] | None = None
    seed: int = 7


@dataclass(frozen=True)
class SiteOrder:
    """The order of one site.

    Attributes:
        site: name; the site's seed comes from it and the view's seed.
        ranks: all units of the union in the sequential order.
        rules: per rule of the view its units, ascending; rules without any drop out.
        weights: per rule its integer weight.
        iteration: how the view is read.
    """

    site: str
    ranks: Lookup
    rules: Sequence[Lookup]
    weights: Sequence[int]
    iteration: Iteration

    @property
    def units(self) -> int:
        return len(self.ranks)

    @cached_property
    def epoch_length(self) -> int:
        """Positions of one epoch: the limit, or one pass of the union."""
        limit = self.iteration.limit
        if self.units == 0:
            return 0
        if limit == "balanced":
            return self._balanced_length() if self._weighted else self.units
        if limit is None:
            return self.units
        return limit if self.iteration.repeat else min(limit, self.units)

    @property
    def length(self) -> int | None:
        """Positions in all; None if the order has no end."""
        return None if self.iteration.repeat and self.units else self.epoch_length

    def epoch(self, number: int) -> range:
        """Positions of an epoch; without `repeat` there is only one, read again each time."""
        start = number * self.epoch_length if self.iteration.repeat else 0
        return range(start, start + self.epoch_length)

    def at(self, positions: NDArray[np.int64]) -> Units:
        """Units at these positions, which may be anywhere in the order; costs the same everywhere."""
        if self.iteration.order == "sequential":
            limit = self.iteration.limit
            cycle = min(limit, self.units) if isinstance(limit, int) else self.units
            return self.ranks[positions % cycle]
        if self._weighted:
            return self._drawn(positions)
        return Permutation(self.units, derive("once", self._seed)).at(positions)

    @property
    def _seed(self) -> bytes:
        return derive("site", self.iteration.seed, self.site)

    @property
    def _weighted(self) -> bool:
        iteration = self.iteration
        return iteration.order == "random" and (iteration.repeat or iteration.limit is not None)

    @property
    def _present(self) -> list[int]:
        """Numbers of the rules that have units here."""
        return [number for number, units in enumerate(self.rules) if len(units)]

    @property
    def _interleave(self) -> Interleave:
        return Interleave(tuple(self.weights[number] for number in self._present))

    def _balanced_length(self) -> int:
        """So many positions that each unit of every rule comes at least once."""
        last = [len(self.rules[number]) - 1 for number in self._present]
        return 1 + max(self._interleave.position(place, draw) for place, draw in enumerate(last))

    def _drawn(self, positions: NDArray[np.int64]) -> Units:
        drawing, draws = self._interleave.at(positions)
        result = np.empty(len(positions), np.int64)
        for place, number in enumerate(self._present):
            mine = np.flatnonzero(drawing == place)
            units = self.rules[number]
            passes, within = np.divmod(draws[mine], len(units))
            for turn in np.unique(passes):
                now = passes == turn
                permutation = Permutation(len(units), derive("rule", self._seed, number, int(turn)))
                result[mine[now]] = units[permutation.at(within[now])]
        return result


def check_epoch(number: int, length: int) -> None:
    """Raises InvalidArgument: an order whose epochs have this length has no such epoch."""
    if number < 0 or (number + 1) * length > MAX_POSITION:
        raise InvalidArgument(f"epoch {number}: expected a number from 0, and not past position {MAX_POSITION}")


def partition(positions: NDArray[np.int64], rank: int, ranks: int, seed: int) -> NDArray[np.int64]:
    """Positions of the whole order that are this rank's positions 0, 1, 2, …

    Positions are dealt in rows of `ranks`; in each row a keyed permutation tells which rank gets which, since a
    period in the order must not give one rank all of a rule.
    """
    if not 0 <= rank < ranks:
        raise ValueError(f"rank {rank} of {ranks}: ranks are numbered from 0")
    if ranks == 1:
        return positions
    return positions * ranks + _dealt(positions, rank, ranks, seed)


def partition_length(length: int, rank: int, ranks: int, seed: int) -> int:
    """How many of the first `length` positions are this rank's; the last row may be short."""
    rows, rest = divmod(length, ranks)
    return rows + int(_dealt(np.array([rows]), rank, ranks, seed)[0] < rest)


def worker_positions(start: int, stop: int, *, worker: int, workers: int, block: int) -> NDArray[np.int64]:
    """Positions from `start` to before `stop` of a rank that reader `worker` of `workers` takes, block by block."""
    if not 0 <= worker < workers or block < 1:
        raise ValueError(f"worker {worker} of {workers} with blocks of {block}: workers are numbered from 0")
    positions = np.arange(start, stop, dtype=np.int64)
    mine: NDArray[np.int64] = positions[(positions // block) % workers == worker]
    return mine


def _dealt(rows: NDArray[np.int64], rank: int, ranks: int, seed: int) -> NDArray[np.int64]:
    """Which position of each row is this rank's."""
    return at_each(ranks, derive_each("partition", seed, ranks, numbers=rows.tolist()), rank)
