"""Orders of published views that follow from what the frames say: stored, as a published selection is.

So they are read without sorting again, are the same when another version of us sorts otherwise, and stay when frames
that they followed from are withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.units import UnitTable
from hyperdatasets.engine import views
from hyperdatasets.engine.bitmaps import to_array
from hyperdatasets.engine.orders import Sequences, SiteSequence, unit_kind
from metadata_service.store.protocol import Reading, Row, Writing


@dataclass(frozen=True)
class Tables:
    """What each site's positions deliver, by site, and how the sites are merged; see `Sequences`."""

    sites: Mapping[str, UnitTable]
    merged: NDArray[np.uint16]


def from_contents(view: PinnedView) -> bool:
    """Whether the order follows from what the frames say, not from their numbers alone."""
    return view.iteration.order == "sequential" or unit_kind(view) != "frame"


def keep(writing: Writing, view: Row, found: Sequences) -> None:
    """Stores the tables of a view; numbers take as few bytes as the largest needs."""
    arrays: dict[str, NDArray[np.generic]] = {"merged": found.merged}
    for number, site in enumerate(found.sites.values()):
        table = site.table
        for name, column in (("frames", table.frames), ("marks", table.marks), ("ranks", table.ranks)):
            arrays[f"{number}.{name}"] = _narrow(column)
        arrays[f"{number}.kind"] = np.array(table.kind)
        arrays |= {f"{number}.rule.{rule}": _narrow(units) for rule, units in enumerate(table.rules)}
    file = BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    writing.insert("view_orders", {"view": view["id"], "tables": file.getvalue()})


def kept(reading: Reading, view: Row, sites: Sequence[str]) -> Tables | None:
    """The tables of a view, if they were kept; `sites` are those that have frames."""
    row = reading.one("view_orders", view=view["id"])
    if row is None:
        return None
    with np.load(BytesIO(row["tables"]), allow_pickle=False) as arrays:
        named = enumerate(sorted(sites, key=str.encode))
        return Tables({site: _table(arrays, number) for number, site in named}, arrays["merged"])


def sequences_of(view: PinnedView, sites: Mapping[str, views.Selection], tables: Tables) -> Sequences:
    sequenced = {
        site: SiteSequence(view, site, sites[site], table) for site, table in tables.sites.items() if site in sites
    }
    return Sequences(sequenced, tables.merged)


def fits(stored: SiteSequence) -> bool:
    """Whether all units are frames of the selection."""
    frames, _ = _listed(stored.table)
    return not len(frames) or bool(frames.min() >= 0 and frames.max() < stored.frames.size)


def without(stored: Mapping[str, views.Selection], gone: Mapping[int, BitMap]) -> dict[str, views.Selection]:
    """The selection of each site that still has frames, without those that are gone (by dataset)."""
    left = {
        site: [
            {number: rest for number, revisions in by_dataset.items() if (rest := revisions - gone[number])}
            for by_dataset in selection
        ]
        for site, selection in stored.items()
    }
    return {site: selection for site, selection in left.items() if any(selection)}


def first_difference(stored: SiteSequence, computed: SiteSequence | None, gone: Mapping[int, BitMap]) -> int | None:
    """The number of the first unit, in sequential order, that is another one in the order made again; None = the same.

    Withdrawn frames are left out of the stored order. The edges of clips are compared only where nothing is withdrawn.
    """
    alive = np.ones(stored.frames.size, bool)
    for dataset, revisions in stored.frames.revisions.items():
        lost = to_array(revisions & gone[dataset]).astype(np.int64)
        alive[stored.frames.places(dataset, lost)] = False
    frames, marks = _listed(stored.table)
    if len(frames) and frames.max() >= len(alive):
        return int(np.argmax(frames >= len(alive)))
    kept = alive[frames]
    old = (np.cumsum(alive) - 1)[frames[kept]], marks[kept]
    new = _listed(UnitTable(stored.table.kind) if computed is None else computed.table)
    differences = [at for one, other in zip(old, new, strict=True) if (at := _differ(one, other)) is not None]
    if computed is not None and alive.all():
        differences += _of_units(stored.table, computed.table)
    return min(differences, default=None)


def same_merge(stored: Tables, computed: Sequences) -> bool:
    """Whether positions of the whole view come from the same sites."""
    return bool(np.array_equal(stored.merged, computed.merged))


def _of_units(stored: UnitTable, computed: UnitTable) -> list[int]:
    """Where clips begin elsewhere, or rules have other units."""
    pairs = [(stored.marks, computed.marks)] if stored.kind == "clip" else []
    if len(stored.rules) != len(computed.rules):
        return [0]
    pairs += zip(stored.rules, computed.rules, strict=True)
    return [at for one, other in pairs if (at := _differ(one, other)) is not None]


def _listed(table: UnitTable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames in sequential order (of ROIs with their place in the frame, else zeros)."""
    frames = table.ranks if table.kind == "frame" else table.frames
    marks = table.marks if table.kind == "roi" else np.zeros(len(frames), np.int64)
    order = table.ranks if table.kind == "roi" and len(table.ranks) else np.arange(len(frames))
    return frames[order], marks[order]


def _differ(one: NDArray[np.int64], other: NDArray[np.int64]) -> int | None:
    """The first place at which two columns differ; None = nowhere."""
    shared = min(len(one), len(other))
    unequal = np.flatnonzero(one[:shared] != other[:shared])
    return int(unequal[0]) if len(unequal) else None if len(one) == len(other) else shared


def _narrow(numbers: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def _table(arrays: Mapping[str, NDArray[np.unsignedinteger]], number: int) -> UnitTable:
    def wide(name: str) -> NDArray[np.int64]:
        return arrays[f"{number}.{name}"].astype(np.int64)

    rules = sum(name.startswith(f"{number}.rule.") for name in arrays)
    return UnitTable(
        str(arrays[f"{number}.kind"]),  # type: ignore[arg-type]  # as it was kept
        wide("frames"), wide("marks"), wide("ranks"), tuple(wide(f"rule.{rule}") for rule in range(rules)),
    )  # fmt: skip
