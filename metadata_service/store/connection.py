"""Rows of the store as SQLite keeps them: read in one moment, or written in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard
from pyroaring import BitMap
from sqlite_utils import Database

from hyperdatasets.private_folder import private_file
from metadata_service.store.blocks import Block, Codec
from metadata_service.store.heads import HeadCache
from metadata_service.store.keys import KeyCache, Keys, hashes_of, to_merge
from metadata_service.store.protocol import Head, Row

_REPACKED = 256  # blocks in one transaction
_PRAGMAS = """
    PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA mmap_size = 2147418112;
    PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384;
"""


class Connection:
    """Reads and writes rows; as a reader it sees one moment, as the writer it lies in one transaction.

    Lists of keys travel as one JSON text; CROSS JOIN makes SQLite look each up instead of scanning the table.
    """

    def __init__(self, path: Path, kept_keys: KeyCache, known_heads: HeadCache, *, writes: bool = False) -> None:
        self._kept_keys, self._known_heads, self._writes = kept_keys, known_heads, writes
        self._codec = Codec()
        self.connection = sqlite3.connect(private_file(path), isolation_level=None, check_same_thread=False, timeout=30)
        self.connection.executescript(_PRAGMAS)
        self._database = Database(self.connection)

    def one(self, table: str, **equal: Any) -> Row | None:
        return next(iter(self.rows(table, **equal)), None)

    def rows(self, table: str, *, order: str = "", **equal: Any) -> list[Row]:
        where = " AND ".join(f"[{name}] = :{name}" for name in equal) or "1"
        ordered = f" ORDER BY {order}" if order else ""
        return list(self._query(f"SELECT * FROM [{table}] WHERE {where}{ordered}", equal))

    def revisions(self, dataset: str, numbers: Sequence[int]) -> list[Row]:
        found: list[Row] = []
        for block, places in self._blocks(dataset, numbers, "*"):
            found += self._codec.rows(block, places)
        if not self._writes:  # what it reads is committed
            self._known_heads.note(dataset, found)
        return self._with_attachments(dataset, found)

    def revisions_from(self, dataset: str, first: int, limit: int) -> Iterator[Row]:
        sql = "SELECT * FROM blocks WHERE dataset = ? AND first >= ? AND first < ? ORDER BY first"
        start = self._block_of(dataset, first)
        for block in self._query(sql, (dataset, start, first + limit)):
            low, high = max(0, first - block["first"]), min(block["count"], first + limit - block["first"])
            if low < high:
                yield from self._codec.rows(block, range(low, high))

    def revisions_of(self, dataset: str, frame_ids: Sequence[str], within: BitMap) -> list[Row]:
        found, named = self._candidates(dataset, frame_ids) & within, set(frame_ids)
        return [row for row in self.revisions(dataset, list(found)) if row["frame_id"] in named]

    def heads(self, dataset: str, numbers: Sequence[int]) -> dict[int, Head]:
        found = self._known_heads.known(dataset, numbers)
        for block, places in self._blocks(dataset, set(numbers) - found.keys(), "*"):
            revisions = (block["first"] + place for place in places)
            found.update(zip(revisions, self._codec.heads(block, places), strict=True))
        return dict(sorted(found.items()))

    def heads_of(self, dataset: str, frame_ids: Sequence[str], within: BitMap) -> dict[int, Head]:
        found, named = self._candidates(dataset, frame_ids) & within, set(frame_ids)
        return {number: head for number, head in self.heads(dataset, list(found)).items() if head.frame_id in named}

    def frame_ids(self, dataset: str, numbers: Sequence[int]) -> dict[int, str]:
        found = {number: head.frame_id for number, head in self._known_heads.known(dataset, numbers).items()}
        for block, places in self._blocks(dataset, set(numbers) - found.keys(), "first, count, heads"):
            first = block["first"]
            for place, frame_id in zip(places, self._codec.frame_ids(block["heads"], places), strict=True):
                found[first + place] = frame_id
        return found

    def digests(self, dataset: str, numbers: BitMap) -> Iterator[bytes]:
        for block, places in self._blocks(dataset, numbers, "*"):
            yield b"".join(self._codec.digests(block, places))

    def seals(self, dataset: str) -> Iterator[tuple[int, int, bytes]]:
        sql = "SELECT first, count, seal FROM blocks WHERE dataset = ? AND seal IS NOT NULL ORDER BY first"
        return iter(self.connection.execute(sql, (dataset,)))

    def add_revisions(
        self, dataset: str, first: int, rows: Sequence[Mapping[str, Any]], saved: Mapping[str, Any]
    ) -> None:
        self.insert_all("blocks", [{"dataset": dataset, **saved, **block} for block in self._codec.pack(first, rows)])
        self.insert("keys", {"dataset": dataset, **Keys.of([row["frame_id"] for row in rows], first).to_row(first)})
        self._merge_keys(dataset)

    def erase(self, dataset: str, numbers: BitMap) -> None:
        for block, places in list(self._blocks(dataset, numbers, "*")):
            key = {"dataset": dataset, "first": block["first"]}
            self.update("blocks", key, self._codec.repacked(block, set(places)))
        for number in numbers:
            self.delete("attachments", dataset=dataset, revision=number)

    def repack(self, after: tuple[str, int], progress: Callable[[int], None]) -> tuple[str, int] | None:
        """Packs some blocks as they are packed today, those after a dataset and number; returns where to go on.

        A damaged one stays as it is, for `admin check` to tell.
        """
        sql = f"SELECT * FROM blocks WHERE (dataset, first) > (?, ?) ORDER BY dataset, first LIMIT {_REPACKED}"
        blocks = list(self._query(sql, after))
        for block in blocks:
            if block["seal"] is None:
                with suppress(zstandard.ZstdError, ValueError, IndexError):
                    key = {"dataset": block["dataset"], "first": block["first"]}
                    self.update("blocks", key, self._codec.repacked(block))
            progress(block["count"])
        return (blocks[-1]["dataset"], blocks[-1]["first"]) if blocks else None

    def repack_keys(self) -> None:
        for dataset, first in self.connection.execute("SELECT dataset, first FROM keys WHERE NOT packed").fetchall():
            with suppress(zstandard.ZstdError, ValueError):
                self.update("keys", {"dataset": dataset, "first": first}, self._read_keys(dataset, first).to_row(first))

    def _merge_keys(self, dataset: str) -> None:
        sql = "SELECT first, count, mark FROM keys WHERE dataset = ? ORDER BY first"
        listed = self.connection.execute(sql, (dataset,)).fetchall()
        while many := to_merge([count for _, count, _ in listed]):
            gone, start = listed[-many:], listed[-many][0]
            merged = Keys.merged(self._read_keys(dataset, first) for first, _, _ in gone)
            self.connection.execute("DELETE FROM keys WHERE dataset = ? AND first >= ?", (dataset, start))
            self.insert("keys", {"dataset": dataset, **merged.to_row(start)})
            listed[-many:] = [(start, len(merged.hashes), 0)]

    def _block_of(self, dataset: str, number: int) -> int:
        """First number of the block that a revision lies in."""
        sql = "SELECT max(first) FROM blocks WHERE dataset = ? AND first <= ?"
        return int(self.connection.execute(sql, (dataset, number)).fetchone()[0] or 0)

    def _blocks(self, dataset: str, numbers: Iterable[int], columns: str) -> Iterator[tuple[Block, list[int]]]:
        """Each block that holds some of these revisions, ascending, with their places in it."""
        sql = f"SELECT {columns} FROM blocks WHERE dataset = ? AND first <= ? ORDER BY first DESC LIMIT 1"
        cursor = self.connection.cursor()
        cursor.row_factory = sqlite3.Row
        block: Any = None
        first = end = 0
        places: list[int] = []
        for number in numbers if isinstance(numbers, BitMap) else sorted(set(numbers)):
            if number >= end:
                if places:
                    yield block, places
                block, places = cursor.execute(sql, (dataset, number)).fetchone(), []
                first, end = (block["first"], block["first"] + block["count"]) if block else (0, 0)
            if number < end:
                places.append(number - first)
        if places:
            yield block, places

    def _with_attachments(self, dataset: str, rows: list[Row]) -> list[Row]:
        sql = """
            SELECT a.revision, a.blob, a.previews_json FROM json_each(?) AS wanted
            CROSS JOIN attachments AS a ON a.dataset = ? AND a.revision = wanted.value
        """
        numbers = _list([row["revision"] for row in rows])
        beside = {row["revision"]: row for row in self._query(sql, (numbers, dataset))}
        nothing = {"blob": None, "previews_json": None}
        return [{**row, **nothing, **beside.get(row["revision"], {})} for row in rows]

    def _candidates(self, dataset: str, frame_ids: Sequence[str]) -> BitMap:
        """Revisions of these frames, and perhaps of others."""
        wanted = np.unique(hashes_of(frame_ids))
        found = BitMap()
        for keys in self._keys(dataset):
            found |= BitMap(keys.find(wanted).tolist())
        return found

    def _keys(self, dataset: str) -> Iterator[Keys]:
        for first, mark in self.connection.execute("SELECT first, mark FROM keys WHERE dataset = ?", (dataset,)):
            yield self._kept_keys.get(mark, partial(self._read_keys, dataset, first))

    def _read_keys(self, dataset: str, first: int) -> Keys:
        sql = "SELECT count, packed, hashes, revisions FROM keys WHERE dataset = ? AND first = ?"
        return Keys.from_row(next(self._query(sql, (dataset, first))))

    def vectors(self, field: int, revisions: Sequence[int]) -> list[Row]:
        sql = """
            SELECT v.revision, v.value FROM json_each(?) AS wanted
            CROSS JOIN vectors AS v ON v.field = ? AND v.revision = wanted.value ORDER BY v.revision
        """
        return list(self._query(sql, (_list(revisions), field)))

    def vectors_after(self, field: int, number: int, limit: int) -> list[Row]:
        sql = """
            SELECT number, revision, value FROM vectors INDEXED BY vectors_by_field
            WHERE field = ? AND number > ? ORDER BY number LIMIT ?
        """
        return list(self._query(sql, (field, number, limit)))

    def _query(self, sql: str, parameters: dict[str, Any] | Sequence[Any]) -> Iterator[Row]:
        return self._database.query(sql, parameters)

    def last_metrics(self, experiment: str) -> dict[str, float]:
        sql = """
            WITH RECURSIVE names (name) AS (
                SELECT min(name) FROM metrics WHERE experiment = :experiment
                UNION ALL
                SELECT (SELECT min(m.name) FROM metrics AS m WHERE m.experiment = :experiment AND m.name > names.name)
                FROM names WHERE names.name IS NOT NULL
            )
            SELECT name, (
                SELECT value FROM metrics AS m WHERE m.experiment = :experiment AND m.name = names.name
                ORDER BY step DESC LIMIT 1
            ) FROM names WHERE name IS NOT NULL
        """
        return dict(self.connection.execute(sql, {"experiment": experiment}).fetchall())

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        self.insert_all(table, [row])

    def insert_all(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._insert("INSERT", table, list(rows))

    def replace(self, table: str, row: Mapping[str, Any]) -> None:
        self._insert("INSERT OR REPLACE", table, [row])

    def update(self, table: str, key: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        columns = ", ".join(f"[{name}] = ?" for name in changes)
        where = " AND ".join(f"[{name}] = ?" for name in key)
        self.connection.execute(f"UPDATE [{table}] SET {columns} WHERE {where}", (*changes.values(), *key.values()))

    def delete(self, table: str, **equal: Any) -> int:
        where = " AND ".join(f"[{name}] = ?" for name in equal)
        return self.connection.execute(f"DELETE FROM [{table}] WHERE {where}", tuple(equal.values())).rowcount

    def _insert(self, verb: str, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            columns = ", ".join(f"[{name}]" for name in rows[0])
            places = ", ".join("?" * len(rows[0]))
            values = [tuple(row.values()) for row in rows]
            self.connection.executemany(f"{verb} INTO [{table}] ({columns}) VALUES ({places})", values)


def _list(values: Sequence[Any]) -> str:
    return orjson.dumps(list(values)).decode()
