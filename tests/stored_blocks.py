"""Blocks of a database changed behind the service's back: their content, or all of them to an earlier layout."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import zstandard

from metadata_service.store.blocks import Codec
from metadata_service.store.keys import Keys
from metadata_service.store.protocol import Row

_BEFORE_SEALS = 7  # migrations


def contents(database: Path) -> bytes:
    """What the blocks hold, unpacked: heads and frames."""
    found = b""
    with closing(sqlite3.connect(database)) as connection:
        for block in _blocks(connection):
            found += zstandard.decompress(block["heads"])
            found += b"".join(row["payload"] for row in Codec().rows(block, range(block["count"])))
    return found


def change(database: Path, changed: Callable[[bytes], bytes], *, first: int | None = None) -> None:
    """Each frame says something else, of one block or of all; digests, seals and other tables are as they were."""
    is_other = False
    with closing(sqlite3.connect(database)) as connection, connection:
        for block in _blocks(connection):
            if first is None or block["first"] == first:
                rows = list(Codec().rows(block, range(block["count"])))
                said = [row | {"payload": changed(row["payload"])} for row in rows]
                is_other |= said != rows
                (packed,) = Codec().pack(block["first"], said)
                _update(connection, block, {name: packed[name] for name in ("heads", "payload", "digits")})
    assert is_other


def as_before_seals(database: Path, changed: Callable[[bytes], bytes] = bytes) -> None:
    """All blocks as the last version wrote them that knew no seals; frames may say something else."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for block in _blocks(connection):
            rows = list(Codec().rows(block, range(block["count"])))
            heads = [
                [row["frame_id"] for row in rows],
                [row["site"] for row in rows],
                f"{sum(1 << place for place, row in enumerate(rows) if row['annotated']):x}",
                [len(changed(row["payload"])) for row in rows],
            ]
            content = b"".join(changed(row["payload"]) for row in rows)
            digests = b"".join(row["digest"] for row in rows)
            before = {"heads": zstandard.compress(orjson.dumps(heads)), "payload": zstandard.compress(content)}
            _update(connection, block, before | {"digests": digests, "digits": None, "seal": None})
        for row in connection.execute("SELECT rowid, * FROM keys").fetchall():
            keys = Keys.from_row(row)
            values = keys.hashes.tobytes(), keys.revisions.tobytes(), row["rowid"]
            connection.execute("UPDATE keys SET packed = 0, hashes = ?, revisions = ? WHERE rowid = ?", values)


def migrate_back(database: Path) -> None:
    """The tables of that version."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("ALTER TABLE blocks DROP COLUMN digits")
        connection.execute("ALTER TABLE blocks DROP COLUMN seal")
        connection.execute("ALTER TABLE keys DROP COLUMN packed")
        connection.execute("ALTER TABLE datasets DROP COLUMN next_version")
        connection.execute("ALTER TABLE experiments DROP COLUMN beat_ms")
        connection.execute("DROP TABLE experiment_sites")
        connection.execute(f"PRAGMA user_version = {_BEFORE_SEALS}")


def _blocks(connection: sqlite3.Connection) -> list[Row]:
    connection.row_factory = sqlite3.Row
    return [dict(row) for row in connection.execute("SELECT * FROM blocks")]


def _update(connection: sqlite3.Connection, block: Row, changes: Row) -> None:
    for name, value in changes.items():
        connection.execute(
            f"UPDATE blocks SET {name} = ? WHERE dataset = ? AND first = ?", (value, block["dataset"], block["first"])
        )
