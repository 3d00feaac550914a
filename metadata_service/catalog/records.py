"""Signed records of what was published: each in its place in one sequence, so that history cannot be rewritten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from metadata_service.store.protocol import Reading, Row, Writing


@dataclass(frozen=True)
class Signer:
    """The deployment's key for records (Ed25519)."""

    key: Ed25519PrivateKey

    @classmethod
    def open(cls, path: Path) -> Signer:
        """The key in this file; made on first use, readable by its owner alone."""
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            path.touch(mode=0o600)
            path.write_bytes(private)
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> str:
        return key_id(self.public)

    def sign(self, kind: str, payload: bytes) -> bytes:
        return self.key.sign(kind.encode() + b"\0" + payload)

    def signed(self, kind: str, payload: bytes, signature: bytes) -> bool:
        """Whether this key signed it."""
        return signature == self.sign(kind, payload)  # Ed25519 signs the same way each time


def key_id(public: bytes) -> str:
    """What a person compares."""
    return hashlib.sha256(public).hexdigest()[:16]


def add_version_record(
    writing: Writing, signer: Signer, version: Row, leaves: Sequence[tuple[str, int, str]], now_ms: int
) -> None:
    parents = [_digest_of(writing, "version", parent) for parent in orjson.loads(version["parents_json"])]
    masks = orjson.loads(version["body_json"]).get("mask_labels", [])
    _add(writing, signer, "version", version["id"], now_ms, {
        "dataset_id": version["dataset"], "version_id": version["id"], "content_digest": version["digest"],
        "leaves": [list(leaf) for leaf in leaves], "mask_labels": masks, "parents": parents,
    })  # fmt: skip


def add_view_record(writing: Writing, signer: Signer, view: Row, content: Mapping[str, Any], now_ms: int) -> None:
    """`content`: name, pinned, sites, digest, and `versions` (ids, replaced by the digests of their records)."""
    versions = [_digest_of(writing, "version", version) for version in content["versions"]]
    _add(writing, signer, "view", view["id"], now_ms, {**content, "view_id": view["id"], "versions": versions})


def record(reading: Reading, kind: str, subject: str) -> Row | None:
    return reading.one("records", kind=kind, subject=subject)


def head(reading: Reading, signer: Signer, now_ms: int) -> tuple[bytes, bytes]:
    """The newest record's number and digest, signed now: (payload, signature)."""
    rows = reading.rows("records", order="sequence DESC LIMIT 1")
    content = {
        "kind": "head", "sequence": rows[0]["sequence"] if rows else 0, "record": rows[0]["digest"] if rows else "",
        "time_ms": now_ms,
    }  # fmt: skip
    payload = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return payload, signer.sign("head", payload)


def _add(writing: Writing, signer: Signer, kind: str, subject: str, now_ms: int, content: Mapping[str, Any]) -> None:
    last = writing.rows("records", order="sequence DESC LIMIT 1")
    sequence = last[0]["sequence"] + 1 if last else 1
    full = {**content, "kind": kind, "sequence": sequence, "time_ms": now_ms}
    payload = orjson.dumps(full, option=orjson.OPT_SORT_KEYS)
    writing.insert("records", {
        "sequence": sequence, "kind": kind, "subject": subject, "digest": hashlib.sha256(payload).hexdigest(),
        "payload": payload, "signature": signer.sign(kind, payload),
    })  # fmt: skip


def _digest_of(reading: Reading, kind: str, subject: str) -> str:
    row = record(reading, kind, subject)
    return row["digest"] if row is not None else ""
