"""Which values of a field occur together: on one element, and in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine.chosen import Chosen, chosen
from hyperdatasets.engine.deadline import check
from hyperdatasets.engine.index import DatasetIndex


@dataclass(frozen=True, slots=True)
class Pair:
    """Two values, how many elements (ROIs) hold both, and in how many frames both occur."""

    first: str
    second: str
    elements: int
    frames: int


def pairs(
    index: DatasetIndex, path: str, revisions: BitMap, texts: Sequence[str], *, rois: Node | None = None
) -> list[Pair]:
    """Every two of these texts that occur together in some frame; the most frequent first."""
    counts = np.zeros((len(texts), len(texts), 2), np.int64)
    for found in chosen(index, path, revisions, rois):
        held = [(place, here) for place, text in enumerate(texts) if (here := _holding(found, text))]
        frames = {place: _frames(found, texts[place], here) for place, here in held}
        for (one, elements), (other, others) in combinations(held, 2):
            check()
            both = frames[one].intersection_cardinality(frames[other])
            counts[one, other] += (elements.intersection_cardinality(others), both)
    listed = [
        Pair(min(texts[one], texts[other]), max(texts[one], texts[other]), *counts[one, other].tolist())
        for one, other in np.argwhere(counts[:, :, 1]).tolist()
    ]
    return sorted(listed, key=lambda pair: (-pair.frames, -pair.elements, pair.first, pair.second))


def _holding(found: Chosen, text: str) -> BitMap:
    code = None if found.column is None else found.column.texts.code(text)
    return BitMap() if code is None or found.column is None else found.column.postings[code] & found.elements


def _frames(found: Chosen, text: str, here: BitMap) -> BitMap:
    """Their frames, which stand ready for frequent labels."""
    code = None if found.column is None else found.column.texts.code(text)
    tally = found.table.tally_at_hand(found.name, code) if found.whole and code is not None else None
    return found.table.frames_of(here) if tally is None else tally.holding & found.frames
