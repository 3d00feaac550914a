"""Writing frames: every change makes an immutable revision; who may write which part of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from pyroaring import BitMap

from hyperdatasets.core.canonical import join_parts, same_site_part, shared_part, site_part
from hyperdatasets.core.errors import (
    EtagMismatch,
    FrameOfOtherSite,
    FrameWithdrawn,
    HyperdatasetsError,
    InvalidFrame,
    NotFound,
    SiteOwnedField,
)
from hyperdatasets.core.registering import registered
from metadata_service.catalog import vectors
from metadata_service.catalog.batch import Batch
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.outcomes import Failure, Outcome
from metadata_service.catalog.rows import frame_of, row_of
from metadata_service.catalog.tombstones import withdrawn, withdrawn_ids
from metadata_service.catalog.versions import Edit, edit
from metadata_service.store.protocol import Reading, Row, Writing

Mode = Literal["upsert", "register", "register_replacing_annotations", "shared_part"]


@dataclass(slots=True)
class _Changes:
    """New revisions on their way into a draft, and those that they take the place of."""

    rows: list[Row] = field(default_factory=list)
    removed: dict[int, tuple[str, bytes, bool]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    replaced: dict[int, Row] = field(default_factory=dict)  # place -> the row that it takes the place of
    copied: dict[int, int] = field(default_factory=dict)  # place -> the revision of `origin` that it is a copy of
    origin: str = ""


def write(
    writing: Writing,
    contents: Contents,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    version: Row,
    *,
    mode: Mode,
    batch: Batch,
) -> Outcome:
    """Writes frames into a draft; those that fail are left out and told."""
    outcome, changes = Outcome(failures=batch.failures[:], warnings=batch.warnings), _Changes()
    current = _current(writing, contents, caller, dataset, version, batch.frame_ids, mode)
    gone = withdrawn_ids(writing, dataset["id"], batch.frame_ids)
    for place, row in batch.rows.items():
        frame_id = row["frame_id"]
        try:
            if frame_id in gone:
                raise already_withdrawn(frame_id)
            _take(changes, outcome, caller, row, current.get(frame_id), mode=mode, etag=batch.etags.get(place))
        except HyperdatasetsError as error:
            outcome.failures.append(Failure(place, frame_id, error))
    outcome.version = _store(writing, caller, now_ms, dataset, version, changes)
    return outcome


def current_rows(
    reading: Reading, contents: Contents, dataset: Row, version: Row, frame_ids: Sequence[str]
) -> dict[str, Row]:
    """The revisions that a version holds of these frames, by frame id."""
    held = contents.of(reading, version) - withdrawn(reading, dataset["id"])
    rows = reading.revisions_of(dataset["id"], frame_ids, held)
    return {row["frame_id"]: row for row in rows}


def current_heads(
    reading: Reading, contents: Contents, dataset: Row, version: Row, frame_ids: Sequence[str]
) -> dict[str, Row]:
    """What names these revisions: number, site, digest, whether it is annotated."""
    held = contents.of(reading, version) - withdrawn(reading, dataset["id"])
    heads = reading.heads_of(dataset["id"], frame_ids, held)
    return {head.frame_id: {"revision": number, **head._asdict()} for number, head in heads.items()}


def already_withdrawn(frame_id: str) -> FrameWithdrawn:
    return FrameWithdrawn(f"frame `{frame_id[:60]}` was withdrawn from this dataset and does not come back")


def remove(writing: Writing, caller: Caller, now_ms: int, version: Row, revisions: BitMap) -> Row:
    """Takes these revisions out of a draft; what they say is not read."""
    heads = writing.heads(version["dataset"], list(revisions))
    gone = {number: (head.site, head.digest, head.annotated) for number, head in heads.items()}
    return edit(writing, caller, now_ms, version, Edit(removed=gone)) if gone else version


def adopt(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    version: Row,
    rows: Sequence[Row],
    current: Mapping[str, Row],
    *,
    origin: str,
) -> Row:
    """Puts stored revisions of another dataset (`origin`) or version into a draft, each byte as it is."""
    changes = _Changes(origin=origin)
    for place, row in enumerate(rows):
        changes.rows.append(row)
        changes.copied[place] = row["revision"]
        if row["frame_id"] in current:
            before = current[row["frame_id"]]
            changes.removed[before["revision"]] = (before["site"], before["digest"], bool(before["annotated"]))
    return _store(writing, caller, now_ms, dataset, version, changes)


def _current(
    reading: Reading,
    contents: Contents,
    caller: Caller,
    dataset: Row,
    version: Row,
    frame_ids: Sequence[str],
    mode: Mode,
) -> dict[str, Row]:
    """What is written over; what it says is read where it counts: of others' frames, in other modes, with vectors."""
    if mode == "upsert" and not vectors.fields(reading, dataset):
        heads = current_heads(reading, contents, dataset, version, frame_ids)
        if all(head["site"] == caller.site for head in heads.values()):
            return heads
    return current_rows(reading, contents, dataset, version, frame_ids)


