"""A request for a certificate, as a node makes it."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding


def request_for_certificate() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(Ed25519PrivateKey.generate(), None).public_bytes(Encoding.PEM).decode()
