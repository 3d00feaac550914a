"""Merging versions: three ways, against what they come from in common.

Parents are folded from left to right. Each step compares the result so far and the next parent with their base, the
common ancestor that was published last. What changed on one side only, that side's state wins; what changed on both in
different ways is a collision, and the later parent's state stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from pyroaring import BitMap


class Named(NamedTuple):
    """A revision: of which frame, and the digest of what it says."""

    frame_id: str
    digest: bytes


Names = Callable[[BitMap], Mapping[int, Named]]
"""What these revisions are."""


@dataclass(frozen=True, slots=True)
class Collision:
    """A frame that parents changed in different ways.

    Attributes:
        winner: place of the parent whose state stays.
        revision: what stays; None: that parent has deleted the frame, and so has the merge.
        losers: revisions that do not stay.
        deleted: whether another parent has deleted the frame.
    """

    frame_id: str
    winner: int
    revision: int | None
    losers: tuple[int, ...] = ()
    deleted: bool = False


def bases(parents: Sequence[str], parents_of: Mapping[str, Sequence[str]], published: Mapping[str, int]) -> list[str]:
    """For each parent but the first its base: the common ancestor published last; empty where there is none.

    Args:
        parents_of: the parents of every version; a version is an ancestor of itself.
        published: when every version was published.
    """
    reached, found = set[str](), []
    for place, parent in enumerate(parents):
        own = _ancestors(parent, parents_of)
        if place:
            found.append(max(reached & own, key=lambda each: (published[each], each), default=""))
        reached |= own
    return found


def _ancestors(version: str, parents_of: Mapping[str, Sequence[str]]) -> set[str]:
    reached, waiting = set[str](), [version]
    while waiting:
        each = waiting.pop()
        if each not in reached and each in parents_of:
            reached.add(each)
            waiting += parents_of[each]
    return reached


def merge(parents: Sequence[BitMap], of: Sequence[BitMap], names: Names) -> tuple[BitMap, list[Collision]]:
    """The revisions of a merge, and its collisions by frame id.

    Args:
        of: the base of each parent but the first.
    """
    folding = _Folding(BitMap(parents[0]) if parents else BitMap())
    for place, (parent, base) in enumerate(zip(parents[1:], of, strict=True), start=1):
        folding.add(place, parent, base, names)
    return folding.merged, sorted(folding.collisions.values(), key=lambda each: each.frame_id)


@dataclass(slots=True)
class _Folding:
    merged: BitMap
    collisions: dict[str, Collision] = field(default_factory=dict)

    def add(self, place: int, parent: BitMap, base: BitMap, names: Names) -> None:
        same = self.merged & parent
        described = names((self.merged | parent | base) - same)
        ours, theirs, before = (_by_frame(each - same, described) for each in (self.merged, parent, base))
        self.merged = same
        for frame_id in ours.keys() | theirs.keys():
            sides = ours.get(frame_id), theirs.get(frame_id)
            digests = [None if each is None else described[each].digest for each in (*sides, before.get(frame_id))]
            kept, collides = _decided(sides, digests)
            if kept is not None:
                self.merged.add(kept)
            if collides or (frame_id in self.collisions and kept != sides[0]):
                self._settle(place, frame_id, sides, kept)

    def _settle(self, place: int, frame_id: str, sides: tuple[int | None, int | None], kept: int | None) -> None:
        """Notes that of a frame which collides this parent's state stays, and what does not."""
        known = self.collisions.get(frame_id, Collision(frame_id, place, None))
        lost = {*known.losers, *sides} - {None, kept}
        deleted = kept is not None and (known.deleted or None in sides)
        losers = tuple(sorted(each for each in lost if each is not None))
        self.collisions[frame_id] = Collision(frame_id, place, kept, losers, deleted)


def _by_frame(revisions: BitMap, described: Mapping[int, Named]) -> dict[str, int]:
    return {described[revision].frame_id: revision for revision in revisions}


def _decided(sides: tuple[int | None, int | None], digests: Sequence[bytes | None]) -> tuple[int | None, bool]:
    """The revision that stays (None: the frame is deleted), and whether both sides changed in different ways."""
    ours, theirs, before = digests
    if ours == theirs:
        return min(each for each in sides if each is not None), False
    if theirs == before:
        return sides[0], False
    return sides[1], ours != before


Value = TypeVar("Value")


def merge_values(
    parents: Sequence[Mapping[Value, Any]], of: Sequence[Mapping[Value, Any]]
) -> tuple[dict[Value, Any], set[Value]]:
    """The same for values by their key, such as labels of mask colours; and the keys that collide."""
    merged = dict(parents[0]) if parents else {}
    collisions: set[Value] = set()
    for theirs, before in zip(parents[1:], of, strict=True):
        for key in merged.keys() | theirs.keys():
            mine, other, was = merged.get(key), theirs.get(key), before.get(key)
            kept = mine if other == was else other
            if other != was and mine not in (other, was):  # lists
                collisions.add(key)
            if kept is None:
                merged.pop(key, None)
            else:
                merged[key] = kept
    return merged, collisions
