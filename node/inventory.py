"""The registered files of a node with what stays at the site, read from its database without changing it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hyperdatasets.core.errors import InvalidArgument
from node.config import NodeConfig

_ALL = (
    "SELECT f.root, f.path, coalesce(s.fragment, '') AS fragment, coalesce(d.name, f.dataset) AS dataset, f.frame_id, "
    "coalesce(g.context, '') AS context, g.timestamp, coalesce(p.columns_json, '{}') AS columns_json FROM files AS f "
    "LEFT JOIN datasets AS d ON d.id = f.dataset LEFT JOIN private AS p USING (dataset, frame_id) "
    "LEFT JOIN grouping AS g USING (dataset, frame_id) LEFT JOIN parts AS s USING (dataset, frame_id) "
    "WHERE f.source = 'default' AND (? = '' OR f.root = ? AND (? = x'' OR f.path = ? OR substr(f.path, 1, ?) = ?)) "
    "ORDER BY f.root, f.path, fragment, dataset"
)


@dataclass(frozen=True, slots=True)
class RegisteredFile:
    """A file, or a document of one, and its frame.

    Attributes:
        file: `<root alias>/<path below it>`, with `#` and what names a document of it.
        timestamp: milliseconds since 1970, in UTC.
        private: private columns, also those that are published.
    """

    file: str
    dataset: str
    frame_id: str
    context: str
    timestamp: int | None
    private: Mapping[str, Any]


def registered_files(folder: Path, config: NodeConfig, place: str = "") -> Iterator[RegisteredFile]:
    """The files of the node in a folder, by path; the node may be running.

    Args:
        place: `<root alias>`, a file or folder below it, or an absolute path below a root; empty = all.

    Raises:
        InvalidArgument: the place lies below no root.
    """
    root, below = _located(place, config) if place else ("", b"")
    values = (root, root, below, below, len(below) + 1, below + b"/")
    database = folder / "node.db"
    if not database.exists():  # the node was never run
        return
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        for alias, path, fragment, dataset, frame_id, context, timestamp, columns in connection.execute(_ALL, values):
            file = f"{alias}/{os.fsdecode(path)}" + (f"#{fragment}" if fragment else "")
            private = {name: value for name, value in orjson.loads(columns).items() if name != "path"}
            yield RegisteredFile(file, dataset, frame_id, context, timestamp, private)


def _located(place: str, config: NodeConfig) -> tuple[str, bytes]:
    """Alias of the root, and the path below it."""
    if Path(place).is_absolute():
        for alias, root in config.roots.items():
            if Path(place).is_relative_to(root):
                return alias, _below(Path(place).relative_to(root))
    alias, _, rest = place.partition("/")
    if alias not in config.roots:
        raise InvalidArgument(
            f"{place} lies below no root of this node; there are: {', '.join(config.roots) or 'none'}"
        )
    return alias, _below(Path(os.path.normpath(rest)))


def _below(path: Path) -> bytes:
    return b"" if path == Path() else os.fsencode(path)
