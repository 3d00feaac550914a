"""Page tokens: where the next page begins, bound to the query and the version it was made for, and signed."""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson
from google.protobuf.message import Message

from hyperdatasets.core.errors import InvalidArgument, InvalidPageToken

_SIGNATURE = 16  # bytes
PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


def size(asked: int) -> int:
    """Raises InvalidArgument: a negative size."""
    if asked < 0:
        raise InvalidArgument(f"page_size: expected 0 (for {PAGE_SIZE}) to {MAX_PAGE_SIZE}, got {asked}")
    return min(asked or PAGE_SIZE, MAX_PAGE_SIZE)


def token(key: bytes, request: Message, *, start: int, generation: int = 0) -> str:
    """A token for the page that begins at `start` of the answer to this request."""
    payload = orjson.dumps([_bound(request), start, generation])
    return base64.urlsafe_b64encode(_sign(key, payload) + payload).decode()


def start(key: bytes, request: Message) -> int:
    """Where the page begins that the request asks for.

    Raises:
        InvalidPageToken: forged, cut, or made for another request.
    """
    return place(key, request, generation=0)[0]


def place(key: bytes, request: Message, *, generation: int) -> tuple[int, int]:
    """The same, and the generation of the version that the first page was made from; that one if this is the first."""
    given: str = request.page_token  # type: ignore[attr-defined]  # every list request has one
    if not given:
        return 0, generation
    bound, first, made_for = _payload(key, given)
    if bound != _bound(request):
        raise InvalidPageToken("the page token belongs to another query; begin again without one")
    return int(first), int(made_for)


def _payload(key: bytes, given: str) -> tuple[str, int, int]:
    wrong = InvalidPageToken("the page token is not one of this service; begin again without one")
    try:
        raw = base64.urlsafe_b64decode(given.encode())
        signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
        bound, first, made_for = orjson.loads(payload)
    except ValueError:
        raise wrong from None
    if not hmac.compare_digest(signature, _sign(key, payload)):
        raise wrong
    return bound, first, made_for


def _bound(request: Message) -> str:
    copy = type(request)()
    copy.CopyFrom(request)
    for name in ("page_token", "page_size"):
        copy.ClearField(name)
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()[:32]


def _sign(key: bytes, payload: bytes) -> bytes:
    return hmac.new(key, payload, hashlib.sha256).digest()[:_SIGNATURE]
