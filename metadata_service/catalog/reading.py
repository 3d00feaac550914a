"""Reading a view at the centre: which frame stands at which position, over one site or woven over all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from hyperdatasets.core.order import SiteOrder, partition, partition_length
from hyperdatasets.core.units import FrameKey, sequence
from hyperdatasets.core.view_order import ViewOrder
from hyperdatasets.engine import views
from metadata_service.catalog.views import Resolved, orders

_CHUNK = 512  # positions looked up at once
Units = list[tuple[int, int]]
_At = Callable[[int], tuple[int, int]]


@dataclass(frozen=True)
class Place:
    """A frame in the order that was asked for; `dataset` is its number in the view."""

    position: int
    dataset: int
    revision: int


def length(resolved: Resolved, site: str | None) -> int:
    """Positions of one pass."""
    found = orders(resolved)
    return sum(order.epoch_length for name, (order, _) in found.items() if site in {None, name})


def places(
    resolved: Resolved, *, site: str | None, start: int, limit: int, rank: int = 0, ranks: int = 1
) -> Iterator[Place]:
    """Positions from `start` on (of this rank), `limit` of them, or all that there are."""
    found = orders(resolved)
    repeat, seed = resolved.view.iteration.repeat, resolved.view.iteration.seed
    if site is not None:
        found = {name: each for name, each in found.items() if name == site}
    whole = sum(order.epoch_length for order, _ in found.values())
    end = None if repeat and whole else partition_length(whole, rank, ranks, seed)
    stop = end if not limit else start + limit if end is None else min(end, start + limit)
    if not whole:
        return
    at = (
        _sequential(resolved, found) if resolved.view.iteration.order == "sequential" else _random(found, repeat=repeat)
    )
    for first in count(start, _CHUNK):
        if stop is not None and first >= stop:
            return
        last = first + _CHUNK if stop is None else min(first + _CHUNK, stop)
        mine = np.arange(first, last, dtype=np.int64)
        for position, wanted in zip(mine.tolist(), partition(mine, rank, ranks, seed).tolist(), strict=True):
            dataset, revision = at(wanted)
            yield Place(position, dataset, revision)


def _sequential(resolved: Resolved, found: dict[str, tuple[SiteOrder, Units]]) -> _At:
    """Site orders merged by their sort key; a limit cuts each site's by itself."""
    chosen: Units = []
    for order, units in found.values():
        chosen += [units[unit] for unit in order.at(np.arange(order.epoch_length)).tolist()]
    keys: dict[tuple[int, int], FrameKey] = {}
    for number, revisions in views.unions(resolved.selection).items():
        keys |= {(number, key.revision): key for key in views.keys(resolved.index_of(number), number, revisions)}
    merged = [chosen[place] for place in sequence([keys[unit] for unit in chosen]).tolist()]
    return lambda position: merged[position % len(merged)]


def _random(found: dict[str, tuple[SiteOrder, Units]], *, repeat: bool) -> _At:
    weave = ViewOrder({name: order.epoch_length for name, (order, _) in found.items()}, repeat)

    def at(position: int) -> tuple[int, int]:
        ((site, within),) = weave.at(position, position + 1)
        order, units = found[site]
        return units[int(order.at(np.array([within], np.int64))[0])]

    return at
