"""Servers that cannot be reached: what is wrong, and the setting to change; real servers, real certificates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.core.errors import HyperdatasetsError, InvalidConfig, Unavailable
from hyperdatasets.v1.dataview_service_pb2 import ReadDataViewRequest
from hyperdatasets.wire.authority import Authority
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from node import clients, setup
from node.server import Node

pytestmark = pytest.mark.slow

_GRPC_LINE = re.compile(r"^[EIWF]\d{4} |absl::", re.MULTILINE)


@dataclass(frozen=True)
class Servers:
    """A service with TLS and one without, a node with TLS; `foreign` is the CA of somebody else."""

    secure: str
    plain: str
    node: str
    ca: str
    node_folder: Path
    foreign: str


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "raw").mkdir()
    Authority(folder / "foreign", name="somebody else")
    with (
        Service(ServiceConfig(data=folder / "secure", host="0.0.0.0", port=0)) as secure,
        Service(ServiceConfig(data=folder / "plain", port=0)) as plain,
    ):
        client = MetadataClient(ClientConfig(service=plain.address))
        _, token = admin.add_site("north", projects=["p"], client=client)
        at = folder / "node"
        setup.init(at, site="north", service=plain.address, roots={"raw": folder / "raw"}, listen="127.0.0.1:0")
        admin.approve_site("north", fingerprint=setup.enrol(at, token=token), client=client)
        client.close()
        clients.add(at, "trainer")
        with Node(at) as node:
            yield Servers(
                secure.address.rpartition(":")[2], plain.address, node.address,
                str(folder / "secure" / "keys" / "ca.pem"), at, str(folder / "foreign" / "ca.pem"),
            )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Settings as in `Servers`, and what the one sentence says."""

    address: str
    ca: str
    said: str


_NOTHING = r"cannot be reached: nothing listens there; .* set HYPERDATASETS_SERVICE"
SERVICE_CASES = {
    "wrong CA": Case(
        "localhost:{secure}", "{foreign}",
        r"is not from the CA in {foreign}: set HYPERDATASETS_CA to the file `keys/ca\.pem`",
    ),
    "host name": Case(
        "127.0.0.2:{secure}", "{ca}",
        r"is not for `127\.0\.0\.2`, but for .*localhost, 127\.0\.0\.1: use one of these names in "
        r"HYPERDATASETS_SERVICE, or add .* to `hostname`",
    ),
    "plain text to TLS": Case("localhost:{secure}", "", r"speaks TLS, and no CA is set here: set HYPERDATASETS_CA to"),
    "TLS to plain text": Case("{plain}", "{ca}", r"speaks without TLS, .* is set here: leave HYPERDATASETS_CA out"),
    "nothing listens": Case("127.0.0.1:1", "", _NOTHING),
}  # fmt: skip
MORE_CASES = {
    "nothing listens, TLS": Case("127.0.0.1:1", "{ca}", _NOTHING),
    "no such host": Case("nowhere.invalid:7400", "{ca}", r"no host has this name; check HYPERDATASETS_SERVICE"),
    "no certificate in the file": Case(
        "localhost:{secure}", __file__, r"no certificate \(PEM\) is in it; check HYPERDATASETS_CA"
    ),
    "no file": Case("localhost:{secure}", "/nowhere/ca.pem", r"cannot be read: No such .*; check HYPERDATASETS_CA"),
    "other host without TLS": Case("192.0.2.1:7400", "", r"is not on this machine: .*set HYPERDATASETS_CA to"),
}  # fmt: skip


def _filled(text: str, servers: Servers) -> str:
    return text.format(secure=servers.secure, plain=servers.plain, ca=servers.ca, foreign=servers.foreign)


@pytest.mark.parametrize("name", [*SERVICE_CASES, *MORE_CASES])
def test_a_python_client_of_the_service_is_told_what_to_change(servers: Servers, name: str) -> None:
    case = (SERVICE_CASES | MORE_CASES)[name]
    client = MetadataClient(
        ClientConfig(service=_filled(case.address, servers), ca=_filled(case.ca, servers), timeout_s=5)
    )
    with pytest.raises((Unavailable, InvalidConfig), match=_filled(case.said, servers)):
        client.who_am_i()
    client.close()


def _command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from hyperdatasets.cli.main import main; main()"
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("HYPERDATASETS_", "GRPC_"))}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=inherited | environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", SERVICE_CASES)
def test_a_command_says_one_line(servers: Servers, name: str, tmp_path: Path) -> None:
    case = SERVICE_CASES[name]
    answer = _command(
        "--service", _filled(case.address, servers), "--ca", _filled(case.ca, servers), "dataset", "list",
        HYPERDATASETS_HOME=str(tmp_path),
    )  # fmt: skip
    assert answer.returncode in {1, 6}
    assert re.search(_filled(case.said, servers), answer.stderr)
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""


