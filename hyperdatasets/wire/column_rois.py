"""ROIs of a table of frames: a list of structs taken apart into columns; which are usual, and their canonical text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.core.normalise import MAX_ID, MAX_LABEL, made_id
from hyperdatasets.wire import column_text as text
from hyperdatasets.wire.column_checks import Mask, mask, short_texts
from hyperdatasets.wire.column_text import Array

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # an extra
    pa = pc = None

_KNOWN = {
    "id": "text", "labels": "a list of texts", "confidence": "a number", "origin": "text",
    "box": "a list of 4 numbers: x, y, width, height",
}  # fmt: skip
_SIDES = 4  # x, y, width, height


@dataclass(frozen=True, slots=True)
class Rois:
    """ROIs of all rows end to end: `rows` has the row of each, `counts` how many each row has."""

    columns: Mapping[str, Array]
    counts: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, column: Array) -> Rois:
        """The ROIs of a column of lists that passed `check`."""
        structs, counts = column.flatten(), _lengths(column)
        columns = dict(zip([each.name for each in structs.type], structs.flatten(), strict=True))
        if "box" in columns:
            columns["box"] = _of_four(columns["box"])
        return cls(columns, counts, np.repeat(np.arange(len(counts)), counts))

    def column(self, name: str) -> Array:
        return self.columns[name] if name in self.columns else pa.nulls(len(self.rows), pa.string())

    def boxes(self) -> tuple[NDArray[np.float64], Mask]:
        """x, y, width, height of each, NaN where a number is missing, of shape (n, 4); and which have a box."""
        if "box" not in self.columns:
            return np.full((len(self.rows), _SIDES), np.nan), np.zeros(len(self.rows), np.bool_)
        box = self.columns["box"]
        sides = box.values.slice(_SIDES * box.offset, _SIDES * len(box)).cast(pa.float64(), safe=False)
        numbers: NDArray[np.float64] = sides.fill_null(np.nan).to_numpy().reshape(-1, _SIDES) + 0.0
        return numbers, mask(box.is_valid())


def _of_four(boxes: Array) -> Array:
    """Lists of any length as lists of fixed size 4, since Parquet files cannot hold the latter with gaps."""
    if pa.types.is_fixed_size_list(boxes.type):
        return boxes
    known, lengths = mask(boxes.is_valid()), _lengths(boxes)
    if (lengths[known] != _SIDES).any():
        raise InvalidArgument("columns: `box` of a ROI: expected 4 numbers, x, y, width, height")
    sides = np.full((len(boxes), _SIDES), np.nan)
    sides[known] = boxes.flatten().cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy().reshape(-1, _SIDES)
    return pa.FixedSizeListArray.from_arrays(pa.array(sides.ravel()), _SIDES, mask=pa.array(~known))


def check(kind: Any) -> None:
    """Raises InvalidArgument: a column of this type has no ROIs."""
    if not _is_list(kind) or not pa.types.is_struct(kind.value_type):
        raise InvalidArgument("columns: `rois` is a list of structs with labels, confidence, box, id, origin")
    kinds = {each.name: each.type for each in kind.value_type}
    for name in kinds:
        if name not in _KNOWN:
            raise InvalidArgument(f"columns: a ROI has no `{name[:60]}`.{did_you_mean(nearest(name, _KNOWN))}")
    if "labels" not in kinds:
        raise InvalidArgument("columns: `rois` needs `labels`, a list of texts")
    for name, given in kinds.items():
        if not _fits(name, given):
            raise InvalidArgument(f"columns: `{name}` of a ROI is {given}; expected {_KNOWN[name]}")


def usual(rois: Rois, sizes: NDArray[np.float64]) -> Mask:
    """Which have labels, a confidence from 0 to 1 or none, an upright box inside of its picture or none.

    Args:
        sizes: width and height of each row's picture, shape (rows, 2).
    """
    found = _usual_labels(rois.columns["labels"]) & _usual_confidences(rois.column("confidence"))
    for name in ("id", "origin"):
        found &= short_texts(rois.column(name), MAX_ID)
    boxes, known = rois.boxes()
    low, extent = boxes[:, :2], boxes[:, 2:]
    inside = ((low >= 0) & (extent > 0) & (extent <= sizes[rois.rows] - low)).all(axis=1)
    return found & (inside | ~known)


def canonical(rois: Rois) -> tuple[Array, Mask]:
    """The text of each row's ROIs (usual ones), by id, and in which rows each id occurs once; null without ROIs."""
    boxes, known = rois.boxes()
    box_texts = text.of_rows(boxes) if known.all() else pc.if_else(pa.array(known), text.of_rows(boxes), None)
    labels = rois.columns["labels"]
    before = (
        b"{", text.member("confidence", pc.add(rois.column("confidence").cast(pa.float64()), 0.0)),
        text.optional(b'"geometry":{"box":[', box_texts, b"]},"),
    )  # fmt: skip
    after = (
        b'"labels":["', text.listed(text.unquoted(text.decoded(labels.flatten())), _lengths(labels), b'","'), b'"]',
        text.optional(b',"origin":"', text.unquoted(text.given(rois.column("origin"))), b'"'), b"}",
    )  # fmt: skip
    ids = _filled(text.given(rois.column("id")), rois.rows, partial(text.joined, *before, *after))
    texts = text.joined(*before, b'"id":"', text.unquoted(ids), b'",', *after)
    order, once = _ordered(ids, rois)
    return text.listed(texts if order is None else texts.take(order), rois.counts, b","), once


