"""What resolving a data view tells."""

from __future__ import annotations

from dataclasses import dataclass

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

    @classmethod
    def of(cls, answer: pb.ResolveDataViewResponse) -> Resolution:
        return cls(
            {(each.rule, each.site): (each.frames, each.rois) for each in answer.counts},
            {each.site: (each.count, each.digest) for each in answer.sites},
            answer.frames, answer.length, dict(answer.labels),
            [f"{each.where}: {each.message}" for each in answer.warnings],
            frozenset(each.rule for each in answer.counts if each.at_most),
        )  # fmt: skip
