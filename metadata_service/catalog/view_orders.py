"""Orders of published views that are kept because the frames that they follow from were withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.units import UnitTable
from hyperdatasets.engine import views
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
    arrays: dict[str, NDArray[np.generic]] = {"merged": found.merged}
    for number, site in enumerate(found.sites.values()):
        table = site.table
        arrays |= {f"{number}.frames": table.frames, f"{number}.marks": table.marks, f"{number}.ranks": table.ranks}
        arrays[f"{number}.kind"] = np.array(table.kind)
        arrays |= {f"{number}.rule.{rule}": units for rule, units in enumerate(table.rules)}
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


def _table(arrays: Mapping[str, NDArray[np.int64]], number: int) -> UnitTable:
    rules = sum(name.startswith(f"{number}.rule.") for name in arrays)
    return UnitTable(
        str(arrays[f"{number}.kind"]),  # type: ignore[arg-type]  # as it was kept
        arrays[f"{number}.frames"], arrays[f"{number}.marks"], arrays[f"{number}.ranks"],
        tuple(arrays[f"{number}.rule.{rule}"] for rule in range(rules)),
    )  # fmt: skip