def _take(
    changes: _Changes, outcome: Outcome, caller: Caller, row: Row, current: Row | None, *, mode: Mode, etag: int | None
) -> None:
    frame_id = row["frame_id"]
    if frame_id in changes.seen:
        raise InvalidFrame(f"the frame id `{frame_id[:60]}` occurs twice in one batch; the first was kept")
    if etag is not None and (current is None or current["revision"] != etag):
        now = "gone" if current is None else f"revision {current['revision']} by now"
        raise EtagMismatch(f"the frame is {now}; read it again and repeat", etag=current and current["revision"])
    row = _new(caller, row, mode) if current is None else _changed(caller, row, current, mode, outcome)
    changes.seen.add(frame_id)
    if current is None:
        outcome.added += 1
    elif current["digest"] == row["digest"]:
        outcome.unchanged += 1
        return
    else:
        outcome.updated += 1
        changes.removed[current["revision"]] = (current["site"], current["digest"], bool(current["annotated"]))
        changes.replaced[len(changes.rows)] = current
    changes.rows.append(row)


def _new(caller: Caller, row: Row, mode: Mode) -> Row:
    if mode == "shared_part":
        frame_id = row["frame_id"]
        raise NotFound(f"the version has no frame `{frame_id[:60]}`", kind="frame", name=frame_id)
    _check_owner(caller, row)
    return row


def _changed(caller: Caller, row: Row, current: Row, mode: Mode, outcome: Outcome) -> Row:
    """The frame as this caller may write it: a site's part is the site's own, the rest the centre's."""
    owner = current["site"]
    if mode == "shared_part":
        return row_of(join_parts(site_part(frame_of(current)), shared_part(frame_of(row))))
    if owner == caller.site:
        _check_owner(caller, row)
    elif caller.site:
        raise FrameOfOtherSite(f"the frame id is taken by a frame of site `{owner}`")
    elif not same_site_part(frame_of(current), frame_of(row)):
        raise SiteOwnedField(f"sources, grouping and `meta.site` belong to site `{owner}`; leave them as they are")
    if mode == "upsert":
        return row
    done = registered(frame_of(row), frame_of(current), replace=mode == "register_replacing_annotations")
    outcome.changes.update(done.changes)
    outcome.differences += [(row["frame_id"], part) for part in done.kept]
    return row_of(done.frame)


def _check_owner(caller: Caller, row: Row) -> None:
    site = row["site"]
    if site != caller.site:
        owner = f"site `{site}`" if site else "no site"
        raise FrameOfOtherSite(f"the frame belongs to {owner}; only the node of a site writes its frames")


def _store(writing: Writing, caller: Caller, now_ms: int, dataset: Row, version: Row, changes: _Changes) -> Row:
    if not changes.rows:
        return version
    fresh = cast("Row", writing.one("datasets", id=dataset["id"]))
    first = fresh["next_revision"]
    saved = {"saved_ms": now_ms, "saved_in": version["id"], "saved_by": caller.name}
    writing.add_revisions(dataset["id"], first, changes.rows, saved)
    rows = dict(enumerate(changes.rows, start=first))
    writing.insert_all("attachments", [
        {"dataset": dataset["id"], "revision": number, "blob": row["blob"], "previews_json": row["previews_json"]}
        for number, row in rows.items() if row["previews_json"] is not None
    ])  # fmt: skip
    writing.update("datasets", {"id": dataset["id"]}, {"next_revision": first + len(rows)})
    replaced = {first + place: (rows[first + place]["payload"], row) for place, row in changes.replaced.items()}
    vectors.carry(writing, dataset, replaced)
    copied = {revision: first + place for place, revision in changes.copied.items()}
    vectors.copy(writing, caller, now_ms, dataset, origin=changes.origin, copied=copied)
    added = {number: (row["site"], row["digest"], row["annotated"]) for number, row in rows.items()}
    return edit(writing, caller, now_ms, version, Edit(added, changes.removed))
