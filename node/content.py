"""The bytes of a frame's sources, with the verdict whether they are those that were registered."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.v1 import node_service_pb2 as pb
from node.sources.local import Identity, LocalRoot, identity_of
from node.store import StoredFile

_HASHED_AT_ONCE = 1 << 20


class Opened(NamedTuple):
    """A source that may be read; `descriptor` is -1 where the verdict is not OK."""

    verdict: pb.Verdict.ValueType
    descriptor: int
    size: int


OTHER_CONTENT = StoredFile("", "", b"", 0, 0, 0, 0, b"")
"""Stands for a file whose content is not that of the frame that asks for it."""
_UNREADABLE = Opened(pb.VERDICT_UNREADABLE, -1, 0)
_CHANGED = Opened(pb.VERDICT_DIGEST_MISMATCH, -1, 0)


class Part:
    """A source on its way out; what was sent counts only if the file is still the same at the end."""

    def __init__(self, opened: Opened) -> None:
        self._opened, self.size = opened, opened.size
        self._before = identity_of(opened.descriptor) if opened.descriptor >= 0 else None

    def at(self, offset: int, length: int) -> bytes:
        return os.pread(self._opened.descriptor, length, offset)

    def verdict(self) -> pb.Verdict.ValueType:
        if self._before is not None and identity_of(self._opened.descriptor) != self._before:
            return pb.VERDICT_DIGEST_MISMATCH
        return self._opened.verdict


class Contents:
    """Opens files and judges them: hashed when first read in this process, and whenever anything about them changed."""

    def __init__(self, roots: dict[str, LocalRoot]) -> None:
        self._roots = roots
        self._verified: dict[tuple[str, bytes], tuple[Identity, bytes]] = {}
        self._lock = threading.Lock()

    def open(self, file: StoredFile | None) -> Opened:
        """The caller closes the descriptor if it is not -1."""
        if file == OTHER_CONTENT:
            return _CHANGED
        root = None if file is None else self._roots.get(file.root)
        if file is None or root is None:
            return _UNREADABLE
        try:
            descriptor, identity = root.open(file.path)
        except HyperdatasetsError:
            return _UNREADABLE
        try:
            same = identity.size == file.size and self._is_registered(file, identity, descriptor)
        except OSError:
            os.close(descriptor)
            return _UNREADABLE
        if same:
            return Opened(pb.VERDICT_OK, descriptor, identity.size)
        os.close(descriptor)
        return _CHANGED

    @contextmanager
    def reading(self, file: StoredFile | None) -> Iterator[Part]:
        """A source that is read in pieces."""
        opened = self.open(file)
        try:
            yield Part(opened)
        finally:
            if opened.descriptor >= 0:
                os.close(opened.descriptor)

    def _is_registered(self, file: StoredFile, identity: Identity, descriptor: int) -> bool:
        key = (file.root, file.path)
        if self._verified.get(key) == (identity, file.sha256):
            return True
        if digest(descriptor) != file.sha256:
            return False
        with self._lock:
            self._verified[key] = (identity, file.sha256)
        return True


def fill(descriptor: int, size: int) -> bytes:
    """The whole content of a source, or what there is of it; closes the descriptor."""
    try:
        content = os.read(descriptor, size)
        while len(content) < size and (more := os.read(descriptor, size - len(content))):
            content += more
        return content
    finally:
        os.close(descriptor)


def digest(descriptor: int) -> bytes:
    """sha256 of a file, read in pieces."""
    state = hashlib.sha256()
    at = 0
    while part := os.pread(descriptor, _HASHED_AT_ONCE, at):
        state.update(part)
        at += len(part)
    return state.digest()
