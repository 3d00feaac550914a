"""Frames in files and on standard output, each with its etag, so that an edited frame can be written back safely."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from hyperdatasets.core.errors import InvalidArgument, NotFound

ETAG = "etag"


def shown(frame: Any, *, etag: bool) -> dict[str, Any]:
    """The plain form of a frame that was read, as JSON can hold it; with `etag`, as `read` takes it back."""
    if not etag:
        return dict(frame.plain)
    plain = dict(frame.plain) | {ETAG: frame.etag}
    return plain | ({"blob": base64.b64encode(plain["blob"]).decode()} if "blob" in plain else {})


def read(path: Path) -> list[dict[str, Any]]:
    """The frames of a file: an object, a list of them, or an object a line; `-` is standard input.

    Raises:
        NotFound: there is no such file.
        InvalidArgument: it holds no frames, or a frame without an id or an etag.
    """
    text = _text(path)
    found = _parsed(path, text)
    for number, each in enumerate(found, start=1):
        if not isinstance(each, dict) or not isinstance(each.get("id"), str):
            raise InvalidArgument(f"{path}: number {number} is not a frame: expected an object with an `id`")
        if type(each.get(ETAG)) is not int:
            raise InvalidArgument(
                f"{path}: frame `{each['id']}` has no `etag`, the number of the revision that was read: write it with "
                "`hyperdatasets frames show --etag`"
            )
    return [_without_text(path, each) for each in found]


def _text(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == Path("-") else path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", kind="file", name=str(path)) from None
    except OSError as error:
        raise InvalidArgument(f"{path}: cannot be read: {error.strerror}") from None


def _parsed(path: Path, text: bytes) -> list[Any]:
    try:
        whole = orjson.loads(text)
    except ValueError as error:
        try:
            return [orjson.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise InvalidArgument(f"{path}: this is no JSON: {error}") from None
    return whole if isinstance(whole, list) else [whole]


def _without_text(path: Path, frame: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(frame.get("blob"), str):
        return dict(frame)
    try:
        return {**frame, "blob": base64.b64decode(frame["blob"], validate=True)}
    except ValueError:
        raise InvalidArgument(f"{path}: the blob of frame `{frame['id']}` is no base64 text") from None
