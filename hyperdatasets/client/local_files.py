"""The content of frames without a site: read from its URI, or from a local copy."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import cast

from hyperdatasets.client import storage
from hyperdatasets.core.errors import DestinationFailed, NoLocalSource, SourceUnreadable
from hyperdatasets.core.uri import split as uri_parts

_TIMEOUT_S = 60
MAX_REMOTE = 4 << 30  # bytes


def read_uri(uri: str) -> bytes:
    """The content of a `file://`, `https://` or object store's address, or of a local path.

    Raises:
        SourceUnreadable: with the reason.
    """
    parts = uri_parts(uri)
    try:
        if parts.scheme in {"http", "https"}:
            with urllib.request.urlopen(uri, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # the scheme was looked at
                return cast("bytes", answer.read(MAX_REMOTE))
        if parts.scheme in {"", "file"}:
            return Path(urllib.request.url2pathname(parts.path) if parts.scheme else uri).read_bytes()
        if parts.scheme in storage.REMOTE and "::" not in uri:
            return storage.read(uri, MAX_REMOTE)
    except (OSError, ValueError, HTTPException, DestinationFailed) as error:
        raise SourceUnreadable(f"{uri}: cannot be read: {error}") from None
    raise SourceUnreadable(
        f"{uri}: only file://, http://, https:// and {'://, '.join(storage.REMOTE)}:// are read here"
    )


def local_copy(site: str, uri: str) -> str:
    """Path of a local file with the content of a URI.

    Raises:
        NoLocalSource: the bytes of a site's frame come from its node.
        SourceUnreadable: there is no such file.
    """
    if site:
        raise NoLocalSource(f"the bytes of site `{site}` come from its node: `view.open()` there")
    parts = uri_parts(uri)
    if parts.scheme in {"", "file"}:
        path = Path(urllib.request.url2pathname(parts.path) if parts.scheme else uri)
        if not path.exists():
            raise SourceUnreadable(f"{uri}: there is no such file")
        return str(path)
    return cached(uri, lambda: read_uri(uri))


def cached(key: str, content: Callable[[], bytes]) -> str:
    folder = Path(tempfile.gettempdir()) / f"hyperdatasets-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SourceUnreadable(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
    path = folder / (hashlib.sha256(key.encode()).hexdigest()[:32] + Path(uri_parts(key).path).suffix[:10])
    if not path.exists():
        data = content()
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        shutil.move(file.name, path)
    return str(path)
