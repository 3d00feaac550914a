"""Lance: the two tables as datasets with scalar indexes; it has no joins, so sets of frames meet in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.engine.changes import CHANGED_SET, Change, Plan
from benchmarks.engine.filters import Filter
from benchmarks.engine.peers.protocol import Page, Peer
from benchmarks.engine.peers.sql import PAGE, by_label

NAME = "Lance"
_INDEXES = {
    "frames": {"frame": "BTREE", "city": "BITMAP", "weather": "BITMAP", "device": "BTREE", "score": "BTREE",
               "captured": "BTREE"},
    "rois": {"frame": "BTREE", "set_id": "BITMAP", "confidence": "BTREE"},
}  # fmt: skip


def load(folder: Path, plan: Plan) -> None:
    for table, indexes in _INDEXES.items():
        file = pq.ParquetFile(folder / f"{table}.parquet")
        reader = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(100_000))
        dataset = lance.write_dataset(reader, str(folder / f"{table}.lance"), enable_stable_row_ids=True)
        for column, kind in indexes.items():
            dataset.create_scalar_index(column, kind)


def connect(folder: Path) -> Peer:
    return LancePeer(lance.dataset(str(folder / "frames.lance")), lance.dataset(str(folder / "rois.lance")))


def files(folder: Path) -> list[Path]:
    return [each for table in _INDEXES for each in (folder / f"{table}.lance").rglob("*") if each.is_file()]


@dataclass(frozen=True, slots=True)
class LancePeer:
    frames: lance.LanceDataset
    rois: lance.LanceDataset

    def count(self, asked: Filter) -> int:
        if not asked.on_rois:
            return int(self.frames.count_rows(filter=_dates(asked.on_frames)))
        return len(self._matching(asked))

    def page(self, asked: Filter, *, offset: int = 0, by_score: bool = False) -> Page:
        found = self._matching(asked)
        if by_score:
            table = self.frames.to_table(columns=["frame", "score"])
            kept = np.isin(table["frame"].to_numpy(), found)
            frames, scores = table["frame"].to_numpy()[kept], table["score"].to_numpy()[kept]
            found = frames[np.lexsort((frames, -scores))]
        numbers = found[offset : offset + PAGE]
        listed = f"frame IN ({', '.join(map(str, numbers))})"
        rows = {row["frame"]: row for row in self.frames.to_table(filter=listed).to_pylist()}
        self.rois.to_table(filter=listed).to_pylist()
        return Page([rows[n]["id"] for n in numbers], [rows[n]["score"] for n in numbers])

    def label_counts(self, asked: Filter) -> dict[str, int]:
        found, rois = self._matching(asked), self.rois.to_table(columns=["frame", "set_id"])
        sets = rois["set_id"].to_numpy()[np.isin(rois["frame"].to_numpy(), found)]
        numbers, counts = np.unique(sets, return_counts=True)
        return by_label(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))

    def union(self, asked: Sequence[Filter]) -> int:
        return len(reduce(np.union1d, [self._matching(each) for each in asked]))

    def another(self) -> Peer:
        return self

    def change(self, change: Change) -> LancePeer:
        """A new version with these frames changed."""
        frames = self.frames.to_table(filter=change.where)
        frames = _with(_with(frames, "weather", change.weather), "score", change.score)
        self.frames.merge_insert("frame").when_matched_update_all().execute(frames)
        rois = self.rois.to_table(filter=f"roi = 0 AND {change.where}")
        rois = _with(_with(rois, "set_id", CHANGED_SET), "confidence", change.confidence)
        self.rois.merge_insert(["frame", "roi"]).when_matched_update_all().execute(rois)
        return LancePeer(lance.dataset(self.frames.uri), lance.dataset(self.rois.uri))

    @property
    def versions(self) -> tuple[int, int]:
        return self.frames.version, self.rois.version

    def restore(self, versions: tuple[int, int]) -> None:
        """Makes these the newest again, so that the next run finds the data as generated."""
        for dataset, version in zip((self.frames, self.rois), versions, strict=True):
            lance.dataset(dataset.uri, version=version).restore()

    def changed_since(self, version: int) -> int:
        """How many frames differ from an earlier version."""
        updated = self.frames.delta(compared_against=version).get_updated_rows()
        return int(pa.Table.from_batches(list(updated)).num_rows)

    def _matching(self, asked: Filter) -> np.ndarray[Any, Any]:
        """Numbers of the frames, sorted."""
        found = None
        if asked.on_frames or asked.without:
            found = _numbers(self.frames, _dates(asked.on_frames) or None)
        if asked.on_rois:
            held, counts = np.unique(_numbers(self.rois, asked.on_rois), return_counts=True)
            if asked.count:
                held = held[(counts >= asked.count[0]) & (counts <= asked.count[1])]
            if found is None:
                return held
            found = np.setdiff1d(found, held, assume_unique=True) if asked.without else np.intersect1d(found, held)
        assert found is not None
        return np.sort(found)


def _numbers(dataset: lance.LanceDataset, where: str | None) -> np.ndarray[Any, Any]:
    numbers: np.ndarray[Any, Any] = dataset.to_table(columns=["frame"], filter=where)["frame"].to_numpy()
    return numbers


def _dates(where: str) -> str:
    """Lance compares dates with dates only."""
    before, between, after = where.partition("captured BETWEEN ")
    return f"{before}{between}date {after.replace(' AND ', ' AND date ')}" if between else where


def _with(table: pa.Table, name: str, value: Any) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, name, pa.array([value] * len(table), table.schema.field(name).type))
