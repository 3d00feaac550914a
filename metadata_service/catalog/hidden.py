"""Secrets that a repeated request gets again although they are not stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
from google.protobuf.message import Message

from hyperdatasets.private_folder import private_file
from metadata_service.catalog.caller import Caller

_BYTES = 32


@dataclass(frozen=True, slots=True)
class SecretKey:
    """The deployment's key for secrets."""

    key: bytes

    @classmethod
    def open(cls, path: Path) -> SecretKey:
        """The key in this file; made on first use, readable by its owner alone."""
        if not path.exists() or not path.stat().st_size:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private_file(path).write_bytes(secrets.token_bytes(_BYTES))
        return cls(path.read_bytes())

    def hidden(self, kind: str, field: str, caller: Caller, request: Message) -> Hidden:
        """A new secret for the answer to a request, in one of the answer's fields.

        Args:
            kind: what the secret begins with, such as `hd_user`.
        """
        request_id: str = request.request_id  # type: ignore[attr-defined]  # every mutation has one

        def secret(salt: str) -> str:
            named = orjson.dumps([kind, caller.name, request_id, salt])
            digest = hmac.new(self.key, named, hashlib.sha256).digest()
            return f"{kind}_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

        return Hidden(field, secrets.token_hex(16), secret)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret in a field of an answer; of the answer that is kept, the field holds only what it is made of.

    It is derived from the deployment's key, the caller, the request id and the salt.
    """

    field: str
    salt: str
    secret: Callable[[str], str]

    @property
    def value(self) -> str:
        """The secret."""
        return self.secret(self.salt)

    def kept(self, answer: Message) -> bytes:
        """The answer as it is stored."""
        stored = type(answer)()
        stored.CopyFrom(answer)
        setattr(stored, self.field, self.salt)
        return stored.SerializeToString()

    def shown(self, answer: Message) -> None:
        """Puts the secret into an answer that was stored."""
        setattr(answer, self.field, self.secret(getattr(answer, self.field)))
