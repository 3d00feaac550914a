"""Bulk writes over gRPC, against SQLite alone with the same rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, seconds, server
from hyperdatasets.client import bulk
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.canonical import canonical_bytes
from hyperdatasets.core.normalise import normalise

_LABELS = ("car", "person", "bus", "bicycle", "sign", "tree", "dog")


def frames(count: int) -> Iterator[dict[str, Any]]:
    """Frames with 7 ROIs and 8 keys of metadata."""
    for number in range(count):
        rois = [
            {"id": f"{number}-{place}", "labels": [label], "confidence": 0.5,
             "geometry": {"box": [float(10 * place), 5.0, 50.0, 40.0]}}
            for place, label in enumerate(_LABELS)
        ]  # fmt: skip
        yield {
            "id": f"frame-{number:08}", "context_id": f"ride-{number // 100}", "timestamp": 40 * number,
            "sources": [{"id": "default", "uri": f"s3://bench/{number}.jpg", "width": 1280, "height": 720}],
            "annotations": rois,
            "meta": {"city": ("ulm", "bremen", "berlin")[number % 3], "score": number % 97 / 97, "night": True,
                     "device": f"d{number % 50}", "date": "2024-10-20", "n": number, "tags": ["a"], "x": "y"},
        }  # fmt: skip


def run(folder: Path, *, scale: float) -> list[Figure]:
    count = int(100_000 * scale)
    listed = list(frames(count))
    with server("metadata_service", "--data", str(folder / "service"), "--port", "0") as address:
        client = MetadataClient(ClientConfig(service=address))
        Dataset.create("bulk", client=client)
        draft = DatasetVersion.get_current("bulk", client=client)
        took = seconds(lambda: bulk.write(client, listed, dataset=draft.dataset_id, version=draft.id))
        first = seconds(lambda: draft.count(roi_query="car"))
        again = seconds(lambda: draft.count(roi_query="person AND confidence:>.2"))
        client.close()
    alone = seconds(lambda: _sqlite(folder / "alone.db", listed))
    return [
        Figure(
            f"bulk write of {count} frames with 7 ROIs over gRPC", f"{count / took:.0f} frames/s",
            f"{count / alone:.0f} /s: the same rows into SQLite in process", f"{alone / took:.2f}", "15,000 frames/s",
        ),
        Figure("first query after it (the index is made)", f"{first:.1f} s", "a query after that: "
               f"{again * 1000:.0f} ms", "", ""),
    ]  # fmt: skip


def _sqlite(path: Path, listed: list[dict[str, Any]]) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE frames (revision INTEGER PRIMARY KEY, id TEXT, payload BLOB)")
    connection.execute("CREATE INDEX by_id ON frames (id)")
    for start in range(0, len(listed), 1_000):
        rows = [
            (start + i, each["id"], canonical_bytes(normalise(each)[0]))
            for i, each in enumerate(listed[start : start + 1_000])
        ]
        with connection:
            connection.executemany("INSERT INTO frames VALUES (?, ?, ?)", rows)
    connection.close()
