"""Sites and their nodes: added with a one-time token, enrolled by the node, approved by a person, revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hyperdatasets.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
)
from hyperdatasets.core.names import check_name, check_project, not_found
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.stamps import created, updated
from metadata_service.catalog.users import hashed, new_secret
from metadata_service.store.protocol import Reading, Row, Writing

TOKEN_MS = 24 * 3_600_000


def create(
    writing: Writing, caller: Caller, now_ms: int, *, name: str, description: str, projects: Sequence[str], token: str
) -> Row:
    """The site, whose node enrols with the token, once within a day.

    A site that was added before gets a new token as long as no node has enrolled with it.
    """
    caller.require("admin", "")
    check_name("site", name)
    if not projects:
        raise InvalidArgument("projects: name at least one project that the site's node may write to")
    listed = sorted({check_project(project) for project in projects})
    before = writing.one("sites", name=name)
    if before is not None and before["state"] != "added":
        raise AlreadyExists(f"site `{name}` has a node already ({before['state']}); a second one needs another name")
    row = {
        "name": name, "description": description, "state": "added", "projects_json": orjson.dumps(listed).decode(),
        "token_hash": hashed(token), "token_expires_ms": now_ms + TOKEN_MS, "credential_hash": "", "fingerprint": "",
        "public_key": b"", "node_version": "", "frame_count": 0, "seen_ms": 0, **created(caller, now_ms),
    }  # fmt: skip
    writing.replace("sites", row)
    return row


def find(reading: Reading, name: str) -> Row:
    row = reading.one("sites", name=name)
    if row is None:
        raise not_found("site", name, [each["name"] for each in reading.rows("sites")])
    return row


def enrol(
    writing: Writing, now_ms: int, *, name: str, token: str, csr_pem: str
) -> tuple[Row, str, x509.CertificateSigningRequest]:
    """Takes the key of a site's node; returns the site, its credential, and the request for a certificate.

    Raises:
        Unauthenticated: the token is not the site's, expired, or was used before.
    """
    row = writing.one("sites", name=name)
    if row is None or row["token_hash"] != hashed(token) or row["token_expires_ms"] < now_ms:
        raise Unauthenticated(
            "the enrolment token is not valid for this site: it was used, is older than a day, or is another site's; "
            "an admin makes a new one with `command site add`"
        )
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
    except ValueError:
        raise InvalidArgument("csr_pem: this is no certificate signing request") from None
    public = request.public_key()
    if not isinstance(public, Ed25519PublicKey) or not request.is_signature_valid:
        raise InvalidArgument("csr_pem: expected a request signed with an Ed25519 key")
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    credential = new_secret("hd_node")
    changes = {
        "state": "enrolled", "token_hash": "", "credential_hash": hashed(credential), "public_key": raw,
        "fingerprint": fingerprint(raw), "updated_by": f"site:{name}", "updated_ms": now_ms,
    }  # fmt: skip
    writing.update("sites", {"name": name}, changes)
    return row | changes, credential, request


def approve(writing: Writing, caller: Caller, now_ms: int, row: Row, *, seen: str) -> Row:
    """Lets an enrolled node work, if the fingerprint that a person compared is its own."""
    caller.require("admin", "")
    if row["state"] == "added":
        raise FailedPrecondition(f"no node has enrolled as `{row['name']}` yet; run `command node enrol` there")
    if row["state"] == "revoked":
        raise FailedPrecondition(f"site `{row['name']}` was revoked; add it under another name")
    if seen and seen.strip().lower() != row["fingerprint"]:
        raise InvalidArgument(
            "the fingerprint differs from that of the node that enrolled; ask the site for what `command node enrol` "
            "printed there, and approve nothing that differs"
        )
    changes = {"state": "approved", **updated(caller, now_ms)}
    writing.update("sites", {"name": row["name"]}, changes)
    return row | changes


def revoke(writing: Writing, caller: Caller, now_ms: int, row: Row) -> Row:
    caller.require("admin", "")
    changes = {"state": "revoked", "credential_hash": "", "token_hash": "", **updated(caller, now_ms)}
    writing.update("sites", {"name": row["name"]}, changes)
    return row | changes


def heartbeat(writing: Writing, caller: Caller, now_ms: int, *, node_version: str, frame_count: int) -> Row:
    row = own(writing, caller, approved=False)
    changes = {"seen_ms": now_ms, "node_version": node_version[:100], "frame_count": frame_count}
    writing.update("sites", {"name": row["name"]}, changes)
    return row | changes


def own(reading: Reading, caller: Caller, *, approved: bool = True) -> Row:
    """The site of a calling node."""
    if not caller.site:
        raise PermissionDenied("only the node of a site may call this")
    if approved:
        caller.require_approval()
    return find(reading, caller.site)


def fingerprint(public_key: bytes) -> str:
    """What people compare: 32 hex digits in groups of four."""
    digits = hashlib.sha256(public_key).hexdigest()[:32]
    return "-".join(digits[i : i + 4] for i in range(0, 32, 4))


def store_report(
    writing: Writing, caller: Caller, now_ms: int, *, session_id: str, payload: bytes, signature: bytes
) -> None:
    """Keeps a signed report of a session; a later one of the same session replaces the earlier."""
    row = own(writing, caller)
    if not session_id or len(payload) > 1 << 20:
        raise InvalidArgument("a report names its session and has at most 1 MiB")
    try:
        Ed25519PublicKey.from_public_bytes(row["public_key"]).verify(signature, b"session\0" + payload)
    except Exception:  # noqa: BLE001  # the library has one exception for a wrong signature and others for its form
        raise InvalidArgument("the signature of the report is not the node's") from None
    try:
        is_object = isinstance(orjson.loads(payload), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise InvalidArgument("a report is JSON text of an object")
    writing.replace("reports", {
        "site": row["name"], "session_id": session_id, "payload": payload, "signature": signature,
        "received_ms": now_ms,
    })  # fmt: skip
