"""Why a server cannot be reached, found by a second connection without gRPC, and which setting to change.

gRPC says of a handshake that failed little more than that; and what it says differs from version to version.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hyperdatasets.core.address import host_and_port
from hyperdatasets.core.errors import InvalidConfig

_TIMEOUT_S = 2
_NAME_DIFFERS = (62, 64)  # codes of X509_verify_cert: the host name, the IP address
_EXPIRED = 10
_ANY_ADDRESS = ("0.0.0.0", "0:0:0:0:0:0:0:0")  # noqa: S104  # nobody calls a server so


@dataclass(frozen=True, slots=True)
class Settings:
    """The names of a connection's settings, in the place where its user can change them."""

    address: str
    ca: str
    certificate: str = ""


SERVICE = Settings("HYPERDATASETS_SERVICE", "HYPERDATASETS_CA")
NODE = Settings("HYPERDATASETS_NODE", "HYPERDATASETS_NODE_CA", "HYPERDATASETS_NODE_CERT and HYPERDATASETS_NODE_KEY")
NODE_TOML = Settings("`service` in node.toml", "`service_ca` in node.toml")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and how to reach it; the last three are paths of files, empty without TLS.

    Attributes:
        what: `service` or `node`.
    """

    what: str
    address: str
    settings: Settings
    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        return f"the {self.what} at {self.address}"

    @property
    def ca_file(self) -> str:
        """The file that holds the server's CA, in words."""
        if self.what == "node":
            return "the file `ca.pem` that `command node client add` made"
        return "the file `keys/ca.pem` of the service's data folder"


def check_files(endpoint: Endpoint) -> None:
    """Raises InvalidConfig if a file is missing, or holds no certificate or no key that belongs to it."""
    if bool(endpoint.cert) != bool(endpoint.key):
        raise InvalidConfig(f"a client certificate needs its key: set both, {endpoint.settings.certificate}")
    if endpoint.cert and not endpoint.ca:
        raise InvalidConfig(f"a client certificate needs the {endpoint.what}'s CA: set {endpoint.settings.ca}")
    if endpoint.ca:
        _context(endpoint)


def reason(endpoint: Endpoint) -> str:
    """A sentence about what keeps this process from the server; empty if a connection can be made."""
    host, port = host_and_port(endpoint.address)
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=_TIMEOUT_S) as connection:
            return _of_handshake(endpoint, connection, host.strip("[]"))
    except socket.gaierror:
        return f"{endpoint.name} cannot be reached: no host has this name; check {endpoint.settings.address}"
    except TimeoutError:
        return (
            f"{endpoint.name} cannot be reached: nothing answers within {_TIMEOUT_S} s; check "
            f"{endpoint.settings.address}, and whether a firewall is between"
        )
    except ConnectionRefusedError:
        return (
            f"{endpoint.name} cannot be reached: nothing listens there; is it running there? If not, start it, or set "
            f"{endpoint.settings.address} to where it is"
        )
    except OSError as error:
        return f"{endpoint.name} cannot be reached: {error.strerror or error}; check {endpoint.settings.address}"


def _of_handshake(endpoint: Endpoint, connection: socket.socket, host: str) -> str:
    if not endpoint.ca:
        return _without_tls(endpoint, connection)
    try:
        with _context(endpoint).wrap_socket(connection, server_hostname=host, suppress_ragged_eofs=False) as secured:
            secured.recv(1)  # a server refuses a client's certificate after the handshake, by hanging up
            return ""
    except ssl.SSLCertVerificationError as error:
        return _of_certificate(endpoint, host, error)
    except ssl.SSLEOFError:
        return _of_hanging_up(endpoint)
    except ssl.SSLError as error:
        if error.reason == "WRONG_VERSION_NUMBER":
            return f"{endpoint.name} speaks without TLS, and a CA is set here: leave {endpoint.settings.ca} out"
        return f"{endpoint.name} ended the handshake of TLS ({error.reason}); check {endpoint.settings.ca}"


def _without_tls(endpoint: Endpoint, connection: socket.socket) -> str:
    context = _context(endpoint)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only whether TLS is spoken is asked
    try:
        context.wrap_socket(connection).close()
    except OSError:
        return ""
    return f"{endpoint.name} speaks TLS, and no CA is set here: set {endpoint.settings.ca} to {endpoint.ca_file}"


def _of_certificate(endpoint: Endpoint, host: str, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _NAME_DIFFERS:
        names = ", ".join(_names(endpoint)) or "other names"
        return (
            f"the certificate of {endpoint.name} is not for `{host}`, but for {names}: use one of these names in "
            f"{endpoint.settings.address}, or add `{host}` to `hostname` in the {endpoint.what}'s settings"
        )
    if error.verify_code == _EXPIRED:
        return f"the certificate of {endpoint.name} has expired: restart the {endpoint.what}, which makes a new one"
    return (
        f"the certificate of {endpoint.name} is not from the CA in {endpoint.ca}: set {endpoint.settings.ca} to "
        f"{endpoint.ca_file}"
    )


def _of_hanging_up(endpoint: Endpoint) -> str:
    """A sentence about the client certificate that a server refuses; empty if the server asks for none."""
    settings = endpoint.settings
    if not settings.certificate:
        return ""
    if not endpoint.cert:
        return (
            f"{endpoint.name} asks for a client certificate, and none is set here: make one with "
            f"`command node client add`, and set {settings.certificate}"
        )
    if _has_expired(endpoint.cert):
        return (
            f"the client certificate in {endpoint.cert} has expired: revoke it with "
            "`command node client revoke`, make another one with `command node client add`, and set "
            f"{settings.certificate}"
        )
    return (
        f"{endpoint.name} does not take the client certificate in {endpoint.cert}: make one at this node with "
        f"`command node client add`, and set {settings.certificate}"
    )


def _has_expired(path: str) -> bool:
    from cryptography import x509  # noqa: PLC0415  # a tenth of a second, which a client needs here alone

    return x509.load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc <= datetime.now(UTC)


def _names(endpoint: Endpoint) -> list[str]:
    """The names in the server's certificate; none if it does not show them."""
    host, port = host_and_port(endpoint.address)
    context = _context(endpoint)
    context.check_hostname = False
    try:
        with (
            socket.create_connection((host.strip("[]"), port), timeout=_TIMEOUT_S) as connection,
            context.wrap_socket(connection) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except OSError:
        return []
    names = (str(name[1]) for name in certificate.get("subjectAltName", ()))
    return [name for name in names if name not in _ANY_ADDRESS]


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    """As gRPC would connect: HTTP/2, with the same files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    try:
        if endpoint.ca:
            context.load_verify_locations(endpoint.ca)
    except OSError as error:
        raise _unfit(endpoint.ca, "certificate", error, endpoint.settings.ca) from None
    try:
        if endpoint.cert:
            context.load_cert_chain(endpoint.cert, endpoint.key)
    except OSError as error:
        files = f"{endpoint.cert} and {endpoint.key}"
        raise _unfit(files, "certificate with its key", error, endpoint.settings.certificate) from None
    return context


def _unfit(path: str, what: str, error: OSError, setting: str) -> InvalidConfig:
    if isinstance(error, ssl.SSLError):
        return InvalidConfig(f"{path}: no {what} (PEM) is in it; check {setting}")
    return InvalidConfig(f"{path}: cannot be read: {error.strerror}; check {setting}")
