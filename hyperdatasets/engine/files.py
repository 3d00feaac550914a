"""Named arrays in one file that is mapped into memory: a header of JSON text, then the arrays, aligned.

    magic (8 bytes) | length of the header (8) | blake3 of the header (32) | header | arrays

The header says where each array lies, and the BLAKE3 of all of them. Of numbers that grow in even steps (revisions, the
frames of what comes once a frame, the places of texts of one length) it says first, end and step only.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import blake3
import numpy as np
import orjson
from numpy.typing import NDArray

MAGIC = b"hdindex5"
_ALIGN = 16
_SHORT = 64  # numbers that are written as they are in any case
Key = tuple[str, ...]
Item = TypeVar("Item")


class DamagedFile(Exception):
    """The file is not what was written; the index is made again from the truth."""


def write(path: Path, arrays: Iterable[tuple[Key, NDArray[Any]]]) -> None:
    """Writes the arrays durably: either the whole file is there afterwards, or none."""
    listed: list[dict[str, Any]] = []
    parts: list[bytes] = []
    end = 0
    for key, array in arrays:
        steady = _steady(array)
        where = {"at": end} if steady is None else {"range": steady}
        listed.append({"key": key, "type": array.dtype.str, "count": len(array), **where})
        data = np.ascontiguousarray(array).tobytes() if steady is None else b""
        padding = -len(data) % _ALIGN
        parts += [data, bytes(padding)]
        end += len(data) + padding
    body = b"".join(parts)
    header = orjson.dumps({"arrays": listed, "size": len(body), "blake3": _digest(body)})
    header += b" " * (-(48 + len(header)) % _ALIGN)
    start = MAGIC + len(header).to_bytes(8, "little") + blake3.blake3(header).digest()
    durably(path, start + header + body)


def read(path: Path) -> dict[Key, NDArray[Any]]:
    """The arrays, mapped; every byte is compared with its digest, which costs a fifth of a second a gigabyte.

    Raises:
        DamagedFile: the file is missing, cut, changed, or another one.
    """
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        length = int.from_bytes(data[8:16], "little")
        header = bytes(data[48 : 48 + length])
        body = data[48 + length :]
        if bytes(data[:8]) != MAGIC and bytes(data[:7]) == MAGIC[:7]:
            raise DamagedFile(f"{path.name}: another version of this software wrote it")
        if bytes(data[:8]) != MAGIC or blake3.blake3(header).digest() != bytes(data[16:48]):
            raise DamagedFile(f"{path.name}: the header is damaged")
        listed = orjson.loads(header)
        if len(body) != listed["size"] or _digest(body) != listed["blake3"]:
            raise DamagedFile(f"{path.name}: the content is damaged")
        return {
            tuple(each["key"]): np.frombuffer(body, np.dtype(each["type"]), each["count"], each["at"])
            if "at" in each
            else np.arange(*each["range"], dtype=each["type"])
            for each in listed["arrays"]
        }
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path.name}: {error}") from None


def check(listed: Callable[[], list[Item]], look_at: Callable[[Item], object]) -> None:
    """Looks at every file that is listed; `look_at` raises DamagedFile.

    Another process may be writing them, so one that is listed no more is not missed.
    """
    before = listed()
    try:
        for each in before:
            look_at(each)
    except DamagedFile:
        if listed() == before:
            raise
        check(listed, look_at)


def _steady(array: NDArray[Any]) -> tuple[int, int, int] | None:
    """First, end and step of numbers that grow in even steps; None for others."""
    if len(array) < _SHORT or array.dtype != np.uint32:
        return None
    first, step = int(array[0]), int(array[1]) - int(array[0])
    end = first + step * len(array)
    even = step > 0 and int(array[-1]) == end - step and bool((array[1:] - array[:-1] == step).all())
    return (first, end, step) if even else None


def _digest(body: bytes | memoryview) -> str:
    return blake3.blake3(body, max_threads=blake3.blake3.AUTO).hexdigest()


def durably(path: Path, data: bytes) -> None:
    """Replaces a file so that after a crash there is the old one or the new one, never a part."""
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:  # such as a full disk, of which it would take the last
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
