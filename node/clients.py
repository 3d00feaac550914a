"""Clients of a node: certificates of the site's own CA, and which of them are revoked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hyperdatasets.core.errors import AlreadyExists
from hyperdatasets.core.names import check_name, not_found
from hyperdatasets.wire.authority import Authority
from node.config import load

_LIST = "clients.json"


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls: a name, the fingerprint of the certificate, and when that ends.

    On loopback, where an open node asks for no certificate, there is none and it never ends.
    """

    name: str
    certificate: str = ""
    expires_ms: int = 1 << 53


def add(folder: Path, name: str) -> dict[str, Path]:
    """Makes a key and certificate for a client; returns their paths as `cert`, `key`, `ca`.

    An earlier certificate of the same name, which was revoked, stays revoked.
    """
    check_name("client", name)
    config = load(folder)
    if name in active(folder):
        raise AlreadyExists(f"there is a client `{name}` already; revoke it first", kind="client", name=name)
    authority = Authority(folder / "keys" / "clients", name=f"clients of site {config.site}")
    key, certificate = authority.client_pair(name)
    target = folder / "clients" / name
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / "client.key").touch(mode=0o600)
    (target / "client.key").write_bytes(key)
    (target / "client.pem").write_bytes(certificate)
    (target / "ca.pem").write_text(authority.certificate_pem)
    _write(folder, _listed(folder) | {name: _read(certificate)[0]})
    return {"cert": target / "client.pem", "key": target / "client.key", "ca": target / "ca.pem"}


def revoke(folder: Path, name: str) -> None:
    """Shuts a client out, also of streams that run, within a second."""
    load(folder)  # it is a node
    listed = _listed(folder)
    if name not in listed:
        raise not_found("client", name, listed)
    _write(folder, listed | {name: ""})


def active(folder: Path) -> dict[str, str]:
    """Name -> fingerprint of the certificate, of the clients that are not revoked."""
    return {name: certificate for name, certificate in _listed(folder).items() if certificate}


def of_certificate(folder: Path, pem: bytes, now_ms: int) -> Client | None:
    """The client whose certificate this is; None if it is not listed, was revoked, or has expired."""
    certificate, expires_ms = _read(pem)
    name = next((each for each, listed in active(folder).items() if listed == certificate), None)
    return None if name is None or expires_ms <= now_ms else Client(name, certificate, expires_ms)


@lru_cache(maxsize=1_000)
def _read(pem: bytes) -> tuple[str, int]:
    """Fingerprint of a certificate, and when it ends."""
    certificate = x509.load_pem_x509_certificate(pem)
    fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    return fingerprint, int(certificate.not_valid_after_utc.timestamp() * 1_000)


def _listed(folder: Path) -> dict[str, str]:
    """Name -> fingerprint of its certificate; empty = revoked."""
    path = folder / "keys" / _LIST
    return orjson.loads(path.read_bytes()) if path.exists() else {}


def _write(folder: Path, listed: dict[str, str]) -> None:
    path = folder / "keys" / _LIST
    temporary = path.with_suffix(".new")
    temporary.write_bytes(orjson.dumps(listed))
    temporary.replace(path)
