"""Frames that come to a writer in parts, each with some of its ROIs, joined again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from hyperdatasets.formats.spool import Spool
from hyperdatasets.formats.writing import Placed


class Whole:
    """Parts wait in a file; memory holds their places only."""

    def __init__(self) -> None:
        self._spool = Spool()

    def take(self, placed: Placed) -> bool:
        """True for a frame that comes whole; a part is kept until `joined`."""
        if placed.key is None:
            return True
        self.keep(placed)
        return False

    def keep(self, placed: Placed) -> None:
        """Keeps a frame, or a part of one, until `joined`."""
        frame = {name: value for name, value in placed.frame.items() if name != "blob"}
        key = ("whole", len(self._spool)) if placed.key is None else ("parts", placed.key)
        self._spool.add(key, orjson.dumps([frame, dict(placed.names), placed.split]))

    def joined(self) -> Iterator[Placed]:
        """Each frame that came in parts, with all of its annotations."""
        for pieces in self._spool:
            yield _joined([orjson.loads(piece) for piece in pieces])

    def close(self) -> None:
        self._spool.close()


def _joined(parts: list[Any]) -> Placed:
    frame, names, split = parts[0]
    annotations = {each["id"]: each for part in parts for each in part[0].get("annotations", ())}
    if annotations:
        frame["annotations"] = [annotations[name] for name in sorted(annotations)]
    return Placed(frame, names, split)
