"""Versions: drafts, snapshots, merges, publication, deletion; their contents change through `edit` alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pyroaring import BitMap

from hyperdatasets.core.digests import content_digest
from hyperdatasets.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    InUse,
    InvalidArgument,
    ParentNotPublished,
    VersionPublished,
)
from hyperdatasets.core.names import check_name, not_found
from metadata_service.catalog import merges
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import Contents, add_to_leaves, leaves, packed
from metadata_service.catalog.records import Signer, add_version_record
from metadata_service.catalog.stamps import change, check_etag, created, new_id, updated, with_tags
from metadata_service.store.protocol import Reading, Row, Writing

CURRENT = "Current"  # the name of a working copy
_EMPTY = packed(BitMap())
Gate = Callable[[Row], bool]
"""Lets a draft through to be published, or raises; tells whether by force."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What one write does to a draft: revisions in and out, each with (site, frame digest, annotated)."""

    added: Mapping[int, tuple[str, bytes, bool]] = field(default_factory=dict)
    removed: Mapping[int, tuple[str, bytes, bool]] = field(default_factory=dict)


def create(
    writing: Writing,
    contents: Contents,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    *,
    name: str,
    parents: Sequence[Row] = (),
    body: Mapping[str, Any] | None = None,
    refuse_collisions: bool = False,
) -> tuple[Row, merges.Merge]:
    """A draft with the frames and mask labels of its parents, and how these were merged.

    Raises:
        MergeCollides: parents changed the same in different ways, and that is refused.
    """
    check_name("version", name)
    for parent in parents:
        if not parent["published"]:
            raise ParentNotPublished(f"version `{parent['name']}` is a draft; publish it before it becomes a parent")
    _check_free(writing, dataset, name)
    merge = merges.merged(writing, contents, dataset["id"], parents)
    if refuse_collisions:
        merge.refuse_collisions()
    base = contents.of(writing, parents[0]) if parents else BitMap()
    rule = {"merge": merges.RULE} if len(parents) > 1 else {}
    row = {
        "id": new_id(), "dataset": dataset["id"], "name": name, "published": 0,
        "parents_json": orjson.dumps([parent["id"] for parent in parents]).decode(),
        "body_json": orjson.dumps({"mask_labels": merge.masks, **rule, **(body or {})}).decode(),
        "base": parents[0]["id"] if parents else None, "added": _EMPTY, "removed": _EMPTY,
        "frames": parents[0]["frames"] if parents else 0, "annotated": parents[0]["annotated"] if parents else 0,
        "digest": "", "published_ms": 0, "number": _next_number(writing, dataset["id"]),
        "generation": 1, **created(caller, now_ms),
    }  # fmt: skip
    writing.insert("versions", row)
    if parents:
        writing.insert_all(
            "leaves", [leaf | {"version": row["id"]} for leaf in writing.rows("leaves", version=row["base"])]
        )
    if merge.revisions != base:
        row = edit(writing, caller, now_ms, row, _from_to(writing, dataset["id"], base, merge.revisions))
    return row, merge


def _next_number(writing: Writing, dataset: str) -> int:
    """The number of a new version: one more than that of any before, also of those that were deleted."""
    (row,) = writing.rows("datasets", id=dataset)
    number: int = row["next_version"]
    writing.update("datasets", {"id": dataset}, {"next_version": number + 1})
    return number


def edit(writing: Writing, caller: Caller, now_ms: int, row: Row, edited: Edit) -> Row:
    """Takes revisions out of a draft and puts others in; costs what changes, not what the version holds."""
    added, removed = BitMap.deserialize(row["added"]), BitMap.deserialize(row["removed"])
    arriving, leaving = BitMap(edited.added), BitMap(edited.removed)
    own = added & leaving
    added = (added - leaving) | (arriving - removed)
    removed = (removed - arriving) | (leaving - own)
    add_to_leaves(
        writing,
        row["id"],
        [(site, digest) for site, digest, _ in edited.added.values()],
        [(site, digest) for site, digest, _ in edited.removed.values()],
    )
    annotated = sum(each[2] for each in edited.added.values()) - sum(each[2] for each in edited.removed.values())
    changes = {
        "added": packed(added), "removed": packed(removed),
        "frames": row["frames"] + len(arriving) - len(leaving), "annotated": row["annotated"] + annotated,
    }  # fmt: skip
    return change(writing, "versions", row, changes | updated(caller, now_ms))


