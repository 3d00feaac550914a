"""Everything that is asked of ours and of the peers, in the same order with the same constants, and timed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, TypeVar

import numpy as np

from benchmarks.engine import filters
from benchmarks.engine.filters import EIGHT, Filter, drawn
from benchmarks.engine.peers.protocol import Peer

Value = TypeVar("Value")
_LIGHT = (filters.label, filters.without, filters.rain_and_city, filters.device)
_HEAVY = (filters.occluded, filters.score_and_dates, filters.mixed, filters.between)


@dataclass(slots=True)
class Measured:
    """Per row of the table its samples (milliseconds unless the row says otherwise), and the answers given."""

    samples: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)

    def time(self, row: str, work: Callable[[], Value]) -> Value:
        took, value = timed(work)
        self.add(row, took)
        return value

    def add(self, row: str, *samples: float) -> None:
        self.samples.setdefault(row, []).extend(samples)

    def answer(self, row: str, value: Any) -> None:
        self.answers.setdefault(row, []).append(value)


def timed(work: Callable[[], Value]) -> tuple[float, Value]:
    """Milliseconds, and what came of it."""
    started = time.perf_counter()
    value = work()
    return (time.perf_counter() - started) * 1_000, value


def step(name: str, work: Callable[[], Value]) -> Value:
    """Says on standard error what is being done, and how long it took."""
    print(f"{time.strftime('%H:%M:%S')} {name} …", end=" ", flush=True, file=sys.stderr)
    took, value = timed(work)
    print(f"{took / 1_000:.1f} s", file=sys.stderr)
    return value


def eight(runs: int) -> dict[str, list[Filter]]:
    """Per filter its draws; the first is asked beforehand, to warm up."""
    return {listed[0].name: listed for listed in (drawn(make, runs + 1, seed=1) for make in EIGHT)}


def ask(peer: Peer, runs: int, measured: Measured) -> None:
    """First evaluations of the eight filters, pages, statistics, and the union of three rules.

    All are asked warm: the statistics of labels, asked first, read what belongs to every label, into no result that is
    asked for later.
    """
    peer.label_counts(drawn(filters.score_and_dates, 1, seed=7)[0])
    for name, draws in eight(runs).items():
        peer.count(draws[0])
        for asked in draws[1:]:
            measured.answer(f"filter/{name}", measured.time(f"filter/{name}", lambda each=asked: peer.count(each)))
    ask_pages(peer, runs, measured)
    ranges = drawn(filters.score_and_dates, runs + 1, seed=4)
    peer.label_counts(ranges[0])
    for asked in ranges[1:]:
        counts = measured.time("statistics", lambda each=asked: peer.label_counts(each))
        measured.answer("statistics", counts)
    rules = zip(*(drawn(make, runs + 1, seed=5) for make in (filters.mixed, filters.occluded, filters.rain_and_city)),
                strict=True)  # fmt: skip
    peer.union(next(rules))
    for each in rules:
        measured.answer("resolve", measured.time("resolve", lambda asked=each: peer.union(asked)))


def ask_pages(peer: Peer, runs: int, measured: Measured) -> None:
    """The first page, the last one, and the first one by score; each under a filter of its own."""
    draws = drawn(filters.mixed, 3 * runs + 1, seed=3)
    peer.page(draws[0])
    for number, asked in enumerate(draws[1:]):
        row = ("page/first", "page/far", "page/sorted")[number % 3]
        offset = max(0, peer.count(asked) - 100) if row == "page/far" else 0
        page = measured.time(row, lambda: peer.page(asked, offset=offset, by_score=row == "page/sorted"))  # noqa: B023
        measured.answer(row, page.scores if row == "page/sorted" else page.ids)


@dataclass(frozen=True, slots=True)
class Task:
    """One query of a client among many."""

    heavy: bool
    ask: Callable[[Peer], Any]


def mix(seed: int) -> Iterator[Task]:
    """Seven light queries (counts, pages, statistics of few frames), then a heavy one, and so on; never the same."""
    rng = np.random.default_rng([6, seed])
    heavy = cycle(_HEAVY)
    while True:
        for make in _LIGHT:
            yield _counting(make(rng), heavy=False)
        for make in (filters.rain_and_city, filters.device):
            yield _paging(make(rng))
        device = filters.device(rng)
        yield Task(heavy=False, ask=lambda peer, asked=device: peer.label_counts(asked))
        yield _counting(next(heavy)(rng), heavy=True)


def _counting(asked: Filter, *, heavy: bool) -> Task:
    return Task(heavy, lambda peer: peer.count(asked))


def _paging(asked: Filter) -> Task:
    return Task(heavy=False, ask=lambda peer: peer.page(asked))


def work(peer: Peer, seed: int, seconds: float) -> list[tuple[bool, float]]:
    """What one client sees in that time: (heavy, milliseconds) of each query that it began."""
    tasks, seen = mix(seed), []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        task = next(tasks)
        took, _ = timed(lambda each=task: each.ask(peer))
        seen.append((task.heavy, took))
    return seen
