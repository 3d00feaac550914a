"""The elements of one kind in one segment (frames, ROIs, sources, rows of private columns) and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.query.tree import Exists, Field, Leaf
from hyperdatasets.engine.bitmaps import Ordinals, to_array, to_bitmap, union
from hyperdatasets.engine.column import Column, ColumnBuilder, merge_columns
from hyperdatasets.engine.evaluate import satisfying, satisfying_texts


@dataclass(frozen=True)
class Table:
    """`owners` is the frame of each element, ascending; shape (size,). Frames own themselves."""

    size: int
    columns: Mapping[str, Column]
    owners: Ordinals

    def leaf(self, leaf: Leaf) -> BitMap:
        """Elements that satisfy a condition on a named field."""
        path, test = leaf.field.path, leaf.test
        if isinstance(test, Exists):
            return union(column.present for name, column in self.columns.items() if is_below(name, path))
        column = self.columns.get(path)
        return BitMap() if column is None else satisfying(column, test, keyword=leaf.field.keyword)

    def any_text(self, leaf: Leaf, *, leave_out: Iterable[str] = ()) -> BitMap:
        """Elements with some text, in any column but these, that satisfies the condition."""
        left_out = set(leave_out)
        columns = (column for name, column in self.columns.items() if name not in left_out)
        return union(satisfying_texts(column, leaf.test) for column in columns)

    def frames_of(self, elements: BitMap) -> BitMap:
        """The frames that these elements belong to."""
        return to_bitmap(self.owners[to_array(elements)])

    def counts(self, elements: BitMap, frames: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """How many of these elements each frame has; shape (frames,)."""
        return np.bincount(self.owners[to_array(elements)], minlength=frames)


def is_below(path: str, field_path: str) -> bool:
    """Whether a path is the field's or lies below it."""
    return path == field_path or path.startswith(f"{field_path}.")


def is_any_text(field_of_leaf: Field) -> bool:
    return not field_of_leaf.path


@dataclass(slots=True)
class TableBuilder:
    """Elements as they come, each with the number of its frame."""

    owners: list[int] = field(default_factory=list)
    columns: dict[str, ColumnBuilder] = field(default_factory=dict)

    def element(self, owner: int) -> int:
        """Begins the next element; returns its number."""
        self.owners.append(owner)
        return len(self.owners) - 1

    def add(self, path: str, element: int, value: object) -> None:
        """Adds a value; lists flatten, lists of objects too; null, [] and {} are no values."""
        if isinstance(value, str | int | float):
            column = self.columns.get(path)
            if column is None:
                column = self.columns[path] = ColumnBuilder()
            column.add(element, value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.add(f"{path}.{key}" if path else key, element, inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                self.add(path, element, inner)

    def build(self) -> Table:
        columns = {path: column.build() for path, column in self.columns.items()}
        return Table(len(self.owners), columns, np.array(self.owners, np.uint32))


def merge_tables(tables: list[Table], frames: list[int]) -> Table:
    """One table of several; `frames` are how many frames each one's segment has."""
    bases = np.cumsum([0, *(table.size for table in tables)]).tolist()
    firsts = np.cumsum([0, *frames]).tolist()
    paths = sorted({path for table in tables for path in table.columns})
    columns = {
        path: merge_columns(
            [(base, table.columns[path]) for base, table in zip(bases, tables, strict=False) if path in table.columns]
        )
        for path in paths
    }
    owners = [table.owners + np.uint32(first) for first, table in zip(firsts, tables, strict=False)]
    return Table(bases[-1], columns, np.concatenate(owners))