def find(reading: Reading, dataset: Row, name: str) -> Row:
    """The version with this id or name; without a name the newest draft, or else the newest version."""
    rows = reading.rows("versions", order="number", dataset=dataset["id"])
    if not name and rows:
        drafts = [row for row in rows if not row["published"]]
        return (drafts or rows)[-1]
    for row in rows:
        if name in {row["id"], row["name"]}:
            return row
    raise not_found("version", name, [row["name"] for row in rows])


def find_draft(reading: Reading, dataset: Row, name: str) -> Row:
    row = find(reading, dataset, name)
    if row["published"]:
        raise VersionPublished(
            f"version `{row['name']}` is published, its frames are frozen for ever; edit a child version of it "
            "(`command version create`)"
        )
    return row


def digest(reading: Reading, row: Row) -> str:
    """The content digest; of a draft as it is now."""
    masks = orjson.loads(row["body_json"]).get("mask_labels", [])
    return row["digest"] or content_digest(leaves(reading, row["id"]), masks)


def publish(
    writing: Writing,
    signer: Signer,
    caller: Caller,
    now_ms: int,
    row: Row,
    *,
    gate: Gate,
    name: str = "",
    etag: str = "",
) -> Row:
    """Freezes a draft and signs its record; costs the same however many frames it has, but for what its gate asks."""
    check_etag(row, etag)
    if row["published"]:
        raise VersionPublished(f"version `{row['name']}` is published already")
    if name and name != row["name"]:
        check_name("version", name)
        _check_free(writing, {"id": row["dataset"]}, name)
    body = orjson.loads(row["body_json"]) | ({"forced": True} if gate(row) else {})
    changes = {
        "name": name or row["name"], "published": 1, "published_ms": now_ms, "digest": digest(writing, row),
        "body_json": orjson.dumps(body).decode(),
    }  # fmt: skip
    row = change(writing, "versions", row, changes | updated(caller, now_ms))
    add_version_record(writing, signer, row, leaves(writing, row["id"]), now_ms)
    return row


def snapshot(
    writing: Writing,
    contents: Contents,
    signer: Signer,
    caller: Caller,
    now_ms: int,
    dataset: Row,
    *,
    gate: Gate,
    publish_name: str,
    child_name: str,
    child_body: Mapping[str, Any],
) -> tuple[Row, Row]:
    """Publishes the only draft under a name and opens a new draft child."""
    drafts = [row for row in writing.rows("versions", order="number", dataset=dataset["id"]) if not row["published"]]
    if len(drafts) != 1:
        raise FailedPrecondition(
            f"a snapshot needs exactly one draft, `{dataset['name']}` has {len(drafts)}; publish the version you mean"
        )
    published = publish(writing, signer, caller, now_ms, drafts[0], gate=gate, name=publish_name)
    child, _ = create(
        writing, contents, caller, now_ms, dataset, name=child_name or CURRENT, parents=[published], body=child_body
    )
    return published, child


def snapshot_name(reading: Reading, dataset: Row, now_ms: int) -> str:
    """A name that is free: `snapshot` and the time, to the microsecond."""
    time = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now_ms)
    while True:
        name = f"snapshot {time:%Y-%m-%dT%H:%M:%S.%fZ}"
        if reading.one("versions", dataset=dataset["id"], name=name) is None:
            return name
        time += timedelta(microseconds=1)


