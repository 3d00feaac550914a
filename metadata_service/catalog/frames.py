"""Writing frames: every change makes an immutable revision; who may write which part of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import orjson
from pyroaring import BitMap

from hyperdatasets.core.canonical import (
    canonical_bytes,
    frame_digest,
    from_canonical,
    join_parts,
    same_site_part,
    shared_part,
    site_part,
)
from hyperdatasets.core.errors import (
    EtagMismatch,
    FrameOfOtherSite,
    FrameWithdrawn,
    HyperdatasetsError,
    InvalidFrame,
    NotFound,
    SiteOwnedField,
)
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise
from metadata_service.catalog import vectors
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.outcomes import Failure, Outcome
from metadata_service.catalog.tombstones import withdrawn, withdrawn_ids
from metadata_service.catalog.versions import Edit, edit
from metadata_service.store.protocol import Reading, Row, Writing

Mode = Literal["upsert", "register", "register_replacing_annotations", "shared_part"]
MAX_WARNINGS = 100

Write = tuple[str, Mapping[str, Any] | HyperdatasetsError, int | None]
"""Frame id, plain frame (or what was wrong with it before it came here), the revision its writer read (or None)."""


@dataclass(slots=True)
class _Batch:
    """New revisions on their way into a draft."""

    rows: list[Row] = field(default_factory=list)
    attachments: list[Row] = field(default_factory=list)
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
    frames: Sequence[Write],
    normal: bool = False,
) -> Outcome:
    """Writes frames into a draft; those that fail are left out and told.

    Args:
        normal: the frames are in their normal form already.
    """
    outcome, batch = Outcome(), _Batch()
    checked = [
        cast("Frame", each[1]) if normal else _normalised(index, each, outcome) for index, each in enumerate(frames)
    ]
    current = _current(writing, contents, caller, dataset, version, [frame["id"] for frame in checked if frame], mode)
    gone = withdrawn_ids(writing, dataset["id"], [frame["id"] for frame in checked if frame])
    for index, (frame, (_, _, etag)) in enumerate(zip(checked, frames, strict=True)):
        if frame is None:
            continue
        try:
            if frame["id"] in gone:
                raise already_withdrawn(frame["id"])
            _take(batch, outcome, caller, frame, current.get(frame["id"]), mode=mode, etag=etag)
        except HyperdatasetsError as error:
            outcome.failures.append(Failure(index, frame["id"], error))
    outcome.version = _store(writing, caller, now_ms, dataset, version, batch)
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


def frame_of(row: Row) -> Frame:
    """The plain frame of a stored revision, with what lies beside it."""
    frame = from_canonical(row["payload"], blob=row["blob"])
    if row["previews_json"]:
        previews = orjson.loads(row["previews_json"])
        for source in frame["sources"]:
            if source["id"] in previews:
                source["preview"] = previews[source["id"]]
    return frame


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
    batch = _Batch(origin=origin)
    for row in rows:
        batch.rows.append({key: row[key] for key in ("frame_id", "site", "digest", "annotated", "payload")})
        batch.copied[len(batch.rows) - 1] = row["revision"]
        if row["blob"] is not None or row["previews_json"]:
            place = len(batch.rows) - 1
            batch.attachments.append({"place": place, "blob": row["blob"], "previews_json": row["previews_json"]})
        if row["frame_id"] in current:
            before = current[row["frame_id"]]
            batch.removed[before["revision"]] = (before["site"], before["digest"], bool(before["annotated"]))
    return _store(writing, caller, now_ms, dataset, version, batch)


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


def _normalised(index: int, write: Write, outcome: Outcome) -> Frame | None:
    frame_id, plain, _ = write
    try:
        if isinstance(plain, HyperdatasetsError):
            raise plain
        frame, warnings = normalise(plain)
    except HyperdatasetsError as error:
        outcome.failures.append(Failure(index, frame_id[:512], error))
        return None
    if len(outcome.warnings) < MAX_WARNINGS:
        outcome.warnings += [(frame["id"], text) for text in warnings]
    return frame


def _take(
    batch: _Batch, outcome: Outcome, caller: Caller, frame: Frame, current: Row | None, *, mode: Mode, etag: int | None
) -> None:
    if frame["id"] in batch.seen:
        raise InvalidFrame(f"the frame id `{frame['id'][:60]}` occurs twice in one batch; the first was kept")
    if etag is not None and (current is None or current["revision"] != etag):
        now = "gone" if current is None else f"revision {current['revision']} by now"
        raise EtagMismatch(f"the frame is {now}; read it again and repeat", etag=current and current["revision"])
    frame = _allowed(caller, frame, current, mode)
    batch.seen.add(frame["id"])
    payload = canonical_bytes(frame)
    digest = frame_digest(payload)
    if current is not None and current["digest"] == digest:
        outcome.unchanged += 1
        return
    annotated = bool(frame.get("annotations"))
    site = frame.get("site", "")
    batch.rows.append({
        "frame_id": frame["id"], "site": site, "digest": digest, "annotated": annotated, "payload": payload,
    })  # fmt: skip
    previews = {source["id"]: source["preview"] for source in frame["sources"] if "preview" in source}
    if "blob" in frame or previews:
        beside = {"blob": frame.get("blob"), "previews_json": orjson.dumps(previews).decode()}
        batch.attachments.append({"place": len(batch.rows) - 1, **beside})
    if current is None:
        outcome.added += 1
    else:
        outcome.updated += 1
        batch.removed[current["revision"]] = (current["site"], current["digest"], bool(current["annotated"]))
        batch.replaced[len(batch.rows) - 1] = current


def _allowed(caller: Caller, frame: Frame, current: Row | None, mode: Mode) -> Frame:
    """The frame as this caller may write it: a site's part is the site's own, the rest the centre's."""
    if current is None:
        return _arriving(caller, frame, mode)
    owner = current["site"]
    if mode == "upsert" and owner == caller.site:
        return frame
    before = frame_of(current)
    if mode == "shared_part":
        return join_parts(site_part(before), shared_part(frame))
    if caller.site and owner != caller.site:
        raise FrameOfOtherSite(f"the frame id is taken by a frame of site `{owner}`")
    if owner != caller.site and not same_site_part(before, frame):
        raise SiteOwnedField(f"sources, grouping and `meta.site` belong to site `{owner}`; leave them as they are")
    if mode == "upsert":
        return frame
    kept = shared_part(before)
    if mode == "register_replacing_annotations":
        kept.pop("annotations", None)
        if "annotations" in frame:
            kept["annotations"] = frame["annotations"]
    return join_parts(site_part(frame), kept)


