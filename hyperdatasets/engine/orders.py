"""The order of a site's selection, made from the index: which frame stands at which position."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hyperdatasets.core.errors import InvalidView
from hyperdatasets.core.order import SiteOrder
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.units import FrameKey, sequence
from hyperdatasets.engine import views
from hyperdatasets.engine.index import DatasetIndex


def check_servable(view: PinnedView) -> None:
    """Raises InvalidView for units that can be declared already, and not be served yet."""
    if view.clip.wanted or view.output_rois == "frame_per_roi":
        raise InvalidView("clips and frame_per_roi are not served yet; leave out `clip` and `output_rois`")


def site_order(
    view: PinnedView, site: str, selection: views.Selection, index_of: Callable[[int], DatasetIndex]
) -> tuple[SiteOrder, list[tuple[int, int]]]:
    """The order over the units of a site, and what each unit is: (dataset number, revision).

    Raises:
        InvalidView: see `check_servable`.
    """
    check_servable(view)
    units, places = views.base_order(selection)
    if view.iteration.order == "sequential":
        keys: list[FrameKey] = []
        for number, revisions in sorted(views.unions(selection).items()):
            keys += views.keys(index_of(number), number, revisions)
        ranks = sequence(keys)
    else:
        ranks = np.arange(len(units), dtype=np.int64)
    return SiteOrder(site, ranks, places, view.weights, view.iteration), units
