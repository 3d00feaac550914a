"""SQLite with an index that covers each of the filters."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.engine.changes import Plan
from benchmarks.engine.peers.protocol import Peer
from benchmarks.engine.peers.sql import SqlPeer

NAME = "SQLite"
_INDEXES = (
    "rois (set_id, frame, confidence)", "rois (frame, set_id, confidence)",
    "frames (weather, city, score)", "frames (captured, score)", "frames (device)", "frames (score)",
)  # fmt: skip


def load(folder: Path, plan: Plan) -> None:
    connection = sqlite3.connect(_file(folder))
    connection.execute("PRAGMA journal_mode = WAL")
    for table, key in (("frames", "frame"), ("rois", "frame, roi")):
        file = pq.ParquetFile(folder / f"{table}.parquet")
        names = file.schema_arrow.names
        connection.execute(f"CREATE TABLE {table} ({', '.join(names)}, PRIMARY KEY ({key})) WITHOUT ROWID")
        insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})"
        for batch in file.iter_batches(50_000):
            columns = [column.to_pylist() for column in batch.columns]
            if "captured" in names:
                columns[names.index("captured")] = [str(day) for day in columns[names.index("captured")]]
            connection.executemany(insert, zip(*columns, strict=True))
        connection.commit()
    for number, each in enumerate(_INDEXES):
        connection.execute(f"CREATE INDEX by_{number} ON {each}")
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def connect(folder: Path) -> Peer:
    connection = sqlite3.connect(_file(folder))
    connection.execute("PRAGMA mmap_size = 17179869184")
    connection.execute("PRAGMA cache_size = -1000000")
    return SqlPeer(lambda sql: connection.execute(sql).fetchall(), lambda: connect(folder))


def files(folder: Path) -> list[Path]:
    return [_file(folder)]


def _file(folder: Path) -> Path:
    return folder / "sqlite.db"
