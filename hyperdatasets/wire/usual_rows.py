"""Rows of a table that are in their normal form as they are, and their canonical bytes, a column at a time.

Usual are: one source, labelled upright boxes inside of it or labels of the frame, texts without control characters,
plain values as metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from hyperdatasets.core.given import Canonical
from hyperdatasets.core.normalise import MAX_ANNOTATIONS, MAX_ID, MAX_URI, UNBOUNDED
from hyperdatasets.core.plain import MAX_META, MAX_META_DEPTH
from hyperdatasets.wire import column_rois
from hyperdatasets.wire import column_text as text
from hyperdatasets.wire.column_checks import Mask, mask, plain_values, short_texts, whole_numbers
from hyperdatasets.wire.column_rois import Rois
from hyperdatasets.wire.column_text import Array

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # an extra
    pa = pc = None

TEXTS = ("id", "site", "context_id")
SOURCE_TEXTS = ("uri", "content_type", "digest")
SOURCE_NUMBERS = ("width", "height", "size_bytes")
META = "meta."
Columns = Mapping[str, Array]


def usual(columns: Columns, count: int) -> Mask:
    """Which rows are; whether the ids of their ROIs occur once is told by `canonical`."""
    found = np.full(count, "id" in columns and "uri" in columns)
    for name, column in columns.items():
        if name != "rois":
            found &= _usual_values(name, column)
    if "rois" in columns:
        rois = Rois.of(columns["rois"])
        found &= rois.counts <= MAX_ANNOTATIONS
        found[rois.rows[~column_rois.usual(rois, _sizes(columns, count))]] = False
    return found


def canonical(columns: Columns, count: int) -> tuple[list[Canonical], Mask]:
    """The good ones of usual rows, and which are good: each id of a ROI occurs once, metadata is not too large."""
    rois, annotated = pa.nulls(count, pa.binary()), np.zeros(count, np.bool_)
    good = np.ones(count, np.bool_)
    if "rois" in columns:
        found = Rois.of(columns["rois"])
        annotated = found.counts > 0
        rois, good = column_rois.canonical(found)
    meta = _members(_tree(columns), count)
    good &= mask(pc.less_equal(pc.binary_length(meta), MAX_META - len("{}")).fill_null(fill_value=True))
    values = _Values(columns, count)
    payloads = text.joined(
        b"{", text.optional(b'"annotations":[', rois, b"],"), values.member("context_id"), values.member("id"),
        text.optional(b'"meta":{', meta, b"},"), values.member("site"),
        b'"sources":[{', values.member("content_type"), values.member("digest"), values.member("height"),
        b'"id":"default",', values.member("size_bytes"), b'"uri":"', text.unquoted(values.of("uri")), b'"',
        text.optional(b',"width":', text.unquoted(values.of("width"))), b"}]",
        text.optional(b',"timestamp":', text.unquoted(values.of("timestamp"))), b"}",
    )  # fmt: skip
    sites = text.given(values.of("site")).fill_null("").to_pylist()
    listed = map(Canonical, values.of("id").to_pylist(), sites, annotated.tolist(), payloads.to_pylist())
    return [frame for frame, fine in zip(listed, good.tolist(), strict=True) if fine], good


class _Values:
    """Columns by name; one that is not there has no value in any row."""

    def __init__(self, columns: Columns, count: int) -> None:
        self._columns, self._count = columns, count

    def of(self, name: str) -> Array:
        return self._columns[name] if name in self._columns else pa.nulls(self._count, pa.string())

    def member(self, name: str) -> Array:
        """`"name":value,` of each row that has one."""
        values = self.of(name)
        return text.member(name, text.given(values) if text.is_text(values.type) else values)


def _tree(columns: Columns) -> dict[str, Any]:
    """Columns of metadata by the names on their path."""
    tree: dict[str, Any] = {}
    for name, column in columns.items():
        if name.startswith(META):
            *objects, last = name.removeprefix(META).split(".")
            inner = tree
            for each in objects:
                inner = inner.setdefault(each, {})
            inner[last] = column
    return tree


def _members(tree: Mapping[str, Any], count: int) -> Array:
    """JSON text of an object with these values in each row, without braces; null where it is empty."""
    found = [
        text.optional(orjson.dumps(name) + b":{", _members(each, count), b"},")
        if isinstance(each, dict)
        else text.member(name, each)
        for name, each in sorted(tree.items())
    ]
    return text.members(*found) if found else pa.nulls(count, pa.binary())


def _usual_values(name: str, column: Array) -> Mask:
    if name.startswith(META):
        shallow = name.count(".") <= MAX_META_DEPTH
        return plain_values(column, longest=MAX_META) if shallow else mask(column.is_null())
    if name in TEXTS:
        return short_texts(column, MAX_ID, needed=name == "id")
    if name in SOURCE_TEXTS:
        return short_texts(column, MAX_URI, needed=name == "uri")
    if name == "meta_json":
        return short_texts(column, 0)
    return whole_numbers(column, least=0) if name in SOURCE_NUMBERS else whole_numbers(column)


def _sizes(columns: Columns, count: int) -> NDArray[np.float64]:
    """Width and height of each row's picture, `UNBOUNDED` unless both are known; shape (rows, 2)."""
    sizes = np.zeros((count, 2))
    for place, name in enumerate(("width", "height")):
        if name in columns and pa.types.is_integer(columns[name].type):
            sizes[:, place] = columns[name].fill_null(0).to_numpy()
    sizes[~(sizes > 0).all(axis=1)] = UNBOUNDED
    return sizes
