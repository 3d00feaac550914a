"""Vectors beside revisions: fields with their dimensions, vectors written once each, carried over by edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.errors import (
    AlreadyExists,
    FrameOfOtherSite,
    HyperdatasetsError,
    InvalidVector,
    NotFound,
    VectorExists,
)
from hyperdatasets.core.names import check_name, not_found
from hyperdatasets.core.vectors import Vector, check_dimensions, checked
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.outcomes import Failure, Outcome
from metadata_service.store.protocol import Reading, Row, Writing


def declare(
    writing: Writing, caller: Caller, now_ms: int, dataset: Row, *, name: str, dimensions: int, metric: Metric
) -> Row:
    """A new field; its dimensions hold for every vector of it, its metric where a search names none."""
    check_name("vector field", name)
    check_dimensions(dimensions)
    if writing.one("vector_fields", dataset=dataset["id"], name=name) is not None:
        raise AlreadyExists(f"the dataset has a vector field `{name}` already", kind="vector field", name=name)
    writing.insert("vector_fields", {
        "dataset": dataset["id"], "name": name, "dimensions": dimensions, "metric": metric, "erased": 0,
        "created_by": caller.name, "created_ms": now_ms,
    })  # fmt: skip
    return cast("Row", writing.one("vector_fields", dataset=dataset["id"], name=name))


def fields(reading: Reading, dataset: Row) -> list[Row]:
    return reading.rows("vector_fields", order="name", dataset=dataset["id"])


def find(reading: Reading, dataset: Row, name: str) -> Row:
    row = reading.one("vector_fields", dataset=dataset["id"], name=name)
    if row is None:
        raise not_found("vector field", name, [each["name"] for each in fields(reading, dataset)])
    return row


def write(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    *,
    name: str,
    ids: Sequence[str],
    values: Sequence[Sequence[float] | NDArray[np.floating]],
    held: Mapping[str, Row],
) -> Outcome:
    """Writes vectors of frames (`held`: their revisions by id); the first one of a field declares it for cosine."""
    if not ids:
        return Outcome()
    known = writing.one("vector_fields", dataset=dataset["id"], name=name)
    row = known or declare(writing, caller, now_ms, dataset, name=name, dimensions=len(values[0]), metric="cosine")
    stored = writing.vectors(row["id"], sorted({each["revision"] for each in held.values()}))
    before = {each["revision"]: each["value"] for each in stored}
    outcome = Outcome()
    new: dict[int, bytes] = {}
    for index, (frame_id, given) in enumerate(zip(ids, values, strict=True)):
        try:
            revision = _writable(caller, held, frame_id)
            vector = checked(given, dimensions=row["dimensions"], metric=row["metric"]).tobytes()
            kept = before.get(revision, new.get(revision))
            if kept is not None and kept != vector:
                raise VectorExists(
                    f"frame `{frame_id[:60]}` has another vector `{name}`, and vectors are written once; "
                    f"take another field, such as `{name}2`"
                )
        except HyperdatasetsError as error:
            outcome.failures.append(Failure(index, frame_id, error))
            continue
        outcome.added += kept is None
        outcome.unchanged += kept is not None
        if kept is None:
            new[revision] = vector
    if known is None and not new:
        writing.delete("vector_fields", id=row["id"])  # nothing that was right declared it
    _insert(writing, row, new.items())
    return outcome


def of_revisions(reading: Reading, row: Row, revisions: Sequence[int]) -> dict[int, Vector]:
    found = reading.vectors(row["id"], revisions)
    return {each["revision"]: np.frombuffer(each["value"], "<f4") for each in found}


def of_frame(reading: Reading, row: Row, frame_id: str, held: Mapping[str, Row]) -> Vector:
    """The vector of a frame; `held`: its revision by id, if the version has it."""
    if frame_id not in held:
        raise NotFound(f"the version has no frame `{frame_id[:60]}`", kind="frame", name=frame_id)
    found = of_revisions(reading, row, [held[frame_id]["revision"]])
    if not found:
        raise NotFound(
            f"frame `{frame_id[:60]}` has no vector `{row['name']}`; set one, or search by a vector",
            kind="vector", name=row["name"],
        )  # fmt: skip
    return next(iter(found.values()))


def carry(writing: Writing, dataset: Row, changed: Mapping[int, tuple[bytes, Row]]) -> None:
    """Gives new revisions the vectors of those they replace, as long as the sources are the same.

    Args:
        changed: new revision -> its payload, and the row that it replaces.
    """
    listed = fields(writing, dataset) if changed else []
    if not listed:
        return
    follows = {
        before["revision"]: revision
        for revision, (payload, before) in changed.items()
        if content(payload) == content(before["payload"])
    }
    for row in listed:
        found = writing.vectors(row["id"], sorted(follows))
        _insert(writing, row, ((follows[each["revision"]], each["value"]) for each in found))


def copy(
    writing: Writing, caller: Caller, now_ms: int, dataset: Row, *, origin: str, copied: Mapping[int, int]
) -> None:
    """Gives copies the vectors of their originals; a field of the same name and other dimensions gets none.

    Args:
        copied: revision in the dataset `origin` -> revision here.
    """
    for row in fields(writing, {"id": origin}) if copied else ():
        found = writing.vectors(row["id"], sorted(copied))
        here = writing.one("vector_fields", dataset=dataset["id"], name=row["name"])
        if found and here is None:
            name, dimensions, metric = row["name"], row["dimensions"], row["metric"]
            here = declare(writing, caller, now_ms, dataset, name=name, dimensions=dimensions, metric=metric)
        if here is not None and here["dimensions"] == row["dimensions"]:
            _insert(writing, here, ((copied[each["revision"]], each["value"]) for each in found))


def erase(writing: Writing, dataset: Row, revisions: Iterable[int]) -> None:
    """Erases the vectors of these revisions; what was derived from them is made anew before the next search."""
    gone = list(revisions)
    for row in fields(writing, dataset):
        for revision in gone:
            writing.delete("vectors", field=row["id"], revision=revision)
        writing.update("vector_fields", {"id": row["id"]}, {"erased": row["erased"] + 1})


def delete_all(writing: Writing, dataset: Row) -> None:
    for row in fields(writing, dataset):
        writing.delete("vectors", field=row["id"])
        writing.delete("vector_fields", id=row["id"])


def rows_of(values: Sequence[float], count: int) -> list[NDArray[np.float32]]:
    """One vector after the other, as they travel, taken apart."""
    joined = np.asarray(values, np.float32)
    if not count or len(joined) % count or not len(joined):
        raise InvalidVector(f"{len(joined)} numbers are not {count} vectors of equal length")
    return list(joined.reshape(count, -1))


def _writable(caller: Caller, held: Mapping[str, Row], frame_id: str) -> int:
    row = held.get(frame_id)
    if row is None:
        raise NotFound(f"the version has no frame `{frame_id[:60]}`", kind="frame", name=frame_id)
    if caller.site and row["site"] != caller.site:
        raise FrameOfOtherSite("the frame belongs to another site; a node writes vectors of its own frames only")
    return int(row["revision"])


def content(payload: bytes) -> bytes:
    """What a frame shows: what a vector of it was computed from."""
    frame = from_canonical(payload)
    shown = [[each["uri"], each.get("digest")] for each in frame["sources"]], cast("Any", frame).get("blob")
    return orjson.dumps(shown)


def _insert(writing: Writing, row: Row, found: Iterable[tuple[int, bytes]]) -> None:
    writing.insert_all("vectors", [
        {"field": row["id"], "revision": revision, "value": value} for revision, value in found
    ])  # fmt: skip
