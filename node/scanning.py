"""Files of a site, each read once: what they are, their digests, small pictures of them."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.media import Media, NotShown, UnreadableMedia, probe
from hyperdatasets.formats.media.previews import PreviewPool, has_preview
from node.content import digest
from node.sources.local import Identity, LocalRoot, read
from node.store import StoredFile

MAX_FILE = 8 << 30  # bytes
_IN_MEMORY = 256 << 20  # bytes; a larger file is read in pieces, and gets no small picture
_MEDICAL = ("application/dicom", "application/x-nifti")


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file that was read.

    Attributes:
        preview: a small JPEG; empty if there is none, and then `without_preview` may say why.
        masks: the mask pictures beside it.
    """

    file: StoredFile
    media: Media
    preview: bytes
    without_preview: str
    masks: tuple[StoredFile, ...]


class Scanner:
    """Reads files below a root; safe for several threads."""

    def __init__(
        self, root: LocalRoot, path: Callable[[str], bytes], known: Mapping[bytes, Mapping[str, Any]],
        previews: PreviewPool, *, strict: bool,
    ) -> None:  # fmt: skip
        """
        Args:
            path: of a file in the folder -> its path below the root.
            known: path below the root -> what earlier registrations know of the file, see `NodeStore.same_files`.
            strict: no previews of medical pictures.
        """
        self._root, self._path, self._known, self._previews, self._strict = root, path, known, previews, strict

    def scan(self, entry: Entry) -> Scanned | str:
        """What the file of an entry is; or the reason why it is left out."""
        if entry.frame is not None:
            return "frames in a table or in JSON lines have no file here; use `import` for them"
        try:
            return self._scanned(entry)
        except UnreadableMedia as error:
            return str(error)
        except HyperdatasetsError as error:
            return error.message
        except OSError as error:
            return f"it cannot be read: {error.strerror}"

    def _scanned(self, entry: Entry) -> Scanned:
        path = self._path(entry.path)
        descriptor, identity = self._root.open(path)
        try:
            if identity.size > MAX_FILE:
                raise UnreadableMedia(f"{identity.size} bytes; at most {MAX_FILE} are allowed")
            content = bytearray(min(identity.size, _IN_MEMORY))
            read(descriptor, memoryview(content))
            whole = identity.size <= _IN_MEMORY
            with io.BytesIO(content) if whole else os.fdopen(os.dup(descriptor), "rb") as opened:
                opened.seek(0)
                media = probe(opened, entry.path, identity.size)
            known = self._as_known(path, identity)
            sha256 = known["sha256"] if known else hashlib.sha256(content).digest() if whole else digest(descriptor)
        finally:
            os.close(descriptor)
        has_preview = known is not None and known.get("has_preview")
        preview, reason = (b"", "") if has_preview else self._preview(content, media, whole=whole)
        masks = tuple(self._mask(f"default/{mask.id}", self._path(mask.path)) for mask in entry.masks)
        return Scanned(self._stored("default", path, identity, sha256), media, preview, reason, masks)

    def _as_known(self, path: bytes, identity: Identity) -> Mapping[str, Any] | None:
        """What is known of a file that has not changed since it was registered: not its content, nor its times."""
        known = self._known.get(path)
        if known is None:
            return None
        before = Identity(known["size"], known["mtime_ns"], known["ctime_ns"], known["inode"])
        return known if before == identity else None

    def _preview(self, content: bytearray, media: Media, *, whole: bool) -> tuple[bytes, str]:
        """A small picture; a picture that is damaged gets no frame either."""
        if not has_preview(media.content_type) or (self._strict and media.content_type in _MEDICAL):
            return b"", ""
        if not whole:
            return b"", f"it has more than {_IN_MEMORY >> 20} MiB"
        try:
            return self._previews.preview(content, media.content_type), ""
        except NotShown as error:
            return b"", str(error)
        except UnreadableMedia as error:
            if media.content_type.startswith("image/"):
                raise
            return b"", str(error)

    def _mask(self, name: str, path: bytes) -> StoredFile:
        descriptor, identity = self._root.open(path)
        try:
            known = self._as_known(path, identity)
            return self._stored(name, path, identity, known["sha256"] if known else digest(descriptor))
        finally:
            os.close(descriptor)

    def _stored(self, source: str, path: bytes, identity: Identity, sha256: bytes) -> StoredFile:
        return StoredFile(
            source, self._root.alias, path, identity.size, identity.mtime_ns, identity.ctime_ns, identity.inode, sha256
        )
