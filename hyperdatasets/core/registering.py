"""Registering a frame that is known: its owner's part is taken, the rest only where nothing was stored."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from hyperdatasets.core.canonical import join_parts, shared_part, site_part
from hyperdatasets.core.frames import Frame

NONE_CAME = "no annotations"
"""The part of a frame that is kept when annotations were to be replaced and none came: a file may be missing."""
NOT_IN_FILES = "not in the files: "
"""Begins the name of stored metadata that is kept when metadata was to be replaced, and none of its name came."""
ANNOTATIONS_ADDED = "annotations added"
ANNOTATIONS_REPLACED = "annotations replaced"
METADATA_ADDED = "metadata added"
METADATA_REPLACED = "metadata replaced"
DIGEST_ADDED = "digest added"
FILE_CHANGED = "file or grouping changed"
SITE_FIELDS_CHANGED = "published fields of the site changed"
PRIVATE_CHANGED = "private columns changed"
"""Said by a node: values changed that stay at the site."""
CHANGES = (
    ANNOTATIONS_ADDED, ANNOTATIONS_REPLACED, METADATA_ADDED, METADATA_REPLACED, DIGEST_ADDED, FILE_CHANGED,
    SITE_FIELDS_CHANGED, PRIVATE_CHANGED,
)  # fmt: skip


class Registered(NamedTuple):
    """The frame as it will be stored; what changed in it; parts of which the stored ones were kept."""

    frame: Frame
    changes: list[str]
    kept: list[str]


def registered(came: Frame, stored: Frame, *, replace: bool) -> Registered:
    """The frame of a registration.

    Args:
        replace: annotations and metadata that came take the place of stored ones.
    """
    changes, kept = _site_changes(came, stored), list[str]()
    shared = shared_part(stored)
    before, after = shared.get("annotations"), came.get("annotations")
    if after and before != after and (replace or not before):
        shared = {**shared, "annotations": after}
        changes.append(ANNOTATIONS_REPLACED if before else ANNOTATIONS_ADDED)
    elif before and before != after and (after or replace):
        kept.append("annotations" if after else NONE_CAME)
    meta = _meta(came, shared, changes, kept, replace=replace)
    if meta:
        shared = {**shared, "meta": meta}
    return Registered(join_parts(site_part(came), shared), changes, kept)


def _meta(came: Frame, shared: dict[str, Any], changes: list[str], kept: list[str], *, replace: bool) -> dict[str, Any]:
    """Stored metadata with what came: new names are added, others replaced or kept."""
    stored = shared.get("meta", {})
    given = {name: value for name, value in came.get("meta", {}).items() if name != "site"}
    other = {name for name, value in given.items() if name in stored and stored[name] != value}
    if given.keys() - stored.keys():
        changes.append(METADATA_ADDED)
    if other and replace:
        changes.append(METADATA_REPLACED)
    absent = stored.keys() - given.keys()
    kept += (
        sorted(f"{NOT_IN_FILES}meta.{name}" for name in absent) if replace else sorted(f"meta.{name}" for name in other)
    )
    return {**given, **stored} if not replace else {**stored, **given}


def _site_changes(came: Frame, stored: Frame) -> list[str]:
    one, other = cast("dict[str, Any]", site_part(came)), cast("dict[str, Any]", site_part(stored))
    changes = [] if one.pop("meta", None) == other.pop("meta", None) else [SITE_FIELDS_CHANGED]
    if one == other:
        return changes
    undigested = [{key: value for key, value in source.items() if key != "digest"} for source in one["sources"]]
    same = {**one, "sources": undigested} == other
    return [DIGEST_ADDED if same else FILE_CHANGED, *changes]
