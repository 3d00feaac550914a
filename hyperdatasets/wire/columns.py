"""Frames as columns: an Arrow IPC stream in, plain frames out. What `docs/bulk-writes.md` says is checked here.

Most batches hold usual frames (one source, upright boxes inside of it, printable texts). Those are checked a column
at a time and made in their normal form; any other batch goes the way of single frames, which says what is wrong
with which frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from hyperdatasets.core.errors import InvalidArgument, InvalidFrame, Unimplemented
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.core.normalise import MAX_ANNOTATIONS, MAX_ID, MAX_LABEL, MAX_URI, UNBOUNDED, fill_ids

try:
    import pyarrow as pa
except ImportError:  # an extra
    pa = None

_TEXTS = ("id", "site", "context_id")
_SOURCE_TEXTS = ("uri", "content_type", "digest")
_SOURCE_NUMBERS = ("width", "height", "size_bytes")
_ROI = ("id", "labels", "confidence", "origin", "box")
_KNOWN = (*_TEXTS, "timestamp", *_SOURCE_TEXTS, *_SOURCE_NUMBERS, "meta_json", "rois")
_META = "meta."
Column = list[Any]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Plain frames; `normal` if they are in their normal form already. `errors` names those that cannot be read."""

    frames: list[dict[str, Any]]
    errors: Mapping[int, InvalidFrame]
    normal: bool


@dataclass(frozen=True, slots=True)
class _Rois:
    """ROIs of all frames end to end; `ends` has where each frame's end."""

    ends: list[int]
    columns: Mapping[str, Column]
    boxes: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def size(self) -> int:
        return len(self.columns["labels"])


def decode(data: bytes) -> Decoded:
    """Frames of an Arrow IPC stream.

    Raises:
        InvalidArgument: the bytes are no such stream, or a column is unknown or of another type.
        Unimplemented: pyarrow is not installed here.
    """
    table = _table(data)
    columns = {name: _values(table.column(name)) for name in table.column_names if name != "rois"}
    rois = _rois(table.column("rois").combine_chunks()) if "rois" in table.column_names else None
    metas, errors = _metas(columns, table.num_rows)
    normal = not errors and _usual(columns, metas) and (rois is None or _usual_rois(rois, columns))
    frames = _frames(columns, metas)
    if rois is not None:
        normal = _add_rois(frames, rois, normal=normal)
    return Decoded(frames, errors, normal)


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
        table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
        table.validate(full=True)
    except pa.ArrowException as error:
        raise InvalidArgument(f"columns: expected an Arrow IPC stream: {str(error)[:200]}") from None
    if len(set(table.column_names)) != len(table.column_names):
        raise InvalidArgument("columns: a column's name occurs twice")
    for name in table.column_names:
        if name not in _KNOWN and not name.startswith(_META):
            raise InvalidArgument(f"columns: there is no column `{name[:60]}`.{did_you_mean(nearest(name, _KNOWN))}")
        if name.startswith(_META):
            _check_meta(name, table)
    return table.combine_chunks()


def _values(column: Any) -> Column:
    """Values as Python has them; dates and times as text."""
    values: Column = column.to_pylist()
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return [value and value.isoformat() for value in values]
    return values


def _check_meta(name: str, table: Any) -> None:
    kind = table.schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(fits(kind) for fits in (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean,
        pa.types.is_date, pa.types.is_timestamp,
    )):  # fmt: skip
        raise InvalidArgument(f"columns: `{name[:60]}` is {kind}; use text, numbers, booleans, dates, or `meta_json`")
    if any(other.startswith(f"{name}.") for other in table.column_names):
        raise InvalidArgument(f"columns: `{name[:60]}` is a value, and other columns take it for an object")


def _metas(columns: Mapping[str, Column], rows: int) -> tuple[list[dict[str, Any]], dict[int, InvalidFrame]]:
    """`meta` of each frame: `meta_json`, and single keys from columns such as `meta.city`; null = absent."""
    errors: dict[int, InvalidFrame] = {}
    metas: list[dict[str, Any]] = [{} for _ in range(rows)]
    for row, text in enumerate(columns.get("meta_json", ())):
        if text:
            try:
                metas[row] = dict(orjson.loads(text))
            except (ValueError, TypeError):
                errors[row] = InvalidFrame("meta_json: expected the JSON text of an object")
    for name in sorted(columns):
        if name.startswith(_META):
            *objects, key = name.removeprefix(_META).split(".")
            for meta, value in zip(metas, columns[name], strict=True):
                if value is not None:
                    _inner(meta, objects)[key] = value
    return metas, errors


