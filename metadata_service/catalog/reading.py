"""Reading a view at the centre: which frame stands at which position, over one site or woven over all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.errors import InvalidArgument, ReadingStale
from hyperdatasets.core.order import MAX_POSITION, MAX_POSITIONS, partition, partition_length
from hyperdatasets.core.view_order import ViewOrder
from hyperdatasets.engine.bitmaps import to_array
from hyperdatasets.engine.orders import Delivered, Sequences, SiteSequence
from metadata_service.catalog.resolving import Resolved

_CHUNK, _CLIPS = 512, 16  # positions looked up at once
Numbers = NDArray[np.int64]
_Placed = Callable[[Numbers], list[tuple[SiteSequence, int]]]


@dataclass(frozen=True)
class Place:
    """A frame in the order that was asked for.

    Attributes:
        rules: numbers of the rules that select it.
        left: how many more frames of its clip follow at the same position.
    """

    position: int
    frame: Delivered
    rules: list[int]
    left: int


def length(resolved: Resolved, site: str | None) -> int:
    """Positions of one pass."""
    found = resolved.sequences.sites
    return sum(each.order.epoch_length for name, each in found.items() if site in {None, name})


def state(resolved: Resolved) -> str:
    """What positions mean: equal as long as the view selects the same frames; empty for a published view."""
    if resolved.stored is not None:
        return ""
    digest = hashlib.sha256(resolved.view.canonical_bytes())
    for by_dataset in resolved.selection:
        for number, revisions in sorted(by_dataset.items()):
            digest.update(f"{number} {len(revisions)} ".encode())
            digest.update(to_array(revisions).tobytes())
    return digest.hexdigest()


def check_continues(resolved: Resolved, state_before: str) -> None:
    """Raises ReadingStale: positions mean other frames than they did."""
    if state_before and state_before != state(resolved):
        raise ReadingStale(
            "the view selects other frames than when this read began: it is not published, and its versions were "
            "edited or frames were withdrawn. Read from the beginning, or publish the view, then it stays as it is"
        )


def places(
    resolved: Resolved, *, site: str | None, start: int, limit: int, positions: Sequence[int] = (), rank: int = 0,
    ranks: int = 1,
) -> Iterator[Place]:  # fmt: skip
    """Positions from `start` on (of this rank), `limit` of them, or all that there are; or `positions`, each once.

    Raises:
        InvalidArgument: the order has no such position.
    """
    found = resolved.sequences
    repeat, seed = resolved.view.iteration.repeat, resolved.view.iteration.seed
    chosen = {name: each for name, each in found.sites.items() if site in {None, name}}
    whole = sum(each.order.epoch_length for each in chosen.values())
    end = None if repeat and whole else partition_length(whole, rank, ranks, seed)
    stop = end if not limit else start + limit if end is None else min(end, start + limit)
    _check_positions(positions, end)
    if not whole:
        return
    placed = _placed(found, chosen, repeat=repeat)
    chunk = _CLIPS if resolved.view.clip.wanted else _CHUNK
    wanted = _stretches(start, stop, chunk) if not positions else _named(positions, chunk)
    for mine in wanted:
        yield from _read(mine, placed(partition(mine, rank, ranks, seed)))


def _check_positions(positions: Sequence[int], end: int | None) -> None:
    if len(positions) > MAX_POSITIONS:
        raise InvalidArgument(f"one request names at most {MAX_POSITIONS} positions, not {len(positions)}")
    last = MAX_POSITION if end is None else end
    for position in positions:
        if not 0 <= position < last:
            raise InvalidArgument(f"position {position}: the order has positions from 0 to before {last}")


def _stretches(start: int, stop: int | None, chunk: int) -> Iterator[Numbers]:
    """Positions from `start` to before `stop`, some at a time."""
    for first in count(start, chunk):
        if stop is not None and first >= stop:
            return
        yield np.arange(first, first + chunk if stop is None else min(first + chunk, stop), dtype=np.int64)


def _named(positions: Sequence[int], chunk: int) -> Iterator[Numbers]:
    """These positions, each once, some at a time."""
    named = np.array(list(dict.fromkeys(positions)), np.int64)
    return (named[first : first + chunk] for first in range(0, len(named), chunk))


def _read(positions: Numbers, placed: list[tuple[SiteSequence, int]]) -> Iterator[Place]:
    """What stands there; each site is asked once."""
    found: dict[int, list[Place]] = {}
    for each in {id(sequence): sequence for sequence, _ in placed}.values():
        here = [number for number, (sequence, _) in enumerate(placed) if sequence is each]
        within = np.array([placed[number][1] for number in here], np.int64)
        for number, frames in zip(here, each.at(within), strict=True):
            found[number] = [
                Place(int(positions[number]), frame, each.rules_of(frame), left)
                for left, frame in zip(reversed(range(len(frames))), frames, strict=True)
            ]
    for number in range(len(placed)):
        yield from found[number]


def _placed(found: Sequences, chosen: dict[str, SiteSequence], *, repeat: bool) -> _Placed:
    """The site of each position of the whole, and the position in that site's order."""
    if len(chosen) == 1:
        (only,) = chosen.values()
        return lambda positions: [(only, position) for position in positions.tolist()]
    if len(found.merged):
        return _merged(found)
    weave = ViewOrder({name: each.order.epoch_length for name, each in chosen.items()}, repeat)

    def woven(positions: Numbers) -> list[tuple[SiteSequence, int]]:
        if len(positions) and (np.diff(positions) == 1).all():
            placed = weave.at(int(positions[0]), int(positions[-1]) + 1)
        else:
            placed = [weave.at(position, position + 1)[0] for position in positions.tolist()]
        return [(chosen[site], within) for site, within in placed]

    return woven


def _merged(found: Sequences) -> _Placed:
    """Site orders merged by their sort key; a limit cuts each site's by itself, a repeating view starts again."""
    sites = list(found.sites.values())
    within = np.empty(len(found.merged), np.int64)
    for number in range(len(sites)):
        mine = np.flatnonzero(found.merged == number)
        within[mine] = np.arange(len(mine))

    def merged(positions: Numbers) -> list[tuple[SiteSequence, int]]:
        turn = positions % len(within)
        return [(sites[site], at) for site, at in zip(found.merged[turn].tolist(), within[turn].tolist(), strict=True)]

    return merged
