"""What a node remembers: where the bytes of its frames are, what it told the centre, the mirrored slices, reports."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlite_utils import Database

from hyperdatasets.core.errors import StorageFull
from hyperdatasets.private_folder import private_file

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS datasets (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS files (
        dataset TEXT NOT NULL, frame_id TEXT NOT NULL, source TEXT NOT NULL, root TEXT NOT NULL, path BLOB NOT NULL,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
        sha256 BLOB NOT NULL, PRIMARY KEY (dataset, frame_id, source)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS private (
        dataset TEXT NOT NULL, frame_id TEXT NOT NULL, columns_json TEXT NOT NULL, PRIMARY KEY (dataset, frame_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sent (
        dataset TEXT NOT NULL, frame_id TEXT NOT NULL, part BLOB NOT NULL, PRIMARY KEY (dataset, frame_id, part)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS thumbnails (sha256 BLOB PRIMARY KEY, image BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS mirror (
        dataset TEXT NOT NULL, revision INTEGER NOT NULL, canonical BLOB NOT NULL, digest BLOB NOT NULL,
        PRIMARY KEY (dataset, revision)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS arriving (
        version TEXT NOT NULL, revision INTEGER NOT NULL, canonical BLOB NOT NULL, digest BLOB NOT NULL,
        PRIMARY KEY (version, revision)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS slices (version TEXT PRIMARY KEY, dataset TEXT NOT NULL, revisions BLOB NOT NULL) STRICT;
    DROP TABLE IF EXISTS grants;
    CREATE TABLE IF NOT EXISTS admitted (
        view TEXT NOT NULL, client TEXT NOT NULL, purpose TEXT NOT NULL, record BLOB NOT NULL,
        signature BLOB NOT NULL, policy TEXT NOT NULL, granted_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
        PRIMARY KEY (view, client, purpose)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS reports (
        session_id TEXT PRIMARY KEY, payload BLOB NOT NULL, signature BLOB NOT NULL, sent INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS grouping (
        dataset TEXT NOT NULL, frame_id TEXT NOT NULL, context TEXT NOT NULL, timestamp INTEGER,
        PRIMARY KEY (dataset, frame_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS parts (
        dataset TEXT NOT NULL, frame_id TEXT NOT NULL, fragment TEXT NOT NULL, PRIMARY KEY (dataset, frame_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS column_types (
        dataset TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (dataset, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS elsewhere (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the bytes of a source are, and what the file was when it was registered; `path` is below the root."""

    source: str
    root: str
    path: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Registered:
    """A frame on its way into the store.

    Attributes:
        part: the digest of the site part as it was sent.
        fragment: of a part of a file, what names it in the URI; empty for a whole file.
    """

    frame_id: str
    files: Sequence[StoredFile]
    private: Mapping[str, Any]
    part: bytes
    thumbnail: bytes
    context: str = ""
    timestamp: int | None = None
    fragment: str = ""


@dataclass(frozen=True, slots=True)
class KnownFrame:
    """What earlier registrations know of a file or a part of it: its frame, private columns, context and time.

    Attributes:
        frame_id: empty if the part is new, and only other parts of the file are known.
    """

    frame_id: str
    private: Mapping[str, Any]
    context: str
    timestamp: int | None


