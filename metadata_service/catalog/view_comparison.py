"""Two views beside each other: which frames only one of them selects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from pyroaring import BitMap

from hyperdatasets.engine import views
from metadata_service.catalog import versions
from metadata_service.catalog.resolving import Resolved
from metadata_service.store.protocol import Reading

Frames = Mapping[str, BitMap]  # dataset id -> revisions


@dataclass(frozen=True)
class FrameName:
    """A frame in one of its revisions."""

    dataset_id: str
    frame_id: str
    revision: int


@dataclass(frozen=True)
class Comparison:
    """Frames by (dataset, revision): selected only before, only after, by both."""

    only_before: Frames
    only_after: Frames
    both: int

    def other_revisions(self, reading: Reading) -> int:
        """Frame ids that both select, in different revisions."""
        return sum(
            len(_ids(reading, dataset, gone) & _ids(reading, dataset, self.only_after[dataset]))
            for dataset, gone in self.only_before.items() if dataset in self.only_after
        )  # fmt: skip


def compare(before: Resolved, after: Resolved) -> Comparison:
    one, other = _by_id(before), _by_id(after)
    both = sum(len(revisions & other.get(dataset, BitMap())) for dataset, revisions in one.items())
    return Comparison(_without(one, other), _without(other, one), both)


def total(frames: Frames) -> int:
    return sum(map(len, frames.values()))


def examples(reading: Reading, frames: Frames, limit: int) -> list[FrameName]:
    """The first of these frames by dataset id and revision."""
    return list(islice(_named(reading, frames, limit), limit))


def _named(reading: Reading, frames: Frames, limit: int) -> Iterator[FrameName]:
    for dataset in sorted(frames):
        first = BitMap(islice(frames[dataset], limit))
        named = versions.frame_ids(reading, dataset, first)
        yield from (FrameName(dataset, named[revision], revision) for revision in sorted(named))


def _by_id(resolved: Resolved) -> dict[str, BitMap]:
    return {resolved.view.datasets[number]: each for number, each in views.unions(resolved.selection).items()}


def _without(frames: Frames, others: Frames) -> Frames:
    left = {dataset: revisions - others.get(dataset, BitMap()) for dataset, revisions in frames.items()}
    return {dataset: revisions for dataset, revisions in left.items() if revisions}


def _ids(reading: Reading, dataset: str, revisions: BitMap) -> set[str]:
    return set(versions.frame_ids(reading, dataset, revisions).values())
