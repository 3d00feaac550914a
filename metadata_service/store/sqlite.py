"""The store on SQLite: one writer, many readers, write-ahead log, every commit on disk before it is acknowledged."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hyperdatasets.core.errors import HyperdatasetsError, InvalidConfig, StorageFailed, StorageFull, StorageRefused
from hyperdatasets.private_folder import private_file
from metadata_service.store.connection import Connection
from metadata_service.store.heads import HeadCache
from metadata_service.store.keys import KeyCache
from metadata_service.store.schema import MIGRATIONS

_SPARE = 1 << 20  # bytes; with less than that left SQLite fails to extend its files in more than one way


class SqliteStore:
    """Open with the path of the database; it is made, or brought up to date, on opening."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer_lock = threading.Lock()
        self._idle: list[Connection] = []
        self._idle_lock = threading.Lock()
        self._caches = KeyCache(), HeadCache()
        with _translated(self._path):
            self._writer = Connection(path, *self._caches, writes=True)
            self._writer.connection.execute("PRAGMA journal_mode = WAL")
            self._migrate()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._idle_lock:
            reader = self._idle.pop() if self._idle else None
        with _translated(self._path):
            reader = reader or Connection(self._path, *self._caches)
            reader.connection.execute("BEGIN")
            try:
                yield reader
            finally:
                reader.connection.rollback()
                with self._idle_lock:
                    self._idle.append(reader)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._writer_lock, _translated(self._path):
            connection = self._writer.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def backup(self, target: str) -> None:
        with (
            _translated(self._path),
            closing(sqlite3.connect(self._path)) as source,
            closing(sqlite3.connect(private_file(Path(target)))) as copy,
        ):
            source.backup(copy)

    def compact(self, progress: Callable[[int], None] = lambda _: None) -> None:
        after: tuple[str, int] | None = ("", -1)
        while after is not None:
            with self.writing() as writing:
                after = writing.repack(after, progress)
        with self.writing() as writing:
            writing.repack_keys()
        with self._writer_lock, _translated(self._path):
            self._writer.connection.execute("VACUUM")
            self._writer.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

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


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Errors of the driver become ours; their text goes no further than the log."""
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(error, path) from error


def _ours(error: sqlite3.Error, path: Path) -> HyperdatasetsError:
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind == sqlite3.SQLITE_FULL or (kind == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < _SPARE):
        return StorageFull("the disk of the service is full; nothing of this request was kept")
    if kind in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT}:
        return StorageFailed(
            f"the disk of the service failed ({error.sqlite_errorname}); nothing of this request was kept: "
            "look after the disk, then run `command admin check`"
        )
    if kind == sqlite3.SQLITE_CONSTRAINT:
        return StorageRefused(f"what was to be stored does not fit ({error.sqlite_errorname}); nothing of it was kept")
    if kind == sqlite3.SQLITE_NOTADB:
        return InvalidConfig("the file of the store is no SQLite database; restore it from a backup")
    return HyperdatasetsError(f"the store failed: {type(error).__name__}")
