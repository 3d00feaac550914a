"""The store on SQLite: one writer, many readers, write-ahead log, every commit on disk before it is acknowledged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlite_utils import Database

from hyperdatasets.core.errors import HyperdatasetsError, InvalidConfig, StorageFull
from metadata_service.store.protocol import Row
from metadata_service.store.schema import MIGRATIONS

_FULL = ("disk is full", "disk I/O error")
_PRAGMAS = """
    PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA mmap_size = 1073741824;
    PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384;
"""


class SqliteStore:
    """Open with the path of the database; it is made, or brought up to date, on opening."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer_lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._idle_lock = threading.Lock()
        with _translated():
            self._writer = _Connection(path)
            self._writer.connection.execute("PRAGMA journal_mode = WAL")
            self._migrate()

    @contextmanager
    def reading(self) -> Iterator[_Connection]:
        with self._idle_lock:
            reader = self._idle.pop() if self._idle else None
        with _translated():
            reader = reader or _Connection(self._path)
            reader.connection.execute("BEGIN")
            try:
                yield reader
            finally:
                reader.connection.rollback()
                with self._idle_lock:
                    self._idle.append(reader)

    @contextmanager
    def writing(self) -> Iterator[_Connection]:
        with self._writer_lock, _translated():
            connection = self._writer.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def backup(self, target: str) -> None:
        with _translated(), closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def check(self) -> list[str]:
        with self.reading() as reader:
            found = [row[0] for row in reader.connection.execute("PRAGMA integrity_check")]
            broken = [
                f"{row[0]}: a reference leads nowhere" for row in reader.connection.execute("PRAGMA foreign_key_check")
            ]
        return [text for text in found if text != "ok"] + broken

    def close(self) -> None:
        with self._writer_lock, self._idle_lock:
            for each in (self._writer, *self._idle):
                each.connection.close()
            self._idle.clear()

    def _migrate(self) -> None:
        connection = self._writer.connection
        done = connection.execute("PRAGMA user_version").fetchone()[0]
        if done > len(MIGRATIONS):
            raise InvalidConfig(f"{self._path} was written by a newer version of this software (schema {done})")
        for number, script in enumerate(MIGRATIONS[done:], start=done + 1):
            connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


class _Connection:
    """Reads and writes rows; as a reader it sees one moment, as the writer it lies in one transaction.

    Lists of keys travel as one JSON text; CROSS JOIN makes SQLite look each up instead of scanning the table.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self.connection.executescript(_PRAGMAS)
        self._database = Database(self.connection)

    def one(self, table: str, **equal: Any) -> Row | None:
        return next(iter(self.rows(table, **equal)), None)

    def rows(self, table: str, *, order: str = "", **equal: Any) -> list[Row]:
        where = " AND ".join(f"[{name}] = :{name}" for name in equal) or None
        return list(self._database[table].rows_where(where, equal or None, order_by=order or None))

    def revisions(self, dataset: str, numbers: Sequence[int]) -> list[Row]:
        sql = """
            SELECT r.*, a.blob, a.previews_json FROM json_each(?) AS wanted
            CROSS JOIN revisions AS r ON r.dataset = ? AND r.revision = wanted.value
            LEFT JOIN attachments AS a ON a.dataset = r.dataset AND a.revision = r.revision
            ORDER BY r.revision
        """
        return list(self._database.query(sql, (_list(numbers), dataset)))

    def revisions_from(self, dataset: str, first: int, limit: int) -> list[Row]:
        sql = """
            SELECT r.*, NULL AS blob, NULL AS previews_json FROM revisions AS r
            WHERE r.dataset = ? AND r.revision >= ? ORDER BY r.revision LIMIT ?
        """
        return list(self._database.query(sql, (dataset, first, limit)))

    def frame_ids(self, dataset: str, numbers: Sequence[int]) -> dict[int, str]:
        sql = """
            SELECT r.revision, r.frame_id FROM json_each(?) AS wanted
            CROSS JOIN revisions AS r ON r.dataset = ? AND r.revision = wanted.value
        """
        return dict(self.connection.execute(sql, (_list(numbers), dataset)).fetchall())

    def known_revisions(self, dataset: str, frame_ids: Sequence[str]) -> list[Row]:
        sql = """
            SELECT r.frame_id, r.revision FROM json_each(?) AS wanted
            CROSS JOIN revisions AS r ON r.dataset = ? AND r.frame_id = wanted.value
        """
        return list(self._database.query(sql, (_list(frame_ids), dataset)))

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


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the driver become ours; their text goes no further than the log."""
    try:
        yield
    except sqlite3.Error as error:
        if any(text in str(error) for text in _FULL):
            raise StorageFull("the disk of the service is full; nothing of this request was kept") from error
        if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
            raise InvalidConfig("the file of the store is no SQLite database; restore it from a backup") from error
        raise HyperdatasetsError(f"the store failed: {type(error).__name__}") from error


def _list(values: Sequence[Any]) -> str:
    return orjson.dumps(list(values)).decode()