def test_lines_of_grpc_come_if_somebody_asks_for_them(servers: Servers, tmp_path: Path) -> None:
    asked = ("--service", f"localhost:{servers.secure}", "--ca", servers.foreign, "dataset", "list")
    home = str(tmp_path)
    assert _GRPC_LINE.search(_command(*asked, HYPERDATASETS_HOME=home, GRPC_VERBOSITY="info").stderr)
    assert _GRPC_LINE.search(_command(*asked, HYPERDATASETS_HOME=home, GRPC_TRACE="http").stderr)
    assert not _GRPC_LINE.search(_command(*asked, HYPERDATASETS_HOME=home).stderr)


def _expired(folder: Path, target: Path) -> None:
    """Makes a client certificate of the node's CA that ended yesterday."""
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    ca_key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    builder = x509.CertificateBuilder(
        ca.subject, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")]), key.public_key(),
        x509.random_serial_number(), now - timedelta(days=2), now - timedelta(days=1),
    )  # fmt: skip
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
    )
    target.mkdir()
    (target / "client.pem").write_bytes(builder.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (target / "client.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _refused(servers: Servers, **files: str) -> str:
    client = NodeClient(servers.node, timeout_s=5, **files)
    with pytest.raises(HyperdatasetsError) as caught:
        client.status()
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_client_of_a_node_is_told_what_to_change(servers: Servers, tmp_path: Path) -> None:
    own = servers.node_folder / "clients" / "trainer"
    ca, cert, key = (str(own / name) for name in ("ca.pem", "client.pem", "client.key"))
    good = NodeClient(servers.node, ca=ca, cert=cert, key=key)
    assert good.status().site == "north"
    good.close()
    pair = "HYPERDATASETS_NODE_CERT and HYPERDATASETS_NODE_KEY"
    assert (
        "asks for a client certificate, and none is set here: make one with the command `node client add`, "
        f"and set {pair}" in _refused(servers, ca=ca)
    )
    assert "speaks TLS, and no CA is set here: set HYPERDATASETS_NODE_CA" in _refused(servers)
    assert "set HYPERDATASETS_NODE_CA to the file `ca.pem`" in _refused(servers, ca=servers.foreign, cert=cert, key=key)
    assert f"set both, {pair}" in _refused(servers, ca=ca, cert=cert)
    assert "set HYPERDATASETS_NODE_CA" in _refused(servers, cert=cert, key=key)
    assert "no certificate with its key (PEM)" in _refused(servers, ca=ca, cert=cert, key=ca)
    _expired(servers.node_folder / "keys" / "clients", tmp_path / "old")
    old = {"cert": str(tmp_path / "old" / "client.pem"), "key": str(tmp_path / "old" / "client.key")}
    assert f"the client certificate in {old['cert']} has expired: revoke it with" in _refused(servers, ca=ca, **old)
    _stranger(Path(servers.foreign).parent, tmp_path / "stranger")
    other = {"cert": str(tmp_path / "stranger" / "client.pem"), "key": str(tmp_path / "stranger" / "client.key")}
    assert f"does not take the client certificate in {other['cert']}" in _refused(servers, ca=ca, **other)


def _stranger(folder: Path, target: Path) -> None:
    """Makes a client certificate of another CA."""
    key, certificate = Authority(folder, name="somebody else").client_pair("trainer")
    target.mkdir()
    (target / "client.key").write_bytes(key)
    (target / "client.pem").write_bytes(certificate)


def test_a_node_without_tls_and_a_node_that_is_not_there(servers: Servers) -> None:
    ca = str(servers.node_folder / "clients" / "trainer" / "ca.pem")
    for address, said in (
        (servers.plain, "speaks without TLS, and a CA is set here: leave HYPERDATASETS_NODE_CA out"),
        ("127.0.0.1:1", "nothing listens there; is it running there? If not, start it, or set HYPERDATASETS_NODE to"),
    ):
        client = NodeClient(address, ca=ca, timeout_s=5)
        with pytest.raises(Unavailable, match=re.escape(said)):
            client.status()
        client.close()


def test_a_node_names_its_own_settings(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name, service, ca, said in (
        ("a", f"localhost:{servers.secure}", "", "set `service_ca` in node.toml to the file `keys/ca.pem`"),
        (
            "b",
            f"localhost:{servers.secure}",
            servers.foreign,
            "set `service_ca` in node.toml to the file `keys/ca.pem`",
        ),
        ("c", "127.0.0.1:1", "", "set `service` in node.toml to where it is"),
    ):
        folder = tmp_path / name
        setup.init(folder, site="south", service=service, roots={"raw": tmp_path / "raw"}, service_ca=ca)
        answer = _command("node", "enrol", str(folder), "--token", "x")
        assert answer.returncode == 6
        assert said in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_another_program_at_the_address_is_told_apart() -> None:
    web = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{web.server_port}"
    try:
        with pytest.raises(Unavailable) as told:
            MetadataClient(ClientConfig(service=address)).who_am_i()
    finally:
        web.shutdown()
        web.server_close()
    assert told.value.message == (
        f"what answers at {address} is no hyperdatasets service, but another program; check HYPERDATASETS_SERVICE"
    )


def test_a_stream_is_told_the_same(servers: Servers) -> None:
    client = MetadataClient(ClientConfig(service=servers.plain, ca=servers.ca))
    with pytest.raises(Unavailable, match="speaks without TLS"):
        next(client.stream(ReadDataViewRequest()))
    client.close()
