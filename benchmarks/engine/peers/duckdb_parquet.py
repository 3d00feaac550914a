"""DuckDB over the generated zstd Parquet files."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.engine import generator
from benchmarks.engine.changes import Plan
from benchmarks.engine.peers.protocol import Peer
from benchmarks.engine.peers.sql import SqlPeer

NAME = "DuckDB on Parquet"


def load(folder: Path, plan: Plan) -> None:
    """Nothing to do: it reads the files where they are."""


def connect(folder: Path) -> Peer:
    connection = duckdb.connect()
    for table in ("frames", "rois"):
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{folder / table}.parquet')")
    return peer(connection)


def files(folder: Path) -> list[Path]:
    return generator.files(folder)


def peer(connection: duckdb.DuckDBPyConnection) -> SqlPeer:
    connection.execute("SET enable_progress_bar = false")
    return SqlPeer(lambda sql: connection.execute(sql).fetchall(), lambda: peer(connection.cursor()))
