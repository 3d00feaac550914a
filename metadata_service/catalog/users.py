"""Users with their roles per project, and the tokens they show."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

import orjson

from hyperdatasets.core.errors import AlreadyExists, InvalidArgument, Unauthenticated
from hyperdatasets.core.names import check_name, check_project, not_found
from metadata_service.catalog.caller import ROLES, Caller
from metadata_service.catalog.stamps import created, updated
from metadata_service.store.protocol import Reading, Row, Writing

DAY_MS = 24 * 3_600_000
MAX_DAYS = 3_650


def create(writing: Writing, caller: Caller, now_ms: int, *, name: str, roles: Mapping[str, str]) -> Row:
    caller.require("admin", "")
    check_name("user", name)
    if writing.one("users", name=name) is not None:
        raise AlreadyExists(f"there is a user `{name}` already", kind="user", name=name)
    row = {"name": name, "roles_json": _roles_text(roles), **created(caller, now_ms)}
    writing.insert("users", row)
    return row


def find(reading: Reading, name: str) -> Row:
    row = reading.one("users", name=name)
    if row is None:
        raise not_found("user", name, [each["name"] for each in reading.rows("users")])
    return row


def set_role(writing: Writing, caller: Caller, now_ms: int, row: Row, *, project: str, role: str) -> Row:
    """Gives a role in a project; an empty role takes it away."""
    caller.require("admin", project)
    roles = orjson.loads(row["roles_json"])
    roles.pop(project, None)
    if role:
        roles[project] = role
    changes = {"roles_json": _roles_text(roles), **updated(caller, now_ms)}
    writing.update("users", {"name": row["name"]}, changes)
    return row | changes


def add_token(writing: Writing, caller: Caller, now_ms: int, row: Row, *, days: int, token: str) -> int:
    """Lets the user show this token; returns when it expires. 0 days = 90."""
    if caller.name != row["name"]:
        caller.require("admin", "")
    if not 0 <= days <= MAX_DAYS:
        raise InvalidArgument(f"days: expected 1 to {MAX_DAYS}, or 0 for 90")
    expires_ms = now_ms + (days or 90) * DAY_MS
    writing.insert("tokens", {"hash": hashed(token), "user": row["name"], "expires_ms": expires_ms})
    return expires_ms


def revoke_tokens(writing: Writing, caller: Caller, row: Row) -> int:
    if caller.name != row["name"]:
        caller.require("admin", "")
    return writing.delete("tokens", user=row["name"])


def authenticate(reading: Reading, secret: str, now_ms: int) -> Caller:
    """The user or node that shows this secret.

    Raises:
        Unauthenticated: it is unknown, expired or revoked.
    """
    token = reading.one("tokens", hash=hashed(secret))
    if token is not None and token["expires_ms"] > now_ms:
        user = find(reading, token["user"])
        return Caller(user["name"], orjson.loads(user["roles_json"]))
    site = reading.one("sites", credential_hash=hashed(secret))
    if site is not None and site["state"] in {"enrolled", "approved"}:
        roles = dict.fromkeys(orjson.loads(site["projects_json"]), "editor") if site["state"] == "approved" else {}
        return Caller(f"site:{site['name']}", roles, site["name"], waits=site["state"] == "enrolled")
    raise Unauthenticated("the token is unknown, expired or revoked; ask an admin for a new one")


def new_secret(kind: str) -> str:
    return f"{kind}_{secrets.token_urlsafe(32)}"


def hashed(secret: str) -> str:
    """Secrets are random and long, so one plain hash keeps them safe."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _roles_text(roles: Mapping[str, str]) -> str:
    for project, role in roles.items():
        check_project(project)
        if role not in ROLES:
            raise InvalidArgument(f"role: expected one of {', '.join(ROLES)}")
    return orjson.dumps(dict(roles), option=orjson.OPT_SORT_KEYS).decode()
