"""Every field of some frames: types, coverage, distinct values, the most frequent ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap

from hyperdatasets.engine.chosen import chosen
from hyperdatasets.engine.counting import Count, Counted
from hyperdatasets.engine.index import DatasetIndex


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field: types of its values (in byte order), how many frames have one, distinct values, the most frequent."""

    name: str
    types: tuple[str, ...]
    frames: int
    distinct: int
    top: tuple[Count, ...]


def schema(index: DatasetIndex, revisions: BitMap, *, top: int) -> list[FieldSchema]:
    """Every field that some of these frames has, by name."""
    found = (_field(index, name, revisions, top) for name in sorted(index.names("frame")))
    return [each for each in found if each.frames]


def _field(index: DatasetIndex, name: str, revisions: BitMap, top: int) -> FieldSchema:
    counted, frames = Counted(), 0
    for found in chosen(index, name, revisions):
        if found.column is not None:
            counted.add(found)
            frames += found.covered
    dated = any(bool(np.isin(texts.column.texts.dates()[0], texts.codes).any()) for texts in counted.texts)
    types = counted.kinds | ({"date"} if dated else set())
    return FieldSchema(name, tuple(sorted(types)), frames, counted.distinct, tuple(counted.top(top)))
