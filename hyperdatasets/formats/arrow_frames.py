"""Frames as columns, as bulk writes have them (docs/bulk-writes.md), and back.

What has no column is in one more, `frame_json`: the whole frame as JSON text, in rows that need it.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.formats.arrow_files import pa
from hyperdatasets.formats.json_lines import exact
from hyperdatasets.formats.jsonl import line_of
from hyperdatasets.formats.rows import plain_value

WHOLE, META_JSON, META, ROIS = "frame_json", "meta_json", "meta.", "rois"
_FRAME = ("id", "site", "context_id", "timestamp")
_SOURCE = ("uri", "content_type", "digest", "width", "height", "size_bytes")
_KNOWN = frozenset({*_FRAME, *_SOURCE, META_JSON, ROIS, WHOLE})
_ROI = frozenset({"id", "labels", "confidence", "origin", "geometry"})


def are_frames(columns: Collection[str]) -> bool:
    """Whether columns are those of bulk writes."""
    if "uri" not in columns:
        return False
    telling = {ROIS, META_JSON, WHOLE} & set(columns)
    return bool(telling) or all(name in _KNOWN or name.startswith(META) for name in columns)


def schema() -> Any:
    """Of pyarrow, with all columns that are written."""
    text, number = pa.string(), pa.int64()
    roi = [
        ("id", text), ("labels", pa.list_(text)), ("confidence", pa.float64()), ("origin", text),
        ("box", pa.list_(pa.float64())),
    ]  # fmt: skip
    return pa.schema([
        ("id", text), ("site", text), ("context_id", text), ("timestamp", number), ("uri", text),
        ("content_type", text), ("digest", text), ("width", number), ("height", number), ("size_bytes", number),
        (META_JSON, text), (ROIS, pa.list_(pa.struct(roi))), (WHOLE, text),
    ])  # fmt: skip


def to_row(frame: Frame) -> dict[str, Any]:
    """Columns of a frame; where they cannot hold it they are an excerpt, and `frame_json` holds it."""
    source: Mapping[str, Any] = frame["sources"][0] if frame["sources"] else {}
    row: dict[str, Any] = {name: frame[name] for name in _FRAME if name in frame}  # type: ignore[literal-required]
    row |= {name: source[name] for name in _SOURCE if name in source}
    if "meta" in frame:
        row[META_JSON] = orjson.dumps(frame["meta"]).decode()
    row[ROIS] = [_roi(each) for each in frame.get("annotations", ()) if _has_columns(each)]
    if not _fits(frame):
        row[WHOLE] = line_of(frame).decode().rstrip("\n")
    return row


def to_plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The plain frame of a row, unchecked.

    Raises:
        ValueError: JSON text of it is none.
    """
    given = {name: plain_value(value) for name, value in row.items() if value is not None}
    if WHOLE in given:
        return _whole(given[WHOLE])
    source = {"id": "default", **{name: given[name] for name in _SOURCE if name in given}}
    frame: dict[str, Any] = {name: given[name] for name in _FRAME if name in given} | {"sources": [source]}
    if rois := given.get(ROIS):
        frame["annotations"] = list(map(_annotation, rois))
    if meta := _meta(given):
        frame["meta"] = meta
    return frame


def _fits(frame: Frame) -> bool:
    sources = frame["sources"]
    simple = len(sources) == 1 and sources[0].keys() <= {"id", *_SOURCE} and sources[0]["id"] == "default"
    return simple and "blob" not in frame and all(map(_has_columns, frame.get("annotations", ())))


def _has_columns(annotation: Annotation) -> bool:
    geometry = annotation.get("geometry")
    return annotation.keys() <= _ROI and (geometry is None or len(geometry.get("box", ())) == 4)


def _roi(annotation: Annotation) -> dict[str, Any]:
    roi: dict[str, Any] = {name: value for name, value in annotation.items() if name != "geometry"}
    return roi | {"box": annotation["geometry"]["box"]} if "geometry" in annotation else roi


def _annotation(roi: Any) -> dict[str, Any]:
    annotation = {name: value for name, value in (roi or {}).items() if value is not None}
    if "box" in annotation:
        annotation["geometry"] = {"box": annotation.pop("box")}
    others = annotation.keys() - _ROI
    return annotation | {"meta": {name: annotation.pop(name) for name in sorted(others)}} if others else annotation


def _whole(text: Any) -> dict[str, Any]:
    frame = exact(str(text).encode())
    if not isinstance(frame, dict):
        raise ValueError("`frame_json`: expected an object")  # noqa: TRY004  # of the file
    if isinstance(frame.get("blob"), str):
        frame["blob"] = base64.b64decode(frame["blob"], validate=True)
    return frame


def _meta(given: Mapping[str, Any]) -> dict[str, Any]:
    """`meta_json`, single keys from columns such as `meta.city`, and columns that bulk writes do not know."""
    meta = exact(str(given[META_JSON]).encode()) if META_JSON in given else {}
    if not isinstance(meta, dict):
        raise ValueError("`meta_json`: expected an object")  # noqa: TRY004  # of the file
    for name, value in given.items():
        if name.startswith(META):
            _put(meta, name, name.removeprefix(META).split("."), value)
        elif name not in _KNOWN:
            _put(meta, name, [name], value)
    return meta


def _put(meta: dict[str, Any], column: str, path: Sequence[str], value: Any) -> None:
    """Raises ValueError: there is another value, or a value where the path needs an object."""
    *objects, last = path
    for key in objects:
        meta = meta.setdefault(key, {})
        if not isinstance(meta, dict):
            raise ValueError(f"`{column}`: `{key}` is a value in another column, not an object")  # noqa: TRY004
    if meta.setdefault(last, value) != value:
        raise ValueError(f"`{column}`: another column has another value for it")