def _usual_labels(labels: Array) -> Mask:
    counts, values = _lengths(labels), text.decoded(labels.flatten())
    owners = np.repeat(np.arange(len(labels)), counts)
    found = counts > 0
    found[owners[~short_texts(values, MAX_LABEL, needed=True)]] = False
    if (counts > 1).any():
        codes = values.dictionary_encode().indices.fill_null(0).to_numpy()
        keys = np.sort((owners * len(values) + codes)[counts[owners] > 1])
        found[keys[1:][keys[1:] == keys[:-1]] // len(values)] = False
    return found


def _usual_confidences(values: Array) -> Mask:
    if not (pa.types.is_float64(values.type) or pa.types.is_float32(values.type)):
        return mask(values.is_null())
    return mask(pc.and_(pc.greater_equal(values, 0), pc.less_equal(values, 1)).fill_null(fill_value=True))


def _filled(ids: Array, rows: NDArray[np.int64], contents: Callable[[], Array]) -> Array:
    """Ids, made from the content of a ROI where it has none."""
    missing = mask(ids.is_null())
    if not missing.any():
        return ids
    found: list[str] = []
    made: dict[int, dict[str, int]] = {}
    for row, content in zip(rows[missing].tolist(), contents().filter(pa.array(missing)).to_pylist(), strict=True):
        found.append(made_id(content, made.setdefault(row, {})))
    return pc.replace_with_mask(ids, pa.array(missing), pa.array(found, pa.string()))


def _ordered(ids: Array, rois: Rois) -> tuple[Array | None, Mask]:
    """The order by row and id, None if it is that already; and the rows in which each id occurs once."""
    once, within = np.ones(len(rois.counts), np.bool_), rois.rows[1:] == rois.rows[:-1]
    order = None
    if not (mask(pc.less(ids[:-1], ids[1:])) | ~within).all():
        order = pc.sort_indices(
            pa.table({"row": rois.rows, "id": ids}), sort_keys=[("row", "ascending"), ("id", "ascending")]
        )
        ids = ids.take(order)
        once[rois.rows[1:][within & mask(pc.equal(ids[:-1], ids[1:]))]] = False
    return order, once


def _lengths(lists: Array) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = pc.list_value_length(lists).fill_null(0).to_numpy().astype(np.int64)
    return lengths


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _fits(name: str, kind: Any) -> bool:
    if name == "labels":
        return _is_list(kind) and _fits("label", _without_dictionary(kind.value_type))
    if name == "box":
        fixed = pa.types.is_fixed_size_list(kind)
        return (kind.list_size == _SIDES if fixed else _is_list(kind)) and _is_number(kind.value_type)
    return bool(pa.types.is_null(kind)) or (_is_number(kind) if name == "confidence" else text.is_text(kind))


def _without_dictionary(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
