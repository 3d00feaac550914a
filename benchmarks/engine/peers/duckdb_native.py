"""DuckDB over its own file, ROIs sorted by label set."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.engine.changes import Plan
from benchmarks.engine.peers import duckdb_parquet
from benchmarks.engine.peers.protocol import Peer

NAME = "DuckDB native"


def load(folder: Path, plan: Plan) -> None:
    with duckdb.connect(_file(folder)) as connection:
        connection.execute("SET enable_progress_bar = false")
        for table, order in (("frames", ""), ("rois", " ORDER BY set_id, frame")):
            source = f"read_parquet('{folder / table}.parquet')"
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {source}{order}")
        for table, added in zip(("added_frames", "added_rois"), plan.added_tables(), strict=True):
            connection.register("made", pa.Table.from_batches([added]))
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM made")


def connect(folder: Path) -> Peer:
    return duckdb_parquet.peer(duckdb.connect(_file(folder)))


def files(folder: Path) -> list[Path]:
    return [_file(folder)]


def _file(folder: Path) -> Path:
    return folder / "native.duckdb"
