"""The order of a site's selection, made from the index: what stands at which position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.order import Everything, Lookup, SiteOrder
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.units import FrameKeys, Kind, UnitTable, clips, sequence
from hyperdatasets.engine import views
from hyperdatasets.engine.frame_keys import IndexOf, frame_keys
from hyperdatasets.engine.places import FrameSet, RulePlaces
from hyperdatasets.engine.view_rois import roi_pairs

Numbers = NDArray[np.int64]


class Delivered(NamedTuple):
    """A frame that a position delivers, by its dataset's number; with `roi` this annotation of it alone."""

    dataset: int
    revision: int
    roi: int | None = None


@dataclass(frozen=True)
class SiteSequence:
    """A site's selection in its order: what each position delivers.

    Attributes:
        selection: of this site alone.
        table: the units, and their sequential order.
    """

    view: PinnedView
    site: str
    selection: views.Selection
    table: UnitTable

    @cached_property
    def frames(self) -> FrameSet:
        """The union over rules."""
        return FrameSet(views.unions(self.selection))

    @cached_property
    def order(self) -> SiteOrder:
        return SiteOrder(self.site, self._ranks, self._rules, self.view.weights, self.view.iteration)

    def at(self, positions: Numbers) -> list[tuple[Delivered, ...]]:
        """What these positions deliver; the frames of a clip in their order."""
        return self.delivered(self.order.at(positions))

    def delivered(self, units: Numbers) -> list[tuple[Delivered, ...]]:
        """What these units are."""
        if self.table.kind == "clip":
            lengths = self.table.marks[units + 1] - self.table.marks[units]
            firsts = np.repeat(self.table.marks[units] - np.cumsum(lengths) + lengths, lengths)
            found = self.frames.frames(self.table.frames[firsts + np.arange(len(firsts))])
            ends = np.cumsum(lengths).tolist()
            return [
                tuple(Delivered(*frame) for frame in found[end - length : end])
                for length, end in zip(lengths.tolist(), ends, strict=True)
            ]
        if self.table.kind == "roi":
            found = self.frames.frames(self.table.frames[units])
            rois = self.table.marks[units].tolist()
            return [(Delivered(*frame, roi),) for frame, roi in zip(found, rois, strict=True)]
        return [(Delivered(*frame),) for frame in self.frames.frames(units)]

    def rules_of(self, frame: Delivered) -> list[int]:
        """Numbers of the rules that select a frame."""
        return [
            number for number, by_dataset in enumerate(self.selection)
            if frame.revision in by_dataset.get(frame.dataset, ())
        ]  # fmt: skip

    @property
    def units(self) -> int:
        return self.frames.size if self.table.kind == "frame" else self.table.size

    @property
    def _ranks(self) -> Lookup:
        return self.table.ranks if len(self.table.ranks) else Everything(self.units)

    @property
    def _rules(self) -> list[Lookup]:
        if self.table.rules:
            return list(self.table.rules)
        whole = Everything(self.units)
        if self.table.kind != "frame":  # of one rule
            return [whole]
        places = [RulePlaces(self.frames, FrameSet(by_dataset)) for by_dataset in self.selection]
        return [whole if len(each) == self.frames.size else each for each in places]


@dataclass(frozen=True)
class Sequences:
    """The sites of a view in their orders.

    Attributes:
        merged: of a sequential view over several sites, the number (by name) of the site that each position of one
            pass is from; else empty.
    """

    sites: Mapping[str, SiteSequence]
    merged: NDArray[np.uint16]


def unit_kind(view: PinnedView) -> Kind:
    """What a unit of the view is."""
    if view.clip.wanted:
        return "clip"
    return "roi" if view.output_rois == "frame_per_roi" else "frame"


def sequences(view: PinnedView, sites: Mapping[str, views.Selection], index_of: IndexOf) -> Sequences:
    """The orders of all sites, made from the index."""
    made = _Making(view, sites, index_of)
    named = sorted(sites, key=str.encode)
    sequenced = {site: SiteSequence(view, site, sites[site], made.table(site)) for site in named}
    return Sequences(sequenced, made.merged(sequenced))


@dataclass(frozen=True)
class _Making:
    view: PinnedView
    sites: Mapping[str, views.Selection]
    index_of: IndexOf

    def table(self, site: str) -> UnitTable:
        kind, frames = unit_kind(self.view), FrameSet(views.unions(self.sites[site]))
        if kind == "clip":
            ordered = self._ordered(frames)
            table = UnitTable("clip", ordered, clips(self._keys.at(self._places(frames)[ordered]), self.view.clip))
            return replace(table, rules=self._clips_of_rules(self.sites[site], frames, table))
        if kind == "roi":
            table = roi_pairs(self.view, self.sites[site], frames, self.index_of)
            return replace(table, ranks=self._pair_ranks(frames, table)) if self._sequential else table
        return UnitTable(ranks=self._ordered(frames)) if self._sequential else UnitTable()

    def _clips_of_rules(self, selection: views.Selection, frames: FrameSet, table: UnitTable) -> tuple[Numbers, ...]:
        """The clips that hold a frame of each rule; nothing for one rule, which has them all."""
        if len(selection) == 1:
            return ()
        clip_of = np.empty(frames.size, np.int64)
        clip_of[table.frames] = np.repeat(np.arange(table.size), np.diff(table.marks))
        return tuple(np.unique(clip_of[RulePlaces(frames, FrameSet(each)).all()]) for each in selection)

    def merged(self, sites: Mapping[str, SiteSequence]) -> NDArray[np.uint16]:
        if not self._sequential or len(sites) < 2:
            return np.zeros(0, np.uint16)
        stands = [self._read(each) for each in sites.values()]
        numbers = np.repeat(np.arange(len(stands), dtype=np.uint16), [len(each) for each in stands])
        return numbers[np.argsort(np.concatenate(stands), kind="stable")]

    def _read(self, site: SiteSequence) -> Numbers:
        """Where the (first) frame of each position of one pass stands among the frames of all sites."""
        units = site.order.at(np.arange(site.order.epoch_length, dtype=np.int64))
        if site.table.kind == "clip":
            units = site.table.frames[site.table.marks[units]]
        elif site.table.kind == "roi":
            units = site.table.frames[units]
        return self._stand[self._places(site.frames)[units]]

    def _ordered(self, frames: FrameSet) -> Numbers:
        """Places of a site's frames in sequential order."""
        return np.argsort(self._stand[self._places(frames)], kind="stable")

    def _pair_ranks(self, frames: FrameSet, table: UnitTable) -> Numbers:
        return np.argsort(self._stand[self._places(frames)][table.frames], kind="stable")

    def _places(self, frames: FrameSet) -> Numbers:
        """The places of a site's frames among the frames of all sites."""
        return RulePlaces(self._all, frames).all()

    @property
    def _sequential(self) -> bool:
        return self.view.iteration.order == "sequential"

    @cached_property
    def _all(self) -> FrameSet:
        return FrameSet(views.unions([each for selection in self.sites.values() for each in selection]))

    @cached_property
    def _keys(self) -> FrameKeys:
        return frame_keys(self._all, self.index_of)

    @cached_property
    def _stand(self) -> Numbers:
        """For each place its number in sequential order."""
        found = np.empty(self._all.size, np.int64)
        found[sequence(self._keys)] = np.arange(self._all.size)
        return found
