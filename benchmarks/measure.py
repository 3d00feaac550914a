"""Figures with their baselines, medians of paired runs, servers as processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`measured` and `baseline` in the same unit; the ratio is what counts on a shared machine."""

    what: str
    measured: str
    baseline: str
    ratio: str
    goal: str

    def row(self) -> str:
        return f"| {self.what} | {self.measured} | {self.baseline} | {self.ratio} | {self.goal} |"


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def paired(work: Callable[[], object], baseline: Callable[[], object], *, runs: int = 5) -> tuple[float, float]:
    """Medians of seconds, the two measured by turns, after one run of each to warm up."""
    work()
    baseline()
    both = [(seconds(work), seconds(baseline)) for _ in range(runs)]
    return statistics.median(each[0] for each in both), statistics.median(each[1] for each in both)


@contextmanager
def server(*command: str) -> Iterator[str]:
    """One of our servers as a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready on "):
                yield line.removeprefix("ready on ").strip()
                break
    finally:
        process.terminate()
        process.wait(60)
