"""Files at a URL, through fsspec: local folders, memory, and object stores whose package is installed."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from hyperdatasets.core.errors import DestinationFailed, InvalidArgument, Unimplemented
from hyperdatasets.core.uri import split as uri_parts

try:
    import fsspec
except ImportError:  # an extra
    fsspec = None

REMOTE = ("s3", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Schemes that are read and written; chains (`zip::…`) and shells (`ssh://…`) never are."""
_BLOCK = 1 << 20  # bytes


def join(destination: str, name: str) -> str:
    """The URI of a file in a destination.

    Raises:
        InvalidArgument: nothing can be put there.
    """
    scheme = uri_parts(destination).scheme
    if scheme in {"", "file"}:
        folder = Path(local_path(destination)).expanduser().absolute()
        return (folder / name).as_uri() if name else f"{folder.as_uri().rstrip('/')}/"
    if scheme not in REMOTE or "::" in destination:
        raise InvalidArgument(f"{destination}: expected a folder, or a URL that begins with {'://, '.join(REMOTE)}://")
    return f"{destination.rstrip('/')}/{name}"


def local_path(uri: str) -> str:
    """The path of a `file://` URI; a path stays as it is."""
    parts = uri_parts(uri)
    return urllib.request.url2pathname(parts.path) if parts.scheme == "file" else uri


def size(uri: str) -> int | None:
    """Bytes of the file; None if there is none."""
    with _at(uri) as (files, path):
        try:
            return cast("int", files.info(path)["size"])
        except FileNotFoundError:
            return None


def digest(uri: str) -> str:
    """`sha256:…` of what is there now."""
    found = hashlib.sha256()
    with _at(uri) as (files, path), files.open(path, "rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return f"sha256:{found.hexdigest()}"


def put(local: Path, uri: str) -> None:
    with _at(uri) as (files, path):
        if uri_parts(uri).scheme == "file":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        files.put_file(str(local), path)


def remove(uri: str) -> None:
    """The file is gone then, if it was there at all."""
    with _at(uri) as (files, path), suppress(FileNotFoundError):
        files.rm_file(path)


def read(uri: str, most: int) -> bytes:
    """Up to `most` bytes of the file."""
    with _at(uri) as (files, path), files.open(path, "rb") as file:
        return cast("bytes", file.read(most))


@contextmanager
def _at(uri: str) -> Iterator[tuple[Any, str]]:
    """The file system of a URI and the path in it; what goes wrong there as one kind of error."""
    if fsspec is None:
        raise Unimplemented("this needs the extra `uploads`: pip install 'hyperdatasets[uploads]'")
    scheme = uri_parts(uri).scheme
    try:
        yield fsspec.filesystem(scheme), local_path(uri)
    except ImportError as error:
        raise Unimplemented(f"{scheme}:// needs one more package: {error}") from None
    except Exception as error:  # packages of object stores raise errors of their own
        raise DestinationFailed(f"{uri}: {error or type(error).__name__}", uri=uri) from error