def _inner(meta: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    for key in path:
        inner = meta.setdefault(key, {})
        meta = inner if isinstance(inner, dict) else meta
    return meta


def _frames(columns: Mapping[str, Column], metas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sources = _objects(columns, (*_SOURCE_TEXTS, *_SOURCE_NUMBERS), len(metas))
    frames = _objects(columns, (*_TEXTS, "timestamp"), len(metas))
    for frame, source, meta in zip(frames, sources, metas, strict=True):
        source["id"] = "default"
        frame["sources"] = [source]
        if meta:
            frame["meta"] = meta
    return frames


def _objects(columns: Mapping[str, Column], names: Iterable[str], rows: int) -> list[dict[str, Any]]:
    """One of each row of these columns; null and empty texts are left out."""
    there = [name for name in names if name in columns]
    if not there:
        return [{} for _ in range(rows)]
    if all(None not in columns[name] and "" not in columns[name] for name in there):
        return [
            dict(zip(there, values, strict=True)) for values in zip(*(columns[name] for name in there), strict=True)
        ]
    return [
        {name: value for name, value in zip(there, values, strict=True) if value is not None and value != ""}
        for values in zip(*(columns[name] for name in there), strict=True)
    ]


def _rois(column: Any) -> _Rois:
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)) or not pa.types.is_struct(
        column.type.value_type
    ):
        raise InvalidArgument("columns: `rois` is a list of structs with labels, confidence, box, id, origin")
    structs = column.flatten()
    names = [each.name for each in structs.type]
    for name in names:
        if name not in _ROI:
            raise InvalidArgument(f"columns: a ROI has no `{name[:60]}`.{did_you_mean(nearest(name, _ROI))}")
    if "labels" not in names:
        raise InvalidArgument("columns: `rois` needs `labels`, a list of texts")
    parts = dict(zip(names, structs.flatten(), strict=True))
    lengths = np.diff(column.offsets.to_numpy())
    lengths[column.is_null().to_numpy(zero_copy_only=False)] = 0
    boxes = _boxes(parts.pop("box")) if "box" in parts else np.full((len(structs), 4), np.nan)
    columns = {name: part.to_pylist() for name, part in parts.items()}
    return _Rois(np.cumsum(lengths).tolist(), columns, boxes)


