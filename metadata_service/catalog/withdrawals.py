"""Withdrawal: what a frame says is erased from all its revisions; numbers, ids, digests and orders stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from pyroaring import BitMap

from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument
from metadata_service.catalog import frames, vectors
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import packed
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.stamps import new_id
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.store.protocol import Reading, Row, Writing

MAX_FRAMES = 10_000


@dataclass(slots=True)
class Outcome:
    """What a withdrawal did: dataset id -> frames, and how many revisions of them were erased."""

    frames: dict[str, set[str]] = field(default_factory=dict)
    revisions: int = 0
    missing: list[str] = field(default_factory=list)


def withdraw(
    deployment: Deployment, writing: Writing, caller: Caller, dataset: Row, frame_ids: Sequence[str], *, why: str
) -> Outcome:
    """Withdraws frames without a site from a dataset, and their copies from all others.

    A copy is a frame with the same id that has, in some revision, the same sources.

    Raises:
        PermissionDenied: the caller is no admin of a project that has one of the frames.
        FailedPrecondition: a frame belongs to a site.
    """
    if not why.strip():
        raise InvalidArgument("`option why`: say for the record why the frames are withdrawn")
    if not 0 < len(frame_ids) <= MAX_FRAMES:
        raise InvalidArgument(f"frame_ids: give 1 to {MAX_FRAMES} frame ids at a time")
    wanted = list(dict.fromkeys(frame_ids))
    found = _everywhere(writing, dataset, wanted)
    here = {row["frame_id"] for row in found[dataset["id"]]}
    outcome = Outcome(missing=[each for each in wanted if each not in here])
    for owner, rows in found.items():
        caller.require("admin", cast("Row", writing.one("datasets", id=owner))["project"])
        if sited := next((row for row in rows if row["site"]), None):
            raise FailedPrecondition(
                f"frame `{sited['frame_id'][:60]}` belongs to site `{sited['site']}`; only its own site withdraws it"
            )
        if rows:
            named = {row["frame_id"] for row in rows}
            _record(writing, owner, sorted(named), why=why, by=caller.name, time_ms=deployment.now_ms())
            outcome.revisions += _erase(deployment, writing, caller, owner, BitMap(row["revision"] for row in rows))
            outcome.frames[owner] = named
    return outcome


def listed(reading: Reading) -> list[dict[str, Any]]:
    """Every withdrawal, as a backup carries it."""
    return [
        {key: row[key] for key in ("id", "dataset", "why", "withdrawn_by", "withdrawn_ms")}
        | {"frame_ids": orjson.loads(row["frame_ids_json"])}
        for row in reading.rows("withdrawals", order="number")
    ]  # fmt: skip


def repeat(deployment: Deployment, writing: Writing, caller: Caller, entry: Mapping[str, Any]) -> int:
    """Does what a list says that was done elsewhere; returns how many revisions were erased.

    A dataset that is not here has nothing to erase.
    """
    dataset = writing.one("datasets", id=entry["dataset"])
    if dataset is None or writing.one("withdrawals", id=entry["id"]) is not None:
        return 0
    rows = writing.revisions_of(dataset["id"], entry["frame_ids"], BitMap(range(dataset["next_revision"])))
    _record(
        writing, dataset["id"], entry["frame_ids"], number=entry["id"], why=entry["why"],
        by=entry["withdrawn_by"], time_ms=entry["withdrawn_ms"],
    )  # fmt: skip
    return _erase(deployment, writing, caller, dataset["id"], BitMap(row["revision"] for row in rows))


def erase_known(deployment: Deployment, writing: Writing, caller: Caller, dataset: Row) -> int:
    """Erases of a dataset that came from elsewhere what is on the list here; returns how many revisions."""
    entries = writing.rows("withdrawals", dataset=dataset["id"])
    ids = sorted({frame_id for row in entries for frame_id in orjson.loads(row["frame_ids_json"])})
    rows = _alive(writing, dataset, ids) if ids else []
    return _erase(deployment, writing, caller, dataset["id"], BitMap(row["revision"] for row in rows)) if rows else 0


def _everywhere(reading: Reading, dataset: Row, frame_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Dataset id -> all revisions of these frames and of their copies that hold something still."""
    own = _alive(reading, dataset, frame_ids)
    contents: dict[str, set[bytes]] = {}
    for row in own:
        contents.setdefault(row["frame_id"], set()).add(vectors.content(row["payload"]))
    found = {dataset["id"]: own}
    for other in reading.rows("datasets", order="id"):
        if other["id"] != dataset["id"] and contents:
            rows = _alive(reading, other, list(contents))
            same = {row["frame_id"] for row in rows if vectors.content(row["payload"]) in contents[row["frame_id"]]}
            if same:
                found[other["id"]] = [row for row in rows if row["frame_id"] in same]
    return found


def _alive(reading: Reading, dataset: Row, frame_ids: Sequence[str]) -> list[Row]:
    within = BitMap(range(dataset["next_revision"])) - withdrawn(reading, dataset["id"])
    return reading.revisions_of(dataset["id"], frame_ids, within)


def _record(
    writing: Writing, dataset: str, frame_ids: Sequence[str], *, why: str, by: str, time_ms: int, number: str = ""
) -> None:
    writing.insert("withdrawals", {
        "id": number or new_id(), "dataset": dataset, "frame_ids_json": orjson.dumps(frame_ids).decode(),
        "why": why, "withdrawn_by": by, "withdrawn_ms": time_ms,
    })  # fmt: skip


def _erase(deployment: Deployment, writing: Writing, caller: Caller, dataset: str, revisions: BitMap) -> int:
    for version in writing.rows("versions", dataset=dataset, published=0):
        gone = deployment.contents.of(writing, version) & revisions
        if gone:
            frames.remove(writing, caller, deployment.now_ms(), version, gone)
    vectors.erase(writing, {"id": dataset}, revisions)
    writing.erase(dataset, revisions)
    writing.replace("withdrawn", {"dataset": dataset, "revisions": packed(withdrawn(writing, dataset) | revisions)})
    return len(revisions)
