"""What a node keeps secret, in `keys/` below its folder: its own key, the key that hides names, its credential."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hyperdatasets.core.errors import FailedPrecondition, MetadataMismatch


@dataclass(frozen=True)
class Keys:
    """`signing` proves reports; `hiding` makes opaque names; `records` are the service's keys, as of enrolment."""

    signing: Ed25519PrivateKey
    hiding: bytes
    credential: str
    records: tuple[Ed25519PublicKey, ...]

    @property
    def fingerprint(self) -> str:
        """What people compare at both ends."""
        raw = self.signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        digits = hashlib.sha256(raw).hexdigest()[:32]
        return "-".join(digits[i : i + 4] for i in range(0, 32, 4))

    def opaque(self, kind: str, text: str) -> str:
        """The same text gives the same 32 hex digits at this site, and nobody else can tell which text it was."""
        return hmac.new(self.hiding, f"{kind}\0{text}".encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[
            :32
        ]

    def hidden_digest(self, sha256: bytes) -> str:
        """The digest of a file as a strict site shows it: a plain hash identifies a small file."""
        return f"hmac-sha256:{self.opaque('digest', sha256.hex())}"

    def sign(self, kind: str, payload: bytes) -> bytes:
        return self.signing.sign(kind.encode() + b"\0" + payload)

    def check_record(self, kind: str, payload: bytes, signature: bytes) -> None:
        """Raises MetadataMismatch if no known key of the service signed this record."""
        for key in self.records:
            try:
                key.verify(signature, kind.encode() + b"\0" + payload)
            except InvalidSignature:
                continue
            return
        raise MetadataMismatch(f"the {kind} record is signed by no known key of the service")


def make(folder: Path) -> None:
    """New secrets for a new node."""
    _write(
        folder, "node.key", Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    )
    _write(folder, "hiding.key", secrets.token_bytes(32))


def enrolled(folder: Path, credential: str, record_keys: list[bytes]) -> None:
    """Keeps what the service gave at enrolment."""
    content = {"credential": credential, "record_keys": [key.hex() for key in record_keys]}
    _write(folder, "service.json", orjson.dumps(content))


def load(folder: Path, *, need_enrolment: bool = True) -> Keys:
    keys = folder / "keys"
    service = keys / "service.json"
    if need_enrolment and not service.exists():
        raise FailedPrecondition("this node is not enrolled yet; run `command node enrol` with the site's token")
    content = orjson.loads(service.read_bytes() if service.exists() else b'{"credential": "", "record_keys": []}')
    return Keys(
        Ed25519PrivateKey.from_private_bytes((keys / "node.key").read_bytes()), (keys / "hiding.key").read_bytes(),
        content["credential"],
        tuple(Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for key in content["record_keys"]),
    )  # fmt: skip


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / "keys" / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