def update(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    row: Row,
    *,
    etag: str,
    changes: Mapping[str, Any],
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
) -> Row:
    """`changes` may hold name, comment, metadata, and of a draft mask_labels."""
    check_etag(row, etag)
    name = changes.get("name", row["name"])
    if name != row["name"]:
        check_name("version", name)
        _check_free(writing, {"id": row["dataset"]}, name)
    if "mask_labels" in changes and row["published"]:
        raise VersionPublished(
            f"version `{row['name']}` is published, its mask labels are frozen; create a child version "
            "(`command version create`)"
        )
    body = orjson.loads(row["body_json"])
    body |= {key: changes[key] for key in ("comment", "metadata", "mask_labels") if key in changes}
    body["tags"] = with_tags(body.get("tags", []), list(add_tags), list(remove_tags))
    new = {"name": name, "body_json": orjson.dumps(body).decode()}
    return change(writing, "versions", row, new | updated(caller, now_ms))


def delete(writing: Writing, row: Row, *, force: bool, etag: str) -> None:
    check_etag(row, etag)
    if writing.one("view_versions", version=row["id"]) is not None:
        raise InUse(f"a published data view names version `{row['name']}`; delete the view first")
    if writing.one("versions", base=row["id"]) is not None or _is_parent(writing, row):
        raise InUse(f"version `{row['name']}` has children; delete them first")
    if row["published"] and not force:
        raise InUse(f"version `{row['name']}` is published; delete it with `option force` if it may go for ever")
    writing.delete("leaves", version=row["id"])
    writing.delete("check_reports", version=row["id"])
    writing.delete("versions", id=row["id"])


def revert(
    writing: Writing, contents: Contents, caller: Caller, now_ms: int, row: Row, *, etag: str
) -> tuple[Row, bool]:
    """Makes a draft equal to its parents again; and whether it was merged by an earlier rule before."""
    check_etag(row, etag)
    body = orjson.loads(row["body_json"])
    parents = [writing.one("versions", id=parent) for parent in orjson.loads(row["parents_json"])]
    merge = merges.merged(writing, contents, row["dataset"], [parent for parent in parents if parent is not None])
    earlier = len(parents) > 1 and body.get("merge") != merges.RULE
    body |= {"mask_labels": merge.masks, **({"merge": merges.RULE} if len(parents) > 1 else {})}
    row = {**row, "body_json": orjson.dumps(body).decode()}
    writing.update("versions", {"id": row["id"]}, {"body_json": row["body_json"]})
    edited = _from_to(writing, row["dataset"], contents.of(writing, row), merge.revisions)
    return edit(writing, caller, now_ms, row, edited), earlier


def frame_ids(reading: Reading, dataset: str, revisions: BitMap) -> dict[int, str]:
    """Frame id of each of these revisions."""
    return reading.frame_ids(dataset, list(revisions))


def mask_labels(plain: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mask labels in their normal form: by value, labels as given."""
    values = [tuple(each["value"]) for each in plain]
    if len(set(values)) != len(values) or any(len(value) not in {1, 3} or max(value) > 255 for value in values):
        raise InvalidArgument("mask labels: each value is one number or red, green, blue from 0 to 255, and once")
    ordered = sorted(plain, key=lambda each: tuple(each["value"]))
    return [{"value": list(each["value"]), "labels": list(each["labels"])} for each in ordered]


def _from_to(reading: Reading, dataset: str, before: BitMap, after: BitMap) -> Edit:
    return Edit(_described(reading, dataset, after - before), _described(reading, dataset, before - after))


def _described(reading: Reading, dataset: str, revisions: BitMap) -> dict[int, tuple[str, bytes, bool]]:
    heads = reading.heads(dataset, list(revisions))
    return {revision: (head.site, head.digest, head.annotated) for revision, head in heads.items()}


def _check_free(reading: Reading, dataset: Mapping[str, Any], name: str) -> None:
    if reading.one("versions", dataset=dataset["id"], name=name) is not None:
        raise AlreadyExists(f"the dataset has a version `{name}` already", kind="version", name=name)


def _is_parent(reading: Reading, row: Row) -> bool:
    others = reading.rows("versions", dataset=row["dataset"])
    return any(row["id"] in orjson.loads(other["parents_json"]) for other in others)
