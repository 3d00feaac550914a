"""One question, asked of the naive evaluator and of the engine in every state an index can be in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from hyperdatasets.core.query.tree import Node, Scope
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.segment import Row, build, build_private, merge
from tests.reference.evaluate import matches


def meant(node: Node, scope: Scope, rows: Sequence[Row]) -> BitMap:
    """Revisions that the naive evaluator selects."""
    return BitMap(
        row.revision for row in rows
        if matches(node, scope, row.frame, saved_ms=row.saved_ms, saved_in_version=row.saved_in_version)
    )  # fmt: skip


def found(node: Node, scope: Scope, rows: Sequence[Row], *, cut: int = 1, folder: Path | None = None) -> BitMap:
    """Revisions that the engine and the naive evaluator both select; fails where any two of them differ.

    The engine is asked in one segment, in two that are cut at a place, in the merged ones, after an edit that took
    every other revision out, and, with a folder, after saving and reading back.
    """
    expected = meant(node, scope, rows)
    index = DatasetIndex()
    index.add(rows)
    assert index.search(node, scope) == expected, "one segment"
    assert index.search(node, scope) == expected, "the kept result"
    some = BitMap(row.revision for row in rows[::2])
    assert index.search(node, scope, some) == expected & some, "within some revisions"
    parts = [build(part) for part in (rows[:cut], rows[cut:]) if part]
    assert BitMap().union(*(part.search(node, scope) for part in parts)) == expected, "two segments"
    assert merge(parts).search(node, scope) == expected, "merged segments"
    if folder is not None:
        grown = DatasetIndex(folder)
        for row in rows:
            grown.add([row])
        assert grown.search(node, scope) == expected, "row by row"
        grown.save()
        assert DatasetIndex(folder).search(node, scope) == expected, "saved and read back"
    return expected


def found_private(node: Node, columns: Sequence[Mapping[str, Any]]) -> BitMap:
    """The same for a local query over private columns; the position of a row is its revision."""
    frame: Any = {"id": "f", "sources": [{"id": "default", "uri": "u"}]}
    expected = BitMap(i for i, private in enumerate(columns) if matches(node, "local", frame, private=private))
    assert build_private(enumerate(columns)).search(node, "local") == expected
    return expected
