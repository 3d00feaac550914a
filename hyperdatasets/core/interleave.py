"""Which rule each position draws from: in every prefix each rule has its share to within one.

R. Tijdeman: "The chairman assignment problem", Discrete Mathematics 32 (1980): each draw of a rule has an earliest
and a latest position; among the rules whose next draw may come, the one whose latest position comes first draws.
With integer weights the assignment repeats after their sum.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.errors import InvalidView, WeightRange

MAX_SUM = 65_536


def integer_weights(weights: Sequence[float]) -> tuple[tuple[int, ...], bool]:
    """Weights as integers without a common divisor whose sum is at most 65,536, and whether they are exact.

    Raises:
        InvalidView: a weight that is not above 0 or not finite.
        WeightRange: a rule's share is below 1 / 65,536.
    """
    for number, weight in enumerate(weights):
        if not (weight > 0 and math.isfinite(weight)):
            raise InvalidView(f"rules[{number}].weight: expected a number above 0, got {weight!r}")
    exact = [Fraction(repr(weight)) for weight in weights]
    total = sum(exact, Fraction())
    for number, fraction in enumerate(exact):
        if fraction * MAX_SUM < total:
            share = f"its share is below 1/{MAX_SUM}"
            raise WeightRange(f"rules[{number}].weight: {share}; leave the rule out or raise its weight")
    common = math.lcm(*(fraction.denominator for fraction in exact))
    whole = _without_divisor([int(fraction * common) for fraction in exact])
    if sum(whole) <= MAX_SUM:
        return whole, True
    spare = MAX_SUM - len(weights)  # every rule keeps at least 1, rounding down never passes the sum
    return _without_divisor([1 + int(fraction / total * spare) for fraction in exact]), False


@dataclass(frozen=True, slots=True)
class Interleave:
    """The assignment of rules with these integer weights to positions 0, 1, 2, …"""

    weights: tuple[int, ...]

    @property
    def period(self) -> int:
        return sum(self.weights)

    def at(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rule of each position, and how many earlier positions that rule has (its own draw, from 0)."""
        rules, draws = _assignment(self.weights)
        passes, within = np.divmod(positions, self.period)
        rule = rules[within]
        return rule, passes * np.asarray(self.weights, dtype=np.int64)[rule] + draws[within]

    def position(self, rule: int, draw: int) -> int:
        """Where the rule draws for the `draw`-th time (from 0): inverse of `at`."""
        rules, _ = _assignment(self.weights)
        passes, within = divmod(draw, self.weights[rule])
        return passes * self.period + int(np.flatnonzero(rules == rule)[within])


@lru_cache(maxsize=256)
def _assignment(weights: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One period: rule and draw of each position."""
    rules, draws = np.zeros(sum(weights), np.int64), np.zeros(sum(weights), np.int64)
    drawn = [0] * len(weights)
    waiting = [(_earliest(weights, rule, 0), rule) for rule in range(len(weights))]
    heapq.heapify(waiting)
    ready: list[tuple[int, float, int]] = []
    for position in range(len(rules)):
        while waiting and waiting[0][0] <= position:
            _, rule = heapq.heappop(waiting)
            heapq.heappush(ready, (*_latest(weights, rule, drawn[rule]), rule))
        rule = heapq.heappop(ready)[-1]
        rules[position], draws[position] = rule, drawn[rule]
        drawn[rule] += 1
        heapq.heappush(waiting, (_earliest(weights, rule, drawn[rule]), rule))
    for table in (rules, draws):
        table.setflags(write=False)
    return rules, draws


def _earliest(weights: tuple[int, ...], rule: int, draw: int) -> int:
    """First position at which the rule is behind its share by at least 1 / (2 s - 2), of s rules."""
    scale, period = _scale(weights), sum(weights)
    return -(-(period + scale * period * draw) // (scale * weights[rule])) - 1


def _latest(weights: tuple[int, ...], rule: int, draw: int) -> tuple[int, float]:
    """Position after which the rule would be too far behind, as whole part and fraction.

    Fractions with denominators up to 65,536 differ by at least 2**-32: doubles tell them apart, and equal ones are
    equal.
    """
    scale, period = _scale(weights), sum(weights)
    whole, rest = divmod(scale * period * (draw + 1) - period, weights[rule])
    return whole, rest / weights[rule]


def _scale(weights: tuple[int, ...]) -> int:
    return max(2 * len(weights) - 2, 1)


def _without_divisor(weights: list[int]) -> tuple[int, ...]:
    divisor = math.gcd(*weights)
    return tuple(weight // divisor for weight in weights)
