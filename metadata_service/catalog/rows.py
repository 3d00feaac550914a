"""Frames as rows of the store: canonical bytes, what names them, and what lies beside them; and back."""

from __future__ import annotations

import orjson

from hyperdatasets.core.canonical import canonical_bytes, frame_digest, from_canonical
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.given import Canonical
from metadata_service.store.protocol import Row


def row_of(frame: Frame) -> Row:
    """The row of a frame in its normal form."""
    site, annotated = frame.get("site", ""), bool(frame.get("annotations"))
    row = canonical_row(Canonical(frame["id"], site, annotated, canonical_bytes(frame)))
    previews = {source["id"]: source["preview"] for source in frame["sources"] if "preview" in source}
    if "blob" in frame or previews:
        row |= {"blob": frame.get("blob"), "previews_json": orjson.dumps(previews).decode()}
    return row


def canonical_row(frame: Canonical) -> Row:
    """The same for a frame of which there are but its bytes; nothing lies beside it."""
    frame_id, site, annotated, payload = frame
    return {
        "frame_id": frame_id, "site": site, "digest": frame_digest(payload), "annotated": annotated,
        "payload": payload, "blob": None, "previews_json": None,
    }  # fmt: skip


def frame_of(row: Row) -> Frame:
    """The plain frame of a row, with what lies beside it: inverse of `row_of`."""
    frame = from_canonical(row["payload"], blob=row["blob"])
    if row["previews_json"]:
        previews = orjson.loads(row["previews_json"])
        for source in frame["sources"]:
            if source["id"] in previews:
                source["preview"] = previews[source["id"]]
    return frame
