"""Frames of street scenes as two flat tables, seeded; any stretch of them can be made by itself.

frames: number, id, context, time, source, eight keys of metadata. rois: frame, place in it, label set, confidence, box.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 7
BATCH = 100_000  # frames made at once
WIDTH, HEIGHT = 1280, 720
FIRST_DAY = dt.date(2024, 1, 1)
DAYS = 730

OBJECTS = (
    "car", "person", "traffic sign", "traffic light", "truck", "bicycle", "bus", "pole", "tree", "rider",
    "motorcycle", "bench", "dog", "trailer", "tram", "stroller", "cone", "barrier", "wheelchair", "animal",
)  # fmt: skip
_OBJECT_WEIGHTS = 1 / np.arange(1, len(OBJECTS) + 1) ** 0.9
_ATTRIBUTES = ((), ("occluded",), ("truncated",), ("occluded", "truncated"))
_ATTRIBUTE_WEIGHTS = np.array([0.68, 0.18, 0.10, 0.04])
LABEL_SETS: tuple[tuple[str, ...], ...] = tuple((name, *more) for name in OBJECTS for more in _ATTRIBUTES)
_SET_WEIGHTS = np.outer(_OBJECT_WEIGHTS, _ATTRIBUTE_WEIGHTS).ravel() / _OBJECT_WEIGHTS.sum()

CITIES = tuple(f"{place} {side}" for place in (
    "Bremen", "Ulm", "Berlin", "Graz", "Basel", "Lyon", "Porto", "Turin", "Ghent", "Oslo", "Riga", "Split",
) for side in ("North", "East", "South", "West"))  # fmt: skip
WEATHERS = ("clear", "rain", "overcast", "fog", "snow", "drizzle", "hail", "storm")
_WEATHER_WEIGHTS = np.array([0.40, 0.20, 0.18, 0.08, 0.06, 0.05, 0.02, 0.01])
DEVICES = tuple(f"device-{number:04}" for number in range(2_000))
OPERATORS = tuple(f"operator-{number:02}" for number in range(25))

FRAMES_SCHEMA = pa.schema([
    ("frame", pa.int64()), ("id", pa.string()), ("context_id", pa.string()), ("timestamp", pa.int64()),
    ("uri", pa.string()), ("width", pa.int32()), ("height", pa.int32()),
    ("city", pa.string()), ("weather", pa.string()), ("device", pa.string()), ("score", pa.float64()),
    ("captured", pa.date32()), ("night", pa.bool_()), ("speed", pa.int32()), ("operator", pa.string()),
])  # fmt: skip
ROIS_SCHEMA = pa.schema([
    ("frame", pa.int64()), ("roi", pa.int16()), ("set_id", pa.int16()), ("confidence", pa.float64()),
    ("x", pa.float32()), ("y", pa.float32()), ("w", pa.float32()), ("h", pa.float32()),
])  # fmt: skip
META = ("city", "weather", "device", "score", "captured", "night", "speed", "operator")


def sets_with(*labels: str) -> list[int]:
    """Numbers of the label sets that hold all of these labels."""
    return [number for number, each in enumerate(LABEL_SETS) if set(labels) <= set(each)]


def batches(count: int) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """(frames, rois) of frames 0 to count - 1."""
    for first in range(0, count, BATCH):
        yield batch(first, min(BATCH, count - first))


def batch(first: int, count: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(frames, rois) of `count` frames from number `first`; the same for the same arguments."""
    rng = np.random.default_rng([SEED, first])
    numbers = np.arange(first, first + count)
    rides = numbers // 100
    days = (rng.beta(2, 1.3, count) * DAYS).astype(np.int32)
    midnight = (np.datetime64(FIRST_DAY) - np.datetime64("1970-01-01")).astype(int) + days
    frames = pa.RecordBatch.from_arrays([
        pa.array(numbers),
        pa.array([f"frame-{number:08}" for number in numbers.tolist()]),
        pa.array([f"ride-{ride:06}" for ride in rides.tolist()]),
        pa.array(midnight.astype(np.int64) * 86_400_000 + 40 * numbers % 86_400_000),
        pa.array([f"s3://rides/{number // 100:06}/{number:08}.jpg" for number in numbers.tolist()]),
        pa.array(np.full(count, WIDTH, np.int32)), pa.array(np.full(count, HEIGHT, np.int32)),
        _drawn(CITIES, (rng.beta(1, 3, count) * len(CITIES)).astype(np.int32)),
        _drawn(WEATHERS, rng.choice(len(WEATHERS), count, p=_WEATHER_WEIGHTS)),
        _drawn(DEVICES, (rng.beta(1, 1.6, count) * len(DEVICES)).astype(np.int32)),
        pa.array(rng.random(count).round(4)),
        pa.array(midnight.astype(np.int32)).cast(pa.date32()),
        pa.array(rng.random(count) < 0.3), pa.array(rng.integers(0, 131, count, dtype=np.int32)),
        _drawn(OPERATORS, rng.integers(0, len(OPERATORS), count)),
    ], schema=FRAMES_SCHEMA)  # fmt: skip
    return frames, _rois(rng, first, count)


