"""Requests that may be sent again: the first answer is kept for seven days, in the write's own transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from blake3 import blake3
from google.protobuf.message import Message

from hyperdatasets.core.errors import InvalidArgument, RequestIdReused
from metadata_service.catalog.caller import Caller
from metadata_service.store.protocol import Writing

KEPT_MS = 7 * 24 * 3_600_000
MAX_REQUEST_ID = 200  # characters

Response = TypeVar("Response", bound=Message)


def once(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    *,
    target: str,
    request: Message,
    response: type[Response],
    work: Callable[[], Response],
) -> Response:
    """The answer of `work`, or the first answer if this request id was answered before.

    Raises:
        RequestIdReused: the id came with another content.
        InvalidArgument: the id is too long to be kept.
    """
    request_id: str = request.request_id  # type: ignore[attr-defined]  # every mutation has one
    if not request_id:
        return work()
    if len(request_id) > MAX_REQUEST_ID:
        raise InvalidArgument(f"request_id: at most {MAX_REQUEST_ID} characters, this one has {len(request_id)}")
    content = blake3(request.SerializeToString(deterministic=True)).digest()
    key = {"principal": caller.name, "target": target, "request_id": request_id}
    before = writing.one("requests", **key)
    if before is not None:
        if before["content"] != content:
            raise RequestIdReused(f"the request id `{request_id[:60]}` was used for another request; take a new one")
        return response.FromString(before["response"])
    answer = work()
    kept = {"content": content, "response": answer.SerializeToString(), "time_ms": now_ms}
    writing.insert("requests", key | kept)
    return answer


def forget_old(writing: Writing, now_ms: int) -> None:
    """Removes answers that are older than they need to be kept."""
    for row in writing.rows("requests", order="time_ms LIMIT 100000"):
        if row["time_ms"] >= now_ms - KEPT_MS:
            return
        writing.delete("requests", principal=row["principal"], target=row["target"], request_id=row["request_id"])
