"""ROIs of merged segments in an order of their own: label set by label set, and within one by confidence.

A condition on labels so holds for a few stretches of ROIs, and one on the confidence for a part of each, which is
found by bisection; neither looks at single ROIs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.engine.table import Table, made

_NUMBERED = 1 << 16  # so many different label sets have numbers that NumPy sorts by counting


def clustered(table: Table) -> Table:
    """The same ROIs in that order; those that are alike stay as they are."""
    order = np.argsort(_confidences(table), kind="stable")
    order = order[np.argsort(_label_sets(table)[order], kind="stable")]
    fresh = np.empty(table.size, np.uint32)
    fresh[order] = np.arange(table.size, dtype=np.uint32)
    columns = {name: column.reordered(order, fresh) for name, column in table.columns.items()}
    places = table.places_of(order.astype(np.uint32))
    places = places.astype(np.min_scalar_type(places.max(initial=0)))
    return made(Table(table.size, columns, table.owners[order], table.frames, places=places))


def _confidences(table: Table) -> NDArray[Any]:
    """Numbers that order as the confidences do; ROIs without one come first."""
    column = table.columns.get("confidence")
    if column is None or not len(column.floats):
        return np.zeros(table.size, np.int8)
    if column.floats.elements is None:
        return column.floats.values
    found = np.full(table.size, -np.inf)
    found[column.floats.elements] = column.floats.wide
    return found


def _label_sets(table: Table) -> NDArray[np.unsignedinteger]:
    """The number of each ROI's label set; sets that share their first label have neighbouring ones."""
    column = table.columns.get("label")
    if column is None:
        return np.zeros(table.size, np.uint16)
    sums, firsts = column.postings.sums(table.size), column.postings.first_codes(table.size)
    starts = np.flatnonzero(np.concatenate([[True], (sums[1:] != sums[:-1]) | (firsts[1:] != firsts[:-1])]))
    _, of_starts, numbers = np.unique(sums[starts], return_index=True, return_inverse=True)
    ranks = np.empty(len(of_starts), np.uint16 if len(of_starts) <= _NUMBERED else np.uint32)
    ranks[np.argsort(firsts[starts[of_starts]], kind="stable")] = np.arange(len(ranks))
    return np.repeat(ranks[numbers], np.diff(starts, append=table.size))
