"""What resolving a data view tells."""

from __future__ import annotations

from dataclasses import dataclass

from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import dataview_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a view selects: per (rule, site) frames and ROIs; per site count and digest.

    Attributes:
        at_most: a rule has a `local_query`, which only nodes can evaluate: frames and length may be less there.
        at_most_rules: the numbers of these rules.
    """

    rules: dict[tuple[int, str], tuple[int, int]]
    sites: dict[str, tuple[int, str]]
    frames: int
    length: int
    labels: dict[str, int]
    warnings: list[str]
    at_most_rules: frozenset[int] = frozenset()

    @property
    def at_most(self) -> bool:
        return bool(self.at_most_rules)

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        most = "at most " if self.at_most else ""
        told = "".join(f"; {each}" for each in self.warnings)
        title = f"Resolution: {most}{counted(self.frames, 'frame')}, {counted(self.length, 'position')}{told}"
        rows = [(rule, site or "(no site)", *counts) for (rule, site), counts in self.rules.items()]
        return Table(title, ("rule", "site", "frames", "ROIs"), rows)

    @classmethod
    def of(cls, answer: pb.ResolveDataViewResponse) -> Resolution:
        return cls(
            {(each.rule, each.site): (each.frames, each.rois) for each in answer.counts},
            {each.site: (each.count, each.digest) for each in answer.sites},
            answer.frames, answer.length, dict(answer.labels),
            [f"{each.where}: {each.message}" for each in answer.warnings],
            frozenset(each.rule for each in answer.counts if each.at_most),
        )  # fmt: skip
