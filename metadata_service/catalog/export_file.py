"""A file with one exported dataset: JSON lines, compressed with zstd, the last of which proves the others.

`docs/moving-datasets.md` describes what the lines hold. Files are written and read line by line, whatever their size.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import orjson
import zstandard
from blake3 import blake3

from hyperdatasets.core.errors import DamagedExport, NotFound
from hyperdatasets.new_file import new_file

KIND = "hyperdatasets export"
FORMAT = 1
_MAGIC = b"\x28\xb5\x2f\xfd"  # of zstd
LONGEST = 1 << 29  # bytes of a line
Line = dict[str, Any]
Write = Callable[[Mapping[str, Any]], None]


@contextmanager
def new(path: Path) -> Iterator[Write]:
    """Writes lines into a new file, which is there when the block has ended, and whole."""
    with new_file(path) as file:
        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, threads=-1)
        with compressor.stream_writer(file, closefd=False) as stream:
            yield from _written(stream)


def lines(path: Path) -> Iterator[Line]:
    """Lines of a file, without the last one; only when the iteration has ended are they proven.

    Raises:
        DamagedExport: the file is cut, was changed, or is something else; raised at the end at the latest.
    """
    if not path.is_file():
        raise NotFound(f"{path} is not there", kind="file", name=str(path))
    state, count = blake3(), 0
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise _foreign(path)
            file.seek(0)
            raw = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            stream = BufferedReader(cast("Any", raw), 1 << 20)
            for text in iter(partial(stream.readline, LONGEST), b""):
                line = _parsed(path, text, count)
                if line.get("kind") == "end":
                    _check_end(path, line, count, state.hexdigest(), stream)
                    return
                yield line
                state.update(text)
                count += 1
    except (zstandard.ZstdError, OSError):
        raise _damaged(path) from None
    raise _damaged(path)


def packed(content: bytes) -> str:
    """Bytes as they stand in a line."""
    return b64encode(content).decode()


def unpacked(text: str) -> bytes:
    return b64decode(text, validate=True)


def _written(stream: Any) -> Iterator[Write]:
    state, count = blake3(), 0

    def write(line: Mapping[str, Any]) -> None:
        nonlocal count
        text = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        state.update(text)
        stream.write(text)
        count += 1

    yield write
    end = {"kind": "end", "lines": count, "blake3": state.hexdigest()}
    stream.write(orjson.dumps(end, option=orjson.OPT_APPEND_NEWLINE))


def _parsed(path: Path, text: bytes, count: int) -> Line:
    try:
        line = orjson.loads(text)
    except ValueError:
        raise _damaged(path) from None
    if not isinstance(line, dict) or (not count and line.get("kind") != KIND):
        raise _foreign(path)
    if not count and line.get("format") != FORMAT:
        raise DamagedExport(
            f"{path} has format {line.get('format')}; this software reads {FORMAT}: bring it up to date"
        )
    return cast("Line", line)


def _check_end(path: Path, line: Line, count: int, digest: str, rest: BufferedReader) -> None:
    if (line.get("lines"), line.get("blake3")) != (count, digest) or rest.read(1):
        raise _damaged(path)


def _damaged(path: Path) -> DamagedExport:
    return DamagedExport(f"{path} is cut or damaged: copy or export it again; nothing was kept")


def _foreign(path: Path) -> DamagedExport:
    return DamagedExport(f"{path} is no exported dataset (`command admin export` makes one)")
