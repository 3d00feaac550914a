"""JSON lines: a frame in its plain form per line; also written, for exports."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import orjson

from hyperdatasets.core.frames import Frame
from hyperdatasets.formats.entry import Entry, Problem
from hyperdatasets.formats.files import walk


def detect(folder: Path) -> bool:
    return any(path.endswith(".jsonl") for path in walk(folder))


def read(folder: Path) -> Iterator[Entry]:
    for path in walk(folder):
        if path.endswith(".jsonl"):
            with (folder / path).open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield _entry(f"{path}:{number}", line)


def write(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Lines; a blob is base64 text."""
    for frame in frames:
        plain = cast("dict[str, Any]", frame)
        if "blob" in plain:
            plain = plain | {"blob": base64.b64encode(plain["blob"]).decode()}
        yield orjson.dumps(plain, option=orjson.OPT_SORT_KEYS) + b"\n"


def _entry(place: str, line: bytes) -> Entry:
    try:
        frame = orjson.loads(line)
        if isinstance(frame, dict) and isinstance(frame.get("blob"), str):
            frame["blob"] = base64.b64decode(frame["blob"], validate=True)
    except ValueError as error:
        return Entry(place, problems=[Problem(place, f"left out: {error}")])
    if not isinstance(frame, dict):
        return Entry(place, problems=[Problem(place, "left out: expected an object, a frame in its plain form")])
    return Entry(place, frame=frame)
