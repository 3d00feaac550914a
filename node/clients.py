"""Clients of a node: certificates of the site's own CA, and which of them are revoked."""

from __future__ import annotations

from pathlib import Path

import orjson

from hyperdatasets.core.errors import AlreadyExists
from hyperdatasets.core.names import check_name, not_found
from hyperdatasets.wire.authority import Authority
from node.config import load

_LIST = "clients.json"


def add(folder: Path, name: str) -> dict[str, Path]:
    """Makes a key and certificate for a client; returns their paths as `cert`, `key`, `ca`."""
    check_name("client", name)
    config = load(folder)
    listed = _listed(folder)
    if listed.get(name) == "active":
        raise AlreadyExists(f"there is a client `{name}` already; revoke it first", kind="client", name=name)
    authority = Authority(folder / "keys" / "clients", name=f"clients of site {config.site}")
    key, certificate = authority.client_pair(name)
    target = folder / "clients" / name
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / "client.key").touch(mode=0o600)
    (target / "client.key").write_bytes(key)
    (target / "client.pem").write_bytes(certificate)
    (target / "ca.pem").write_text(authority.certificate_pem)
    _write(folder, listed | {name: "active"})
    return {"cert": target / "client.pem", "key": target / "client.key", "ca": target / "ca.pem"}


def revoke(folder: Path, name: str) -> None:
    """Shuts a client out, also of streams that run, within a second."""
    listed = _listed(folder)
    if name not in listed:
        raise not_found("client", name, listed)
    _write(folder, listed | {name: "revoked"})


def active(folder: Path) -> set[str]:
    """Names of the clients that are not revoked."""
    return {name for name, state in _listed(folder).items() if state == "active"}


def _listed(folder: Path) -> dict[str, str]:
    path = folder / "keys" / _LIST
    return orjson.loads(path.read_bytes()) if path.exists() else {}


def _write(folder: Path, listed: dict[str, str]) -> None:
    path = folder / "keys" / _LIST
    temporary = path.with_suffix(".new")
    temporary.write_bytes(orjson.dumps(listed))
    temporary.replace(path)
