"""Frames as columns: an Arrow IPC stream in, frames out. What `docs/bulk-writes.md` says is checked here.

Nearly all rows of large tables are usual; those are checked, and their canonical bytes made, a column at a time. Any
other row goes the way of single frames, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from hyperdatasets.core.errors import InvalidArgument, InvalidFrame, Unimplemented
from hyperdatasets.core.given import Given, Refused, check_size
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.wire import column_rois, usual_rows
from hyperdatasets.wire.arrow_messages import are_compressed
from hyperdatasets.wire.column_checks import Mask
from hyperdatasets.wire.column_text import Array, decoded, is_text
from hyperdatasets.wire.usual_rows import META, SOURCE_NUMBERS, SOURCE_TEXTS, TEXTS, Columns

try:
    import pyarrow as pa
except ImportError:  # an extra
    pa = None

_FRAME, _SOURCE = (*TEXTS, "timestamp"), (*SOURCE_TEXTS, *SOURCE_NUMBERS)
_KNOWN = (*_FRAME, *_SOURCE, "meta_json", "rois")
_DAYS = -719_162, 2_932_896  # of the years 1 to 9999, since 1970


def decode(data: bytes) -> list[Given]:
    """The frame of each row of an Arrow IPC stream.

    Raises:
        InvalidArgument: the bytes are no such stream, or a column is unknown or of another type.
        Unimplemented: pyarrow is not installed here.
    """
    table = _table(data)
    columns = {name: _values(name, table.column(name).combine_chunks()) for name in table.column_names}
    frames: dict[int, Given] = {}
    usual = usual_rows.usual(columns, table.num_rows)
    if usual.any():
        found, good = usual_rows.canonical(_filtered(columns, usual), int(usual.sum()))
        usual[np.flatnonzero(usual)[~good]] = False
        frames.update(zip(np.flatnonzero(usual).tolist(), found, strict=True))
    others = map(_frame, _rows(_filtered(columns, ~usual)))
    frames.update(zip(np.flatnonzero(~usual).tolist(), others, strict=True))
    return [frames[row] for row in range(table.num_rows)]


def encode(table: Any) -> bytes:
    """The Arrow IPC stream of a pyarrow table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _table(data: bytes) -> Any:
    if pa is None:
        raise Unimplemented("this service reads no columns: install it with the extra `arrow`, or send single frames")
    try:
        compressed = are_compressed(pa.ipc.MessageReader.open_stream(pa.py_buffer(data)))
        table = None if compressed else pa.ipc.open_stream(pa.py_buffer(data)).read_all()
        if table is not None:
            table.validate(full=True)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise InvalidArgument(f"columns: expected an Arrow IPC stream: {str(error)[:200]}") from None
    if table is None:
        raise InvalidArgument("columns: the Arrow IPC stream is compressed; write it without compression")
    check_size(table.num_rows)
    if len(set(table.column_names)) != len(table.column_names):
        raise InvalidArgument("columns: a column's name occurs twice")
    for name in table.column_names:
        if name not in _KNOWN and not name.startswith(META):
            raise InvalidArgument(f"columns: there is no column `{name[:60]}`.{did_you_mean(nearest(name, _KNOWN))}")
        kind = table.schema.field(name).type
        if name == "rois":
            column_rois.check(kind)
        else:
            _check_values(name, kind.value_type if pa.types.is_dictionary(kind) else kind, table.column_names)
    return table


def _check_values(name: str, kind: Any, names: list[str]) -> None:
    if not any(fits(kind) for fits in (
        is_text, pa.types.is_string_view, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean,
        pa.types.is_date, pa.types.is_timestamp, pa.types.is_null,
    )):  # fmt: skip
        raise InvalidArgument(f"columns: `{name[:60]}` is {kind}; use text, numbers, booleans, dates, or `meta_json`")
    if name.startswith(META) and any(other.startswith(f"{name}.") for other in names):
        raise InvalidArgument(f"columns: `{name[:60]}` is a value, and other columns take it for an object")


def _values(name: str, column: Array) -> Array:
    """Values without a dictionary; dates and times as text."""
    column = decoded(column)
    if pa.types.is_string_view(column.type):
        return column.cast(pa.string())
    try:
        if pa.types.is_date(column.type):
            return _dates(column.cast(pa.date32(), safe=False))
        if pa.types.is_timestamp(column.type):
            return pa.array([value and value.isoformat() for value in column.to_pylist()], pa.string())
    except (pa.ArrowException, ArithmeticError, ValueError) as error:
        raise InvalidArgument(f"columns: `{name[:60]}` has a date or time that cannot be told: {error}") from None
    return column


def _dates(column: Array) -> Array:
    days = column.cast(pa.int32()).fill_null(0).to_numpy()
    if len(days) and not _DAYS[0] <= days.min() <= days.max() <= _DAYS[1]:
        raise ValueError("years are from 1 to 9999")
    return column.cast(pa.string())


def _filtered(columns: Columns, wanted: Mask) -> Columns:
    if wanted.all():
        return columns
    return {name: column.filter(pa.array(wanted)) for name, column in columns.items()}


def _rows(columns: Columns) -> Iterator[dict[str, Any]]:
    """What each row says; null is left out."""
    for values in zip(*(column.to_pylist() for column in columns.values()), strict=True):
        yield {name: value for name, value in zip(columns, values, strict=True) if value is not None}


def _frame(row: Mapping[str, Any]) -> Given:
    """The plain frame of a row."""
    try:
        meta = _meta(row)
    except InvalidFrame as error:
        return Refused(str(row.get("id", "")), error)
    source = {name: row[name] for name in _SOURCE if name in row}
    frame = {name: row[name] for name in _FRAME if name in row}
    annotations = list(map(_annotation, row.get("rois", ())))
    return {**frame, "sources": [{"id": "default", **source}], "annotations": annotations, "meta": meta}


def _annotation(roi: Mapping[str, Any] | None) -> dict[str, Any]:
    annotation = {name: value for name, value in (roi or {}).items() if value is not None}
    if "box" in annotation:
        annotation["geometry"] = {"box": annotation.pop("box")}
    return annotation


def _meta(row: Mapping[str, Any]) -> dict[str, Any]:
    """`meta_json`, and single keys from columns such as `meta.city`."""
    meta = _from_json(row.get("meta_json"))
    for name in sorted(row):
        if name.startswith(META):
            *objects, last = name.removeprefix(META).split(".")
            _inner(meta, objects)[last] = row[name]
    return meta


def _from_json(text: Any) -> dict[str, Any]:
    try:
        meta = orjson.loads(text) if text else {}
    except ValueError:
        meta = None
    if not isinstance(meta, dict):
        raise InvalidFrame("meta_json: expected the JSON text of an object")
    return meta


def _inner(meta: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    for key in path:
        inner = meta.setdefault(key, {})
        if not isinstance(inner, dict):
            raise InvalidFrame(f"meta_json: `{key[:60]}` is a value, and a column takes it for an object")
        meta = inner
    return meta
