"""What values a field has among some frames: counts, numbers, the schema of a version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.core.query.dates import moments
from hyperdatasets.core.query.fields import known_names
from hyperdatasets.core.query.literals import boolean, number
from hyperdatasets.core.query.tree import And, Leaf, Node, Not, Or, Range, Scope, Some, Term
from hyperdatasets.engine.bitmaps import to_bitmap
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.index import DatasetIndex, table_of
from hyperdatasets.engine.segment import Segment
from hyperdatasets.engine.table import Table, is_below

TOP = 10


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field: kinds of its values, how many elements have one, distinct texts, the most frequent of them."""

    name: str
    kinds: tuple[str, ...]
    coverage: int
    distinct: int
    top: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Values:
    """Values of a field among some elements; texts, numbers and booleans apart."""

    counts: Counter[str]  # of texts, and of true and false: elements that have them
    frames: Counter[str]  # the same: frames that have them
    numbers: NDArray[np.float64]
    missing: int  # elements without a value


def values(index: DatasetIndex, path: str, revisions: BitMap, *, rois: Node | None = None) -> Values:
    """Values of a field among these frames; of a ROI field, among their ROIs (that match a ROI query)."""
    counts: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    numbers: list[NDArray[np.float64]] = []
    total = having = 0
    for segment in index.segments:
        table, name = table_of(segment, path, "frame")
        elements = _elements(segment, table, revisions, rois)
        total += len(elements)
        column = table.columns.get(name)
        if column is None:
            continue
        having += column.present.intersection_cardinality(elements)
        for text, here in _held(column, elements):
            counts[text] += len(here)
            frames[text] += len(table.frames_of(here)) if table is not segment.frames else len(here)
        chosen = elements.to_array()
        for rows, held in ((column.int_rows, column.ints), (column.float_rows, column.floats)):
            numbers.append(held[np.isin(rows, chosen)].astype(np.float64))
    return Values(counts, frames, np.concatenate([np.array([], np.float64), *numbers]), total - having)


def schema(index: DatasetIndex, revisions: BitMap) -> list[FieldSchema]:
    """Every field that some of these frames has."""
    found = (_field(index, name, revisions) for name in sorted(index.names("frame")))
    return [field for field in found if field.coverage]


def ordered(index: DatasetIndex, path: str, revisions: BitMap, *, descending: bool = False) -> list[int]:
    """Revisions by the least value of a frame field: numbers before texts, those without a value last.

    Equal ones stand by revision, so that pages are stable.
    """
    keys: dict[int, tuple[int, float | str]] = {}
    for segment, _, column in index.columns(path):
        places = segment.places(revisions)
        inside = set(places.tolist())
        for code, text in enumerate(column.texts):
            for place in column.elements(code).tolist():
                if place in inside:
                    keys.setdefault(int(segment.revisions[place]), (1, text))
        for rows, held in ((column.int_rows, column.ints), (column.float_rows, column.floats)):
            for place, value in zip(rows.tolist(), held.tolist(), strict=True):
                if place in inside:
                    revision = int(segment.revisions[place])
                    keys[revision] = min(keys.get(revision, (1, "")), (0, value), key=lambda key: key[0])
    with_value = sorted(revision for revision in revisions if revision in keys)
    with_value.sort(key=keys.__getitem__, reverse=descending)
    return with_value + [revision for revision in revisions if revision not in keys]


def warnings(index: DatasetIndex, node: Node, scope: Scope) -> list[tuple[str, int]]:
    """Conditions that cannot match: no such field (with the nearest names), or values of another kind."""
    names = known_names(scope, index.names(scope))
    found = []
    for field_scope, leaf in _leaves(node, scope):
        path = leaf.field.path
        shown = f"rois.{path}" if (scope, field_scope) == ("frame", "roi") else path
        shown = f"sources.{path}" if (scope, field_scope) == ("frame", "source") else shown
        if path and not any(is_below(name, shown) for name in names):
            close = did_you_mean(nearest(shown, names))
            found.append((f"{shown}: no such field;{close.lower() or ' it matches nothing'}", leaf.position))
        elif path and (kind := _wrong_kind(index, shown, leaf, scope)):
            found.append((f"{shown}: its values are {kind}; this condition matches nothing", leaf.position))
    return found


def _wrong_kind(index: DatasetIndex, path: str, leaf: Leaf, scope: Scope) -> str:
    """`numbers` if all values are numbers and the condition can hold on none; else nothing."""
    match leaf.test:
        case Term(text):
            texts = [text]
        case Range(low, high):
            texts = [bound.text for bound in (low, high) if bound is not None]
        case _:
            return ""
    columns = [column for _, _, column in index.columns(path, scope)]
    if not columns or any(len(column.texts) for column in columns):
        return ""
    booleans = any(column.trues or column.falses for column in columns)
    numeric = any(len(column.ints) or len(column.floats) for column in columns)
    fits = [(numeric and number(text) is not None) or (booleans and boolean(text) is not None) for text in texts]
    dated = any(moments(text) for text in texts)
    kind = "numbers" if numeric else "true or false"
    return kind + (" (a number is never a date)" if dated and numeric else "") if texts and not all(fits) else ""


def _leaves(node: Node, scope: Scope) -> Iterable[tuple[Scope, Leaf]]:
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from _leaves(child, scope)
        case Not(child):
            yield from _leaves(child, scope)
        case Some(elements, child):
            yield from _leaves(child, "roi" if elements == "rois" else "source")
        case Leaf():
            yield scope, node
        case _:
            return


def _elements(segment: Segment, table: Table, revisions: BitMap, rois: Node | None) -> BitMap:
    wanted = np.zeros(segment.size, bool)
    wanted[segment.places(revisions)] = True
    elements = to_bitmap(np.flatnonzero(wanted[table.owners]))
    return elements & segment.rois_matching(rois) if rois is not None and table is segment.rois else elements


def _held(column: Column, elements: BitMap) -> Iterator[tuple[str, BitMap]]:
    """Each text, and true and false, with those of the elements that hold it."""
    for code, text in enumerate(column.texts):
        if here := column.posting(code) & elements:
            yield text, here
    for text, held in (("true", column.trues), ("false", column.falses)):
        if here := held & elements:
            yield text, here


def _field(index: DatasetIndex, name: str, revisions: BitMap) -> FieldSchema:
    kinds: set[str] = set()
    counts: Counter[str] = Counter()
    coverage = 0
    for segment, table, column in index.columns(name):
        elements = _elements(segment, table, revisions, None)
        coverage += column.present.intersection_cardinality(elements)
        for text, here in _held(column, elements):
            counts[text] += len(here)
        texts = len(column.texts) > 0
        for kind, there in (("text", texts), ("integer", len(column.ints)), ("number", len(column.floats)),
                            ("boolean", column.trues or column.falses)):  # fmt: skip
            if there:
                kinds.add(kind)
    top = tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP])
    return FieldSchema(name, tuple(sorted(kinds)), coverage, len(counts), top)
