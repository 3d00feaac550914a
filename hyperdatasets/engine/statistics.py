"""What values a field has among some frames: counts, histogram and quantiles of numbers and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine import measures
from hyperdatasets.engine.chosen import chosen
from hyperdatasets.engine.counting import Counted
from hyperdatasets.engine.distinct import Distinct
from hyperdatasets.engine.index import DatasetIndex


@dataclass(frozen=True, slots=True)
class Bin:
    """`low` <= value < `high`; the last one of a histogram includes `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Statistics:
    """Values of a field among some elements (frames, ROIs or sources): `missing` of them have none."""

    elements: int
    missing: int
    counted: Counted

    @property
    def numbers(self) -> Distinct:
        return self.counted.numbers

    @cached_property
    def dates(self) -> Distinct:
        """Moments of the texts that are dates, in microseconds since 1970."""
        parts = [Distinct.none(np.int64)]
        for texts in self.counted.texts:
            codes, times = texts.column.texts.dates()
            places = np.searchsorted(texts.codes, codes)
            held = (places < len(texts.codes)) & (texts.codes[np.minimum(places, len(texts.codes) - 1)] == codes)
            each = [texts.elements[places[held]], texts.frames[places[held]]]
            order = np.argsort(times[held], kind="stable")
            parts.append(_joined(times[held][order], *(counts[order] for counts in each)))
        return Distinct.merged(parts)


def statistics(index: DatasetIndex, path: str, revisions: BitMap, *, rois: Node | None = None) -> Statistics:
    """Of a field of these frames; of a ROI field, of their ROIs (that match a ROI query).

    Args:
        path: a field of the frame scope, or a measure: `num_rois`, `rois.aspect`, `rois.relative_width`,
            `rois.relative_height`, `rois.relative_area`.
    """
    if path in measures.NAMES:
        return _of_measure(index, path, revisions, rois)
    counted, elements, missing = Counted(), 0, 0
    for found in chosen(index, path, revisions, rois):
        counted.add(found)
        elements += found.count
        missing += found.missing
    return Statistics(elements, missing, counted)


def quantiles(numbers: Distinct, shares: Sequence[float]) -> list[float]:
    """The value below which each share of all lies; between two of them in proportion, as numpy.quantile does."""
    if not len(numbers):
        return []
    ends = np.cumsum(numbers.elements)
    places = np.asarray(shares, np.float64) * (int(ends[-1]) - 1)
    low = np.floor(places)
    below, above = (
        numbers.values[np.searchsorted(ends, np.minimum(each, ends[-1] - 1), "right")].astype(np.float64)
        for each in (low, low + 1)
    )
    part, whole = places - low, above - below
    found: list[float] = np.where(part < 0.5, below + whole * part, above - whole * (1 - part)).tolist()
    return found


def histogram(numbers: Distinct, bins: int) -> list[Bin]:
    """So many bars of equal width from the least to the greatest value; one bar where they would have no width."""
    if not len(numbers):
        return []
    low, high = float(numbers.values[0]), float(numbers.values[-1])
    step = high / bins - low / bins
    if bins == 1 or not np.spacing(max(abs(low), abs(high))) < step < high - low < np.inf:
        return [Bin(low, high, int(numbers.elements.sum()))]
    counts, edges = np.histogram(numbers.values, bins=bins, weights=numbers.elements)
    return [Bin(*each) for each in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)]


def _of_measure(index: DatasetIndex, name: str, revisions: BitMap, rois: Node | None) -> Statistics:
    counted, elements, missing = Counted(), 0, 0
    for found in chosen(index, "rois.x", revisions, rois):
        values, elements_of = measures.measure(name, found)
        owners = None
        if elements_of is not None:
            order = found.table.frame_by_frame(elements_of)
            values, elements_of = values[order], elements_of[order]
            owners = found.table.owners[elements_of]
        looked_at = len(found.frames) if name == measures.NUM_ROIS else found.count
        counted.add_numbers(values, elements_of, owners)
        elements += looked_at
        missing += looked_at - len(values)
    return Statistics(elements, missing, counted)


def _joined(values: NDArray[Any], elements: NDArray[np.int64], frames: NDArray[np.int64]) -> Distinct:
    """Ascending values, of which several may be alike."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
    if not len(starts):
        return Distinct.none(np.int64)
    return Distinct(values[starts], np.add.reduceat(elements, starts), np.add.reduceat(frames, starts))