def _arriving(caller: Caller, frame: Frame, mode: Mode) -> Frame:
    """A frame that the version does not hold yet."""
    site = frame.get("site", "")
    if mode == "shared_part":
        raise NotFound(f"the version has no frame `{frame['id'][:60]}`", kind="frame", name=frame["id"])
    if site != caller.site and (site or caller.site):
        owner = f"site `{site}`" if site else "no site"
        raise FrameOfOtherSite(f"the frame belongs to {owner}; only the node of a site writes its frames")
    return frame


def _store(writing: Writing, caller: Caller, now_ms: int, dataset: Row, version: Row, batch: _Batch) -> Row:
    if not batch.rows:
        return version
    fresh = cast("Row", writing.one("datasets", id=dataset["id"]))
    first = fresh["next_revision"]
    saved = {"saved_ms": now_ms, "saved_in": version["id"], "saved_by": caller.name}
    writing.add_revisions(dataset["id"], first, batch.rows, saved)
    writing.insert_all("attachments", [
        {"dataset": dataset["id"], "revision": first + beside.pop("place"), **beside} for beside in batch.attachments
    ])  # fmt: skip
    writing.update("datasets", {"id": dataset["id"]}, {"next_revision": first + len(batch.rows)})
    replaced = {first + place: (batch.rows[place]["payload"], row) for place, row in batch.replaced.items()}
    vectors.carry(writing, dataset, replaced)
    copied = {revision: first + place for place, revision in batch.copied.items()}
    vectors.copy(writing, caller, now_ms, dataset, origin=batch.origin, copied=copied)
    added = {first + place: (row["site"], row["digest"], row["annotated"]) for place, row in enumerate(batch.rows)}
    return edit(writing, caller, now_ms, version, Edit(added, batch.removed))
