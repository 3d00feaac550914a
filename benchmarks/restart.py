"""Start of the service with many frames stored, against opening the same database with SQLite and counting."""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path

from benchmarks.measure import Figure, seconds, server
from benchmarks.writing import frames
from hyperdatasets.client import bulk
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion


def run(folder: Path, *, scale: float) -> list[Figure]:
    count = int(1_000_000 * scale)
    command = ("metadata_service", "--data", str(folder / "service"), "--port", "0")
    with server(*command) as address:
        client = MetadataClient(ClientConfig(service=address, timeout_s=3_600))
        Dataset.create("many", client=client)
        draft = DatasetVersion.get_current("many", client=client)
        made = frames(count)
        while part := list(islice(made, 100_000)):
            bulk.write(client, part, dataset=draft.dataset_id, version=draft.id)
            draft.count(roi_query="car")
        client.close()
    took = seconds(lambda: _start_and_ask(command, count))
    alone = seconds(lambda: _count(folder / "service" / "metadata.db"))
    return [Figure(
        f"start of the service with {count} frames stored, to the first answered query", f"{took:.2f} s",
        f"{alone:.2f} s: SQLite opens the same file and counts the frames", f"{alone / took:.2f}", "1 s",
    )]  # fmt: skip


def _start_and_ask(command: tuple[str, ...], count: int) -> None:
    with server(*command) as address:
        client = MetadataClient(ClientConfig(service=address))
        found = DatasetVersion.get_current("many", client=client).count(frame_query="meta.city:ulm")
        assert found == (count + 2) // 3, found
        client.close()


def _count(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("SELECT SUM(count) FROM blocks").fetchone()
    connection.close()