class NodeStore:
    """SQLite in the node's folder; safe for several threads."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            private_file(path), check_same_thread=False, isolation_level=None, timeout=30
        )
        self._connection.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; {_SCHEMA}"
        )
        self._database = Database(self._connection)
        self._lock = threading.RLock()

    def register(self, dataset: str, name: str, frames: Iterable[Registered]) -> None:
        """Remembers frames before they are sent: what reaches the centre is always known here."""
        with self._writing():
            self._execute("INSERT OR REPLACE INTO datasets VALUES (?, ?)", (dataset, name))
            for frame in frames:
                for file in frame.files:
                    self._execute(
                        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (dataset, frame.frame_id, file.source, file.root, file.path, file.size, file.mtime_ns,
                         file.ctime_ns, file.inode, file.sha256),
                    )  # fmt: skip
                    if frame.thumbnail:
                        self._execute("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", (file.sha256, frame.thumbnail))
                self._keep_private(dataset, frame)
                self._execute("INSERT OR IGNORE INTO sent VALUES (?, ?, ?)", (dataset, frame.frame_id, frame.part))
                self._execute(
                    "INSERT OR REPLACE INTO grouping VALUES (?, ?, ?, ?)",
                    (dataset, frame.frame_id, frame.context, frame.timestamp),
                )
                if frame.fragment:
                    self._execute(
                        "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", (dataset, frame.frame_id, frame.fragment)
                    )

    def _keep_private(self, dataset: str, frame: Registered) -> None:
        """Writes the private columns of a frame; each column that changes gets a new generation."""
        text = orjson.dumps(dict(frame.private))
        rows = self._query(
            "SELECT columns_json FROM private WHERE dataset = ? AND frame_id = ?", (dataset, frame.frame_id)
        )
        if rows:
            before, now = orjson.loads(rows[0]["columns_json"]), orjson.loads(text)
            for name in before.keys() | now.keys():
                if before.get(name) != now.get(name):
                    self.count(f"private/{dataset}/{name}", 1)
        self._execute("INSERT OR REPLACE INTO private VALUES (?, ?, ?)", (dataset, frame.frame_id, text.decode()))

    def generation(self, dataset: str) -> dict[str, int]:
        """Private column -> how often a value of a known frame changed; columns that never changed are left out."""
        start = f"private/{dataset}/"
        rows = self._query(
            "SELECT substr(name, ?) AS name, value FROM counters WHERE substr(name, 1, ?) = ?",
            (len(start) + 1, len(start), start),
        )
        return {row["name"]: row["value"] for row in rows}

    def known_frames(self, dataset: str, root: str, below: bytes) -> dict[bytes, dict[str, KnownFrame]]:
        """Path -> fragment -> the frame of a file, or of a part of it, below a folder.

        Args:
            below: the folder's path with `/`, empty for the root.
        """
        rows = self._query(
            "SELECT f.path, s.fragment, f.frame_id, p.columns_json, g.context, g.timestamp FROM files AS f "
            "LEFT JOIN private AS p USING (dataset, frame_id) LEFT JOIN grouping AS g USING (dataset, frame_id) "
            "LEFT JOIN parts AS s USING (dataset, frame_id) "
            "WHERE f.dataset = ? AND f.root = ? AND f.source = 'default' AND substr(f.path, 1, ?) = ?",
            (dataset, root, len(below), below),
        )
        found: dict[bytes, dict[str, KnownFrame]] = {}
        for row in rows:
            found.setdefault(row["path"], {})[row["fragment"] or ""] = KnownFrame(
                row["frame_id"], orjson.loads(row["columns_json"] or "{}"), row["context"] or "", row["timestamp"]
            )
        return found

    def context_ids(self, dataset: str) -> set[str]:
        """The context ids of a dataset's frames, as the site's tables write them."""
        rows = self._query("SELECT DISTINCT context FROM grouping WHERE dataset = ? AND context != ''", (dataset,))
        return {row["context"] for row in rows}

    def column_types(self, dataset: str) -> dict[str, str]:
        """Private column -> its type in the last table that had it."""
        rows = self._query("SELECT name, type FROM column_types WHERE dataset = ?", (dataset,))
        return {row["name"]: row["type"] for row in rows}

    def keep_column_types(self, dataset: str, types: Mapping[str, str]) -> None:
        with self._writing():
            for name, kind in types.items():
                self._execute("INSERT OR REPLACE INTO column_types VALUES (?, ?, ?)", (dataset, name, kind))

    def files(self, dataset: str, frame_id: str) -> dict[str, StoredFile]:
        """Source id -> file."""
        rows = self._query(
            "SELECT source, root, path, size, mtime_ns, ctime_ns, inode, sha256 FROM files "
            "WHERE dataset = ? AND frame_id = ?", (dataset, frame_id),
        )  # fmt: skip
        return {row["source"]: StoredFile(**row) for row in rows}

    def same_files(self, root: str) -> dict[bytes, dict[str, Any]]:
        """Path -> what is known of the file, and whether it has a small picture, so that nothing is made twice."""
        rows = self._query(
            "SELECT path, size, mtime_ns, ctime_ns, inode, sha256, "
            "EXISTS (SELECT 1 FROM thumbnails AS t WHERE t.sha256 = f.sha256) AS has_preview "
            "FROM files AS f WHERE root = ?", (root,),
        )  # fmt: skip
        return {row["path"]: row for row in rows}

    def thumbnail(self, sha256: bytes) -> bytes | None:
        rows = self._query("SELECT image FROM thumbnails WHERE sha256 = ?", (sha256,))
        return rows[0]["image"] if rows else None

    def was_sent(self, dataset: str, frame_id: str, part: bytes) -> bool:
        return bool(self._query(
            "SELECT 1 FROM sent WHERE dataset = ? AND frame_id = ? AND part = ?", (dataset, frame_id, part)
        ))  # fmt: skip

    def private(self, dataset: str) -> dict[str, dict[str, Any]]:
        """Frame id -> private columns."""
        rows = self._query("SELECT frame_id, columns_json FROM private WHERE dataset = ?", (dataset,))
        return {row["frame_id"]: orjson.loads(row["columns_json"]) for row in rows}

    def dataset_names(self) -> dict[str, str]:
        """Id -> `project/name` of every dataset that frames were registered into."""
        return {row["id"]: row["name"] for row in self._query("SELECT id, name FROM datasets", ())}

    def names_elsewhere(self) -> dict[str, str]:
        """Id -> `project/name`, as the centre calls it, of datasets in admitted views that have no frames here."""
        return {row["id"]: row["name"] for row in self._query("SELECT id, name FROM elsewhere", ())}

    def keep_names_elsewhere(self, names: Mapping[str, str]) -> None:
        with self._writing():
            for dataset, name in names.items():
                self._execute("INSERT OR REPLACE INTO elsewhere VALUES (?, ?)", (dataset, name))

    def slice_of(self, version: str) -> tuple[str, bytes] | None:
        """Dataset id and revisions (a bitmap) of a mirrored slice."""
        rows = self._query("SELECT dataset, revisions FROM slices WHERE version = ?", (version,))
        return (rows[0]["dataset"], rows[0]["revisions"]) if rows else None

    def forget_arriving(self, version: str) -> None:
        with self._writing():
            self._execute("DELETE FROM arriving WHERE version = ?", (version,))

    def arrive(self, version: str, entries: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Keeps a part of a slice apart until the whole is known to be right."""
        with self._writing():
            for entry in entries:
                self._execute("INSERT INTO arriving VALUES (?, ?, ?, ?)", (version, *entry))

    def keep_slice(self, version: str, dataset: str, revisions: bytes) -> bool:
        """What arrived is kept; False if it shows a revision that is kept already in another form."""
        with self._writing():
            changed = self._query(
                "SELECT 1 FROM arriving AS a JOIN mirror AS m ON m.dataset = ? AND m.revision = a.revision "
                "WHERE a.version = ? AND (m.digest != a.digest OR m.canonical != a.canonical) LIMIT 1",
                (dataset, version),
            )
            if changed:
                return False
            self._execute(
                "INSERT OR IGNORE INTO mirror SELECT ?, revision, canonical, digest FROM arriving WHERE version = ?",
                (dataset, version),
            )
            self._execute("DELETE FROM arriving WHERE version = ?", (version,))
            self._execute("INSERT OR REPLACE INTO slices VALUES (?, ?, ?)", (version, dataset, revisions))
            return True

    def canonical(self, dataset: str, revisions: Sequence[int]) -> dict[int, tuple[bytes, bytes]]:
        """Revision -> (canonical bytes, digest)."""
        rows = self._query(
            "SELECT m.revision, m.canonical, m.digest FROM json_each(?) AS wanted CROSS JOIN mirror AS m "
            "ON m.dataset = ? AND m.revision = wanted.value", (orjson.dumps(list(revisions)).decode(), dataset),
        )  # fmt: skip
        return {row["revision"]: (row["canonical"], row["digest"]) for row in rows}

    def grant(self, view: str, client: str, purpose: str) -> dict[str, Any] | None:
        """The grant that is kept for a view, a client and a purpose, or None; `view` is a whole reference."""
        rows = self._query(
            "SELECT * FROM admitted WHERE view = ? AND client = ? AND purpose = ?", (view, client, purpose)
        )
        return rows[0] if rows else None

    def keep_grant(self, row: Mapping[str, Any]) -> None:
        with self._writing():
            self._execute("INSERT OR REPLACE INTO admitted VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tuple(row.values()))

    def queue_report(self, session_id: str, payload: bytes, signature: bytes) -> None:
        with self._writing():
            self._execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?, 0)", (session_id, payload, signature))

    def unsent_reports(self) -> list[dict[str, Any]]:
        return self._query("SELECT session_id, payload, signature FROM reports WHERE sent = 0 LIMIT 100", ())

    def report_sent(self, session_id: str, payload: bytes) -> None:
        with self._writing():
            self._execute("UPDATE reports SET sent = 1 WHERE session_id = ? AND payload = ?", (session_id, payload))

    def count(self, name: str, amount: int = 0) -> int:
        """Adds to a counter (or just reads it)."""
        with self._writing():
            self._execute("INSERT OR IGNORE INTO counters VALUES (?, 0)", (name,))
            self._execute("UPDATE counters SET value = value + ? WHERE name = ?", (amount, name))
            return int(self._query("SELECT value FROM counters WHERE name = ?", (name,))[0]["value"])

    def raise_to(self, name: str, value: int) -> int:
        """A counter that never goes back; returns what it was."""
        with self._writing():
            before = self.count(name)
            self._execute("UPDATE counters SET value = max(value, ?) WHERE name = ?", (value, name))
        return before

    def frame_count(self) -> int:
        return int(self._query("SELECT COUNT(DISTINCT frame_id) AS n FROM files", ())[0]["n"])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _query(self, sql: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._database.query(sql, values))

    def _execute(self, sql: str, values: tuple[Any, ...]) -> None:
        self._connection.execute(sql, values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.commit()
            except BaseException as error:
                self._connection.rollback()
                if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                    raise StorageFull("the disk of the node is full; nothing of this step was kept") from error
                raise
