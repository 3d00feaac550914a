"""Columns that a file need not hold, since others tell them: the area of upright boxes is width times height."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hyperdatasets.engine.column import Column, of_numbers

AREA, _SIDES = "area", ("width", "height")


class Columns(Mapping[str, Column]):
    """Columns that were kept, and derived ones, each made when it is first asked for."""

    def __init__(self, kept: Mapping[str, Column], derived: Iterable[str]) -> None:
        self._known = dict(kept)
        self._names = dict.fromkeys([*kept, *derived])

    def __getitem__(self, name: str) -> Column:
        if name == AREA and name in self._names and name not in self._known:
            self._known[name] = _areas(*(self._known[side] for side in _SIDES))
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # asking makes nothing

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def derivable(columns: Mapping[str, Column]) -> frozenset[str]:
    """Names of the columns that the others tell exactly."""
    if not columns.keys() >= {AREA, *_SIDES} or not all(_is_dense(columns[name]) for name in (AREA, *_SIDES)):
        return frozenset()
    same = columns[AREA].floats.wide == _areas(*(columns[side] for side in _SIDES)).floats.wide
    return frozenset([AREA]) if bool(same.all()) else frozenset()


def _areas(width: Column, height: Column) -> Column:
    return of_numbers(width.size, None, width.floats.wide * height.floats.wide)


def _is_dense(column: Column) -> bool:
    """Whether each element has one double and nothing else."""
    alone = not (len(column.texts) or len(column.ints) or column.trues or column.falses)
    return alone and len(column.floats) == column.size and column.floats.elements is None
