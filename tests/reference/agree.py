"""A query, asked of the naive evaluator and of the engine in every state that an index can be in."""

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


class Indexes:
    """The same rows in every state that an index can be in; made once, and then asked any number of queries.

    The rows are in one segment, in two that are cut at a place, and in the merged ones. With a folder there are two
    more indexes: one to which the rows were added one by one, and one that was saved and read back.
    """

    def __init__(self, rows: Sequence[Row], *, cut: int = 1, folder: Path | None = None) -> None:
        self._rows = rows
        self._whole = DatasetIndex()
        self._whole.add(rows)
        self._parts = [build(part) for part in (rows[:cut], rows[cut:]) if part]
        self._merged = merge(self._parts)
        self._others: dict[str, DatasetIndex] = {}
        if folder is not None:
            self._others["row by row"] = _grown(rows)
            _grown(rows, folder).save()
            self._others["saved and read back"] = DatasetIndex(folder)

    def found(self, node: Node, scope: Scope) -> BitMap:
        """Revisions that the engine and the naive evaluator both select; fails where any two of them differ.

        The first index is asked again, for the result that it kept, and after an edit that took every other revision
        out.
        """
        expected = meant(node, scope, self._rows)
        assert self._whole.search(node, scope) == expected, "one segment"
        assert self._whole.search(node, scope) == expected, "the kept result"
        some = BitMap(row.revision for row in self._rows[::2])
        assert self._whole.search(node, scope, some) == expected & some, "within some revisions"
        assert BitMap().union(*(part.search(node, scope) for part in self._parts)) == expected, "two segments"
        assert self._merged.search(node, scope) == expected, "merged segments"
        for state, index in self._others.items():
            assert index.search(node, scope) == expected, state
        return expected


def _grown(rows: Sequence[Row], folder: Path | None = None) -> DatasetIndex:
    index = DatasetIndex(folder)
    for row in rows:
        index.add([row])
    return index


def found_private(node: Node, columns: Sequence[Mapping[str, Any]]) -> BitMap:
    """The same for a local query over private columns; the position of a row is its revision."""
    frame: Any = {"id": "f", "sources": [{"id": "default", "uri": "u"}]}
    expected = BitMap(i for i, private in enumerate(columns) if matches(node, "local", frame, private=private))
    assert build_private(enumerate(columns)).search(node, "local") == expected
    return expected
