"""The deployment's own certificate authority: made on first use, signs the service's and the nodes' certificates."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS, _LEAF_DAYS = 3_650, 365
_PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority:
    """Lies in a folder as `ca.pem` and `ca.key`; keys are EC P-256."""

    def __init__(self, folder: Path, *, name: str) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / "ca.pem").exists():
            self._make(name)
        self._certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("ca.key holds no EC key")
        self._key = key

    @property
    def certificate_pem(self) -> str:
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def server_pair(self, hostnames: Sequence[str]) -> tuple[bytes, bytes]:
        """Key and certificate (PEM) for a server with these names; new at each start."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            key.public_key(), hostnames[0], [_name(each) for each in hostnames], ExtendedKeyUsageOID.SERVER_AUTH
        )
        return key.private_bytes(*_PEM), certificate

    def client_pair(self, name: str) -> tuple[bytes, bytes]:
        """Key and certificate (PEM) for a client of this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:hyperdatasets:client:{_ascii(name)}")]
        return key.private_bytes(*_PEM), self._signed(key.public_key(), name, names, ExtendedKeyUsageOID.CLIENT_AUTH)

    def sign_node(self, request: x509.CertificateSigningRequest, site: str) -> str:
        """A certificate over the key of a node's request, with the site in its name, whatever the request says."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:hyperdatasets:site:{_ascii(site)}")]
        public = request.public_key()
        return self._signed(public, site, names, ExtendedKeyUsageOID.CLIENT_AUTH).decode()  # type: ignore[arg-type]

    def _signed(
        self,
        public: CertificateIssuerPublicKeyTypes,
        name: str,
        names: list[x509.GeneralName],
        use: x509.ObjectIdentifier,
    ) -> bytes:
        builder = _builder(name, self._certificate.subject, public, _LEAF_DAYS)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _make(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(name, subject, key.public_key(), _CA_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        private = self._folder / "ca.key"
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(*_PEM))
        (self._folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _builder(
    name: str, issuer: x509.Name, public: CertificateIssuerPublicKeyTypes, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
    )


def _name(hostname: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(hostname))
    except ValueError:
        return x509.DNSName(hostname)


def _ascii(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode().replace(" ", "%20")
