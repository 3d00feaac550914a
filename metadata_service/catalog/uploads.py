"""Files that clients put to a storage for frames without a site: remembered, so that only these are ever removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hyperdatasets.core.errors import InvalidArgument, PermissionDenied
from hyperdatasets.core.normalise import MAX_URI
from metadata_service.catalog.caller import Caller
from metadata_service.store.protocol import Reading, Row, Writing

MOST = 1_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Upload:
    """`done` is False while the file is being written; one that was `found` there is used, and never removed."""

    uri: str
    size_bytes: int
    digest: str
    done: bool
    found: bool
    uploaded_by: str = ""
    shared: bool = False


def record(writing: Writing, caller: Caller, now_ms: int, dataset: Row, uploads: Sequence[Upload]) -> None:
    """Replaces what is known of the files; who wrote a file first stays its owner."""
    if len(uploads) > MOST:
        raise InvalidArgument(f"{len(uploads)} uploads in one request; at most {MOST} are taken at once")
    for each in uploads:
        _check(each)
        there = writing.one("uploads", uri=each.uri, dataset=dataset["id"])
        owner = caller.name if there is None else there["uploaded_by"]
        if there is not None and there["digest"] != each.digest and owner != caller.name:
            raise PermissionDenied(f"{each.uri} was put there by `{owner}`, who alone may replace it")
        writing.replace("uploads", {
            "uri": each.uri, "dataset": dataset["id"], "size_bytes": each.size_bytes, "digest": each.digest,
            "done": int(each.done), "found": int(each.found), "uploaded_by": owner, "uploaded_ms": now_ms,
        })  # fmt: skip


def listed(reading: Reading, dataset: Row) -> list[Upload]:
    rows = reading.rows("uploads", order="uri", dataset=dataset["id"])
    return [
        Upload(
            row["uri"], row["size_bytes"], row["digest"], bool(row["done"]), bool(row["found"]), row["uploaded_by"],
            shared=len(reading.rows("uploads", uri=row["uri"])) > 1,
        )
        for row in rows
    ]  # fmt: skip


def _check(upload: Upload) -> None:
    if not upload.uri or len(upload.uri) > MAX_URI:
        raise InvalidArgument(f"uri: expected 1 to {MAX_URI} characters, got {len(upload.uri)}")
    if upload.size_bytes < 0 or not _DIGEST.fullmatch(upload.digest):
        raise InvalidArgument(f"{upload.uri}: expected a size and `sha256:<64 hex digits>`")
