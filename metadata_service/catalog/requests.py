"""Requests that may be sent again: the first answer is kept for seven days, in the write's own transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from blake3 import blake3
from google.protobuf.message import Message

from hyperdatasets.core.errors import InvalidArgument, RequestIdReused
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.hidden import Hidden
from metadata_service.store.protocol import Writing

KEPT_MS = 7 * 24 * 3_600_000
MAX_REQUEST_ID = 200  # characters
_EVERY_MS = 24 * 3_600_000
_AT_ONCE = 1_000

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
    hidden: Hidden | None = None,
) -> Response:
    """The answer of `work`, or the first answer if this request id was answered before.

    Args:
        hidden: a secret in the answer, which is not stored.

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
        answer = response.FromString(before["response"])
        if hidden is not None:
            hidden.shown(answer)
        return answer
    answer = work()
    stored = answer.SerializeToString() if hidden is None else hidden.kept(answer)
    writing.insert("requests", key | {"content": content, "response": stored, "time_ms": now_ms})
    return answer


class Forgetting:
    """Removes answers that are older than they need to be kept: when the service starts, then once a day."""

    def __init__(self) -> None:
        self._due_ms = 0

    def some(self, writing: Writing, now_ms: int) -> None:
        """Removes some of them, if it is time; the rest goes with the next writes, so that none takes long."""
        if now_ms < self._due_ms:
            return
        old = [row for row in writing.rows("requests", order=f"time_ms LIMIT {_AT_ONCE}")
               if row["time_ms"] < now_ms - KEPT_MS]  # fmt: skip
        for row in old:
            writing.delete("requests", principal=row["principal"], target=row["target"], request_id=row["request_id"])
        if len(old) < _AT_ONCE:
            self._due_ms = now_ms + _EVERY_MS