def _boxes(column: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """x, y, width, height; NaN where a ROI has no box."""
    if not pa.types.is_fixed_size_list(column.type) or column.type.list_size != 4:
        raise InvalidArgument("columns: `box` is a list of fixed size 4: x, y, width, height")
    numbers: np.ndarray[Any, np.dtype[np.float64]] = column.values.cast(pa.float64()).fill_null(math.nan).to_numpy()
    boxes = numbers[4 * column.offset : 4 * (column.offset + len(column))].reshape(-1, 4).copy()
    boxes[column.is_null().to_numpy(zero_copy_only=False)] = math.nan
    return boxes


def _usual(columns: Mapping[str, Column], metas: list[dict[str, Any]]) -> bool:
    """Texts that are printable and short, whole numbers that are not negative, metadata of plain values."""
    limits = {**dict.fromkeys(_TEXTS, MAX_ID), **dict.fromkeys(_SOURCE_TEXTS, MAX_URI)}
    if "id" not in columns or "uri" not in columns or not all(columns["id"]) or not all(columns["uri"]):
        return False
    for name, limit in limits.items():
        texts = [text for text in columns.get(name, ()) if text is not None]
        if not _short(texts, limit):
            return False
    for name in _SOURCE_NUMBERS:
        numbers = [number for number in columns.get(name, ()) if number is not None]
        if set(map(type, numbers)) - {int} or (numbers and min(numbers) < 0):
            return False
    if set(map(type, columns.get("timestamp", ()))) - {int, type(None)} or "meta_json" in columns:
        return False
    return all(map(_plain_column, (columns[name] for name in columns if name.startswith(_META)))) and (
        len(orjson.dumps(metas)) <= 1 << 20 or max(len(orjson.dumps(meta)) for meta in metas) <= 1 << 20
    )


def _plain_column(values: Column) -> bool:
    kinds = set(map(type, values))
    if str in kinds and not _short([value for value in values if type(value) is str], 1 << 20):
        return False
    numbers = [value for value in values if type(value) is int]
    if numbers and not (min(numbers) >= -(1 << 63) and max(numbers) < 1 << 63):
        return False
    if float in kinds and not math.isfinite(sum(value for value in values if type(value) is float)):
        return False
    return kinds <= {str, int, float, bool, type(None)}


def _short(texts: list[Any], limit: int) -> bool:
    """Whether these are texts, printable (most at once), none longer than the limit."""
    if set(map(type, texts)) - {str}:
        return False
    return not texts or ("".join(texts).isprintable() and max(map(len, texts)) <= limit)


def _usual_rois(rois: _Rois, columns: Mapping[str, Column]) -> bool:
    """Labelled upright boxes inside of their picture, with a confidence from 0 to 1 or none."""
    labels = rois.columns["labels"]
    if not all(labels) or not _short([label for each in labels for label in each], MAX_LABEL):
        return False
    if any(len(each) > 1 and (len(set(each)) < len(each)) for each in labels) or not all(map(all, labels)):
        return False
    known = [value for value in rois.columns.get("confidence", ()) if value is not None]
    if set(map(type, known)) - {float} or (known and not (min(known) >= 0 and max(known) <= 1)):
        return False
    for name in ("id", "origin"):
        if not _short([text for text in rois.columns.get(name, ()) if text is not None], MAX_ID):
            return False
    sizes = _sizes(columns, len(rois.ends))
    limits = np.repeat(sizes, np.diff([0, *rois.ends]), axis=0)
    low, extent = rois.boxes[:, :2], rois.boxes[:, 2:]
    return bool((low >= 0).all() and (extent > 0).all() and (extent <= limits - low).all())


def _sizes(columns: Mapping[str, Column], rows: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Width and height of each picture, `UNBOUNDED` unless both are known; shape (rows, 2)."""
    nothing: Column = [None] * rows
    sides = [np.array(columns.get(name, nothing), np.float64) for name in ("width", "height")]
    sizes = np.stack(sides, axis=1)
    sizes[~(sizes > 0).all(axis=1)] = UNBOUNDED
    return sizes


def _add_rois(frames: list[dict[str, Any]], rois: _Rois, *, normal: bool) -> bool:
    """Gives each frame its annotations; whether all are in their normal form."""
    annotations = _annotations(rois)
    start = 0
    for frame, end in zip(frames, rois.ends, strict=True):
        mine = annotations[start:end]
        start = end
        if not mine:
            continue
        frame["annotations"] = mine
        if normal:
            fill_ids(mine)
            mine.sort(key=_id_of)
            normal = len(mine) <= MAX_ANNOTATIONS and len(set(map(_id_of, mine))) == len(mine)
    return normal


def _annotations(rois: _Rois) -> list[dict[str, Any]]:
    nothing: Column = [None] * rois.size
    ids, confidences, origins = (rois.columns.get(name, nothing) for name in ("id", "confidence", "origin"))
    has_box = ~np.isnan(rois.boxes).all(axis=1)
    boxes = (rois.boxes + 0.0).tolist()
    if has_box.all() and None not in confidences and not any(origins) and all(ids):
        return [
            {"id": annotation_id, "labels": labels, "geometry": {"box": box}, "confidence": confidence + 0.0}
            for annotation_id, labels, confidence, box in zip(
                ids, rois.columns["labels"], confidences, boxes, strict=True
            )
        ]
    made = []
    for annotation_id, labels, confidence, origin, box, boxed in zip(
        ids, rois.columns["labels"], confidences, origins, boxes, has_box.tolist(), strict=True
    ):
        annotation: dict[str, Any] = {"id": annotation_id or "", "labels": labels}
        if boxed:
            annotation["geometry"] = {"box": box}
        if confidence is not None:
            annotation["confidence"] = confidence + 0.0
        if origin:
            annotation["origin"] = origin
        made.append(annotation)
    return made


def _id_of(annotation: Mapping[str, Any]) -> Any:
    return annotation["id"]
