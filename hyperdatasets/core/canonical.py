"""The bytes that stand for a frame: what digests are made of, what stores keep.

Canonical bytes are the JSON text, with sorted keys, of a normalised frame: geometry and confidence are doubles,
numbers in `meta` keep their kind, absent fields are left out, sources stand in order, annotations by id. A blob
enters as its SHA-256; previews stay outside, since they may be written later without a new revision.
"""

from __future__ import annotations

import hashlib
from typing import Any, cast

import orjson

from hyperdatasets.core.frames import Frame

SITE_KEYS = frozenset({"site", "context_id", "timestamp", "sources", "blob"})


def canonical_bytes(frame: Frame) -> bytes:
    """Canonical bytes of a normalised frame (see `normalise`)."""
    plain: dict[str, Any] = cast("dict[str, Any]", frame)
    if "blob" in plain:
        plain = {**plain, "blob": blob_digest(plain["blob"])}
    if any("preview" in source for source in plain["sources"]):
        plain = {**plain, "sources": [_without(source, "preview") for source in plain["sources"]]}
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)


def from_canonical(canonical: bytes, *, blob: bytes | None = None) -> Frame:
    """The frame of the bytes; the content of its blob lies beside them and is given."""
    plain = orjson.loads(canonical)
    if "blob" in plain:
        del plain["blob"]
        if blob is not None:
            plain["blob"] = blob
    return cast("Frame", plain)


def frame_digest(canonical: bytes) -> bytes:
    """SHA-256 (32 bytes) of canonical bytes."""
    return hashlib.sha256(canonical).digest()


def blob_digest(blob: bytes) -> str:
    """How inline content appears in canonical bytes."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def site_part(frame: Frame) -> Frame:
    """What the owner of the data says: sources, grouping, and `meta.site`."""
    part: dict[str, Any] = {key: value for key, value in frame.items() if key in SITE_KEYS or key == "id"}
    owned = frame.get("meta", {}).get("site")
    if owned is not None:
        part["meta"] = {"site": owned}
    return cast("Frame", part)


def shared_part(frame: Frame) -> dict[str, Any]:
    """What people at the centre say: annotations, and all of `meta` but `meta.site`."""
    part: dict[str, Any] = {}
    if "annotations" in frame:
        part["annotations"] = frame["annotations"]
    meta = _without(frame.get("meta", {}), "site")
    if meta:
        part["meta"] = meta
    return part


def join_parts(site: Frame, shared: dict[str, Any]) -> Frame:
    """The frame of a site part and a shared part: inverse of taking them."""
    joined: dict[str, Any] = {**site, **shared}
    meta = {**shared.get("meta", {}), **site.get("meta", {})}
    if meta:
        joined["meta"] = meta
    return cast("Frame", joined)


def same_site_part(one: Frame, other: Frame) -> bool:
    """Whether the owner of the data says the same in both; previews do not count."""
    return canonical_bytes(site_part(one)) == canonical_bytes(site_part(other))


def _without(plain: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name != key}