def _rois(rng: np.random.Generator, first: int, count: int) -> pa.RecordBatch:
    each = rng.negative_binomial(3, 0.3, count)  # 7 on average, widely spread
    total = int(each.sum())
    starts = np.cumsum(each) - each
    width, height = rng.integers(8, 400, total), rng.integers(8, 300, total)
    return pa.RecordBatch.from_arrays([
        pa.array(np.repeat(np.arange(first, first + count), each)),
        pa.array((np.arange(total) - np.repeat(starts, each)).astype(np.int16)),
        pa.array(rng.choice(len(LABEL_SETS), total, p=_SET_WEIGHTS).astype(np.int16)),
        pa.array(rng.beta(5, 2, total).round(3)),
        pa.array((rng.random(total) * (WIDTH - width)).astype(np.int32).astype(np.float32)),
        pa.array((rng.random(total) * (HEIGHT - height)).astype(np.int32).astype(np.float32)),
        pa.array(width.astype(np.float32)), pa.array(height.astype(np.float32)),
    ], schema=ROIS_SCHEMA)  # fmt: skip


def _drawn(values: tuple[str, ...], codes: np.ndarray[Any, Any]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values)).cast(pa.string())


def files(folder: Path) -> list[Path]:
    return [folder / "frames.parquet", folder / "rois.parquet"]


def write_parquet(folder: Path, count: int) -> None:
    """`frames.parquet` and `rois.parquet` (zstd), unless they are there."""
    done = folder / "generated"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {"compression": "zstd", "compression_level": 3}
    frames_path, rois_path = files(folder)
    with (
        pq.ParquetWriter(frames_path, FRAMES_SCHEMA, **settings) as frames_file,
        pq.ParquetWriter(rois_path, ROIS_SCHEMA, **settings) as rois_file,
    ):
        for frames, rois in batches(count):
            frames_file.write_batch(frames)
            rois_file.write_batch(rois)
    done.touch()


def plain(frames: pa.RecordBatch, rois: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The same frames in the form that users write."""
    columns = {name: rois.column(name).to_pylist() for name in ROIS_SCHEMA.names}
    starts = np.searchsorted(rois.column("frame").to_numpy(), frames.column("frame").to_numpy()).tolist()
    ends = [*starts[1:], rois.num_rows]
    made = [
        {"id": str(place), "labels": list(LABEL_SETS[number]), "confidence": confidence, "geometry": {"box": box}}
        for place, number, confidence, *box in zip(
            *(columns[name] for name in ROIS_SCHEMA.names if name != "frame"), strict=True
        )
    ]  # fmt: skip
    for row, start, end in zip(frames.to_pylist(), starts, ends, strict=True):
        meta = {name: row[name] for name in META} | {"captured": row["captured"].isoformat()}
        yield {
            "id": row["id"], "context_id": row["context_id"], "timestamp": row["timestamp"],
            "sources": [{"id": "default", "uri": row["uri"], "width": row["width"], "height": row["height"]}],
            "annotations": made[start:end], "meta": meta,
        }  # fmt: skip


def columns(frames: pa.RecordBatch, rois: pa.RecordBatch) -> pa.Table:
    """The same frames as a table of a row each, as users write many at once."""
    starts = np.searchsorted(rois.column("frame").to_numpy(), frames.column("frame").to_numpy())
    box = np.stack([rois.column(name).to_numpy().astype(np.float64) for name in "xywh"], axis=1)
    fields = {
        "id": rois.column("roi").cast(pa.string()),
        "labels": pa.array(LABEL_SETS, pa.list_(pa.string())).take(rois.column("set_id")),
        "confidence": rois.column("confidence"),
        "box": pa.FixedSizeListArray.from_arrays(pa.array(box.ravel()), 4),
    }
    listed = pa.ListArray.from_arrays(
        pa.array([*starts.tolist(), rois.num_rows], pa.int32()),
        pa.StructArray.from_arrays(list(fields.values()), list(fields)),
    )
    own = ("id", "context_id", "timestamp", "uri", "width", "height")
    return pa.table(
        {name: frames.column(name) for name in own}
        | {f"meta.{name}": frames.column(name) for name in META}
        | {"rois": listed}
    )
