"""The questions as SQL over the tables `frames` and `rois`, for every peer that speaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.engine.filters import Filter
from benchmarks.engine.generator import LABEL_SETS
from benchmarks.engine.peers.protocol import Page, Peer

PAGE = 100
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SqlPeer:
    """`open_another` gives the same for a thread of its own."""

    rows: Callable[[str], Rows]
    open_another: Callable[[], Peer]

    def count(self, asked: Filter) -> int:
        return int(self.rows(asked.count_sql)[0][0])

    def page(self, asked: Filter, *, offset: int = 0, by_score: bool = False) -> Page:
        order = "score DESC, frame" if by_score else "frame"
        found = self.rows(
            f"SELECT id, score, * FROM frames WHERE frame IN ({asked.frames_sql}) "
            f"ORDER BY {order} LIMIT {PAGE} OFFSET {offset}"
        )
        numbers = ", ".join(str(row[2]) for row in found)
        self.rows(f"SELECT * FROM rois WHERE frame IN ({numbers}) ORDER BY frame, roi")
        return Page([row[0] for row in found], [row[1] for row in found])

    def label_counts(self, asked: Filter) -> dict[str, int]:
        rows = self.rows(f"SELECT set_id, count(*) FROM rois WHERE frame IN ({asked.frames_sql}) GROUP BY set_id")
        return by_label(dict(rows))

    def union(self, asked: Sequence[Filter]) -> int:
        united = " UNION ".join(f"SELECT frame FROM ({each.frames_sql})" for each in asked)
        return int(self.rows(f"SELECT count(*) FROM ({united})")[0][0])

    def another(self) -> Peer:
        return self.open_another()


def by_label(by_set: dict[int, int]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for number, count in by_set.items():
        counts.update(dict.fromkeys(LABEL_SETS[number], count))
    return dict(counts)
