"""A new node: its folder, its keys, its enrolment at the service."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hyperdatasets.core.address import host_and_port
from hyperdatasets.core.errors import AlreadyExists, InvalidConfig
from hyperdatasets.core.names import check_name
from hyperdatasets.private_folder import make_private
from hyperdatasets.v1 import site_service_pb2 as pb
from hyperdatasets.wire.authority import Authority
from node import keys
from node.centre import Centre
from node.config import FILE, PROFILES, NodeConfig, load


def init(
    folder: Path,
    *,
    site: str,
    service: str,
    profile: str = "strict",
    roots: Mapping[str, str | Path],
    listen: str = "127.0.0.1:7410",
    service_ca: str = "",
    hostname: str = "",
) -> None:
    """Makes the folder of a node with its settings and keys; a node that is there is left alone.

    Raises:
        AlreadyExists: the folder holds a node.
        InvalidConfig: a root is no folder, or the profile is unknown.
    """
    if (folder / FILE).exists():
        raise AlreadyExists(f"{folder} holds a node already; choose another folder", kind="node", name=str(folder))
    if profile not in PROFILES:
        raise InvalidConfig(f"profile: expected one of {', '.join(PROFILES)}, got {profile!r}")
    for alias, root in roots.items():
        check_name("root", alias)
        if not Path(root).is_dir():
            raise InvalidConfig(f"root `{alias}`: there is no folder {root}")
    check_name("site", site)
    host_and_port(service)
    host_and_port(listen, free=True)
    if service_ca and not Path(service_ca).is_file():
        raise InvalidConfig(
            f"service_ca: there is no file {service_ca}; it is `keys/ca.pem` of the service's data folder"
        )
    config = NodeConfig(
        site, service, {alias: Path(root).resolve() for alias, root in roots.items()},
        str(Path(service_ca).resolve()) if service_ca else "", listen, profile, hostname=hostname,
    )  # fmt: skip
    with _whole_or_not(folder):
        _fill(folder, config)


@contextmanager
def _whole_or_not(folder: Path) -> Iterator[None]:
    """Make the folder of a node. If that fails, remove a folder that did not exist before.

    Raises:
        InvalidConfig: it cannot be written.
    """
    was_there = folder.is_dir()
    try:
        make_private(folder)
        yield
    except OSError as error:
        if not was_there:
            shutil.rmtree(folder, ignore_errors=True)
        raise InvalidConfig(f"{folder}: no node's folder can be made there: {error.strerror}") from None


def _fill(folder: Path, config: NodeConfig) -> None:
    keys.make(folder)
    Authority(folder / "keys" / "clients", name=f"clients of site {config.site}")
    secret = folder / "operator.secret"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(32))
    _write(folder, config)


def change(folder: Path, *, service: str, roots: Mapping[str, Path], listen: str = "") -> None:
    """Change the service's address, the roots and the node's own address in the settings of a node."""
    config = load(folder)
    resolved = {alias: Path(root).resolve() for alias, root in roots.items()}
    changed = replace(config, service=service, roots=resolved, listen=listen or config.listen)
    if changed != config:
        _write(folder, changed)


def enrol(folder: Path, *, token: str) -> str:
    """Shows the node's key to the service; returns the fingerprint that an admin compares before approving.

    Raises:
        Unauthenticated: the token was used before, is old, or another site's.
        Unavailable: the service cannot be reached.
    """
    config = load(folder)
    own = keys.load(folder, need_enrolment=False)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, config.site[:64])])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(own.signing, None)
    with Centre(config, credential="") as centre:
        request = pb.EnrolNodeRequest(site=config.site, token=token, csr_pem=csr.public_bytes(Encoding.PEM).decode())
        answer = centre.send(request)
    keys.enrolled(folder, answer.credential, list(answer.record_keys))
    return own.fingerprint


def _write(folder: Path, config: NodeConfig) -> None:
    fields = ", ".join(map(_quoted, config.publish_fields))
    lines = [
        f"site = {_quoted(config.site)}", f"service = {_quoted(config.service)}",
        f"service_ca = {_quoted(config.service_ca)}", f"listen = {_quoted(config.listen)}",
        f"profile = {_quoted(config.profile)}", f"hostname = {_quoted(config.hostname)}",
        f"publish_fields = [{fields}]  # private columns that leave the site as meta.site.<name>", "", "[roots]",
        *(f"{_quoted(alias)} = {_quoted(str(root))}" for alias, root in config.roots.items()),
    ]  # fmt: skip
    (folder / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
