"""JSON lines: a frame in its plain form per line; read, and written for exports."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import orjson

from hyperdatasets.core.frames import Frame
from hyperdatasets.formats import json_keys
from hyperdatasets.formats.counting import kept_of
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, Unreadable
from hyperdatasets.formats.json_lines import SUFFIXES, Line, count_lines, first_values, lines
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import all_or_found, few
from hyperdatasets.formats.writing import Output, Placed, Subject, Writer, WrittenFormat

RECORDS = "frames.jsonl"
NO_JSON = "lines that are no JSON"
NO_FRAME = "lines that are no frames"
SAME_ID = "frames whose id an earlier one has; a data set has one frame of an id"
_KEYS = frozenset({"id", "site", "context_id", "timestamp", "sources", "annotations", "meta", "blob"})
_TELLING = frozenset({"sources", "blob", "annotations"})


def is_frame(value: Any) -> bool:
    """Whether it looks like a frame in its plain form; whether it is valid is checked later."""
    if not isinstance(value, dict):
        return False
    has_sources = isinstance(value.get("sources"), list) or isinstance(value.get("blob"), str)
    return has_sources or (value.keys() <= _KEYS and not _TELLING.isdisjoint(value))


def holds_frames(folder: Folder, path: str) -> bool:
    return any(map(is_frame, first_values(folder, path)))


def entries(reading: Reading, path: str) -> Iterator[Entry]:
    """The frames of a file; lines that are none are written into the ledger."""
    reading.used.add(path)
    ids = Ids(reading.ledger)
    try:
        for line in lines(reading.folder, path):
            if (entry := _entry(line, reading.ledger)) is not None:
                ids.tell(entry)
                yield entry
    except Unreadable as error:
        reading.ledger.unreadable(path, "a file of frames that cannot be read", str(error))


class Ids:
    """Tells of frames that are the same one by their id, such as those of a view that gives a frame for each ROI."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._seen = ledger, set[int]()

    def tell(self, entry: Entry) -> None:
        name = (entry.frame or {}).get("id")
        if isinstance(name, str) and name:
            if hash(name) in self._seen:
                self._ledger.notice("frames", entry.path, SAME_ID, f"`{name[:60]}`")
            self._seen.add(hash(name))


def line_of(frame: Frame) -> bytes:
    """A frame as a line; a blob is base64 text."""
    plain = cast("dict[str, Any]", frame)
    if "blob" in plain:
        plain = plain | {"blob": base64.b64encode(plain["blob"]).decode()}
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS) + b"\n"


def _recognise(folder: Folder) -> Evidence | None:
    paths = folder.with_suffix(*SUFFIXES)
    looked_at = few(folder, paths)
    found = [path for path in looked_at if holds_frames(folder, path)]
    if not found:
        return None
    used = all_or_found(paths, looked_at, found)
    count = sum(count_lines(folder, path) for path in found) * len(used) // len(found)
    return Evidence(count, used, f"{counted(len(used), 'file')} of frames in JSON lines")


def _read(reading: Reading) -> Iterator[Entry]:
    paths = reading.folder.with_suffix(*SUFFIXES)
    for path in [path for path in paths if holds_frames(reading.folder, path)] or paths:
        yield from entries(reading, path)
    reading.rest(())


def _entry(line: Line, ledger: Ledger) -> Entry | None:
    if line.error:
        ledger.lose("frames", line.place, NO_JSON, line.error)
        return None
    if not is_frame(line.value):
        ledger.lose("frames", line.place, NO_FRAME, f"{line.value!r:.60}")
        return None
    json_keys.tell(line.twice, line.place, ledger)
    frame = line.value
    if isinstance(frame.get("blob"), str):
        try:
            frame = frame | {"blob": base64.b64decode(frame["blob"], validate=True)}
        except ValueError as error:
            ledger.lose("frames", line.place, "frames whose blob is no base64 text", str(error))
            return None
    return Entry(line.place, frame=frame)


class LinesWriter:
    """Writes each frame as a line, with everything that it has."""

    def __init__(self, file: BinaryIO, ledger: Ledger) -> None:
        self._file, self._ledger = file, ledger

    def add(self, placed: Placed) -> None:
        self._file.write(line_of(placed.frame))
        for kind, count in kept_of(placed.frame).items():
            self._ledger.keep(kind, count)

    def finish(self) -> None:
        """Nothing comes at the end."""


def _start(output: Output, _subject: Subject, ledger: Ledger) -> Writer:
    return LinesWriter(output.main(RECORDS), ledger)


FORMAT = Format("jsonl", "frames in JSON lines", _recognise, _read)
WRITTEN = WrittenFormat(
    "jsonl",
    "frames in JSON lines",
    pictures="",
    single=True,
    start=_start,
    holds_rois_apart=True,
    divides=False,
    whole=True,
)
