"""The text of a CSV file: which encoding it has, and its lines."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from hyperdatasets.core.errors import InvalidArgument
from node.tables.notes import Notes, shown

_GUESSED = "the file is not UTF-8; Windows-1252 is guessed"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig"),
)  # fmt: skip
_CHUNK = 1 << 20
_MAX_LINE = 128 << 20  # characters: more than 1,000 cells of 64 KiB


def lines(file: BinaryIO, notes: Notes) -> Iterator[str]:
    """The lines of a file with their ends, decoded.

    Raises:
        InvalidArgument: it is no text, or a line is too long.
    """
    encoding = _encoding(file, notes)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        while line := text.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise InvalidArgument(f"{notes.name}: a line has more than {_MAX_LINE} characters; it is no CSV file")
            yield line
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{notes.name}: it cannot be read as {encoding}: {error.reason}") from None
    finally:
        text.detach()


def _encoding(file: BinaryIO, notes: Notes) -> str:
    file.seek(0)
    start = file.read(4096)
    for bom, name in _BOMS:
        if start.startswith(bom):
            return name
    if b"\0" in start:
        raise InvalidArgument(f"{notes.name}: it has NUL bytes; save it as UTF-8, or as UTF-16 with a byte order mark")
    bad = _first_bad(file)
    if bad is None:
        return "utf-8"
    row, word = bad
    notes.notice(_GUESSED, f"row {row} is read as {shown(word)}; save the file as UTF-8 to be sure", row=row)
    return "cp1252"


def _first_bad(file: BinaryIO) -> tuple[int, str] | None:
    """Row and word of the first byte that is not UTF-8."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    row, kept = 1, b""
    while True:
        chunk = file.read(_CHUNK)
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            before = error.object[: error.start]
            return row + before.count(b"\n"), _word(error.object, error.start)
        if not chunk:
            return None
        pending = decoder.getstate()[0]
        done = kept + chunk
        row += done[: len(done) - len(pending)].count(b"\n")
        kept = pending


def _word(content: bytes, position: int) -> str:
    line = content[max(0, position - 20) : position + 20].decode("cp1252", "replace")
    here = min(position, 20)
    start = max(line.rfind(mark, 0, here) for mark in ",;\t|\n\r ") + 1
    ends = [end for mark in ",;\t|\n\r " if (end := line.find(mark, here)) >= 0]
    return line[start : min(ends, default=len(line))].strip('"')
