"""Who made and changed a row, and when; generations that tell whether it is as it was read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from hyperdatasets.core.errors import EtagMismatch
from metadata_service.catalog.caller import Caller
from metadata_service.store.protocol import Row, Writing


def new_id() -> str:
    return secrets.token_hex(8)


def created(caller: Caller, now_ms: int) -> Row:
    return {"created_by": caller.name, "created_ms": now_ms, "updated_by": caller.name, "updated_ms": now_ms}


def updated(caller: Caller, now_ms: int) -> Row:
    return {"updated_by": caller.name, "updated_ms": now_ms}


def change(writing: Writing, table: str, row: Row, changes: Mapping[str, Any]) -> Row:
    """Writes the changes with the next generation; returns the row as it is now."""
    now = {**changes, "generation": row["generation"] + 1}
    writing.update(table, {"id": row["id"]}, now)
    return {**row, **now}


def check_etag(row: Row, etag: str) -> None:
    if etag and etag != str(row["generation"]):
        raise EtagMismatch("it was changed since you read it; read it again and repeat", etag=row["generation"])


def with_tags(tags: list[str], add: list[str], remove: list[str]) -> list[str]:
    return sorted({*tags, *add} - set(remove))
