"""Statistics and schema of fields: dictionaries that show themselves as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypedDict

from hyperdatasets.core.tables import Table, cell_text
from hyperdatasets.core.wording import counted


class DateStatistics(TypedDict):
    """Of values that are dates: how many, bars (from, to, elements), quantiles."""

    count: int
    histogram: list[tuple[datetime, datetime, int]]
    quantiles: list[datetime]


class Statistics(TypedDict):
    """What values a field has."""

    frames: int  # that were looked at
    elements: int  # frames, ROIs or sources that were looked at
    missing: int  # elements without a value
    values: int
    distinct: int
    counts: dict[str, int]  # value -> elements
    frame_counts: dict[str, int]  # value -> frames
    histogram: list[tuple[float, float, int]]  # from, to, elements
    quantiles: list[float]
    dates: DateStatistics | None
    pairs: list[tuple[str, str, int, int]]  # value, value, elements, frames


class SchemaField(TypedDict):
    """A field: types of its values, frames that have it, distinct values, the most frequent ones with their counts."""

    types: list[str]
    count: int
    distinct: int
    top: dict[str, int]


class StatisticsTables(dict[str, Any]):
    """`Statistics` as tables."""

    def __init__(self, field: str, statistics: Statistics) -> None:
        super().__init__(statistics)
        self.field = field

    def __repr__(self) -> str:
        return "\n".join(table.text() for table in self._tables())

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self._tables())

    def _tables(self) -> Iterator[Table]:
        frames = self.get("frame_counts", {})
        counts = [(value, count, frames.get(value)) for value, count in self.get("counts", {}).items()]
        yield Table(f"{self.field}: {self._summary()}", ("value", "elements", "frames"), counts)
        yield from _bars("numbers", self)
        yield from _bars("dates", self.get("dates") or {})
        if pairs := self.get("pairs"):
            yield Table("together", ("value", "and", "elements", "frames"), pairs)

    def _summary(self) -> str:
        frames, elements, missing, distinct = (
            self.get(key, 0) for key in ("frames", "elements", "missing", "distinct")
        )
        return (
            f"{counted(frames, 'frame')}, {counted(elements, 'element')}, {missing} without a value, "
            f"{counted(distinct, 'distinct value')}"
        )


class SchemaTable(dict[str, SchemaField]):
    """A schema, field by field, as a table."""

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        rows = [
            (path, each.get("types"), each.get("count"), each.get("distinct"), _frequent(each))
            for path, each in self.items()
        ]  # fmt: skip
        return Table(counted(len(self), "field"), ("field", "types", "frames", "distinct", "most frequent"), rows)


def _frequent(field: SchemaField) -> object:
    """The most frequent values; where all differ they say nothing."""
    all_differ = field.get("count") == field.get("distinct") != 1
    return "(all different)" if all_differ else field.get("top")


def _bars(what: str, given: Mapping[str, Any]) -> Iterator[Table]:
    """The histogram of numbers or dates, with their quantiles."""
    if bars := given.get("histogram"):
        quantiles = f"; quantiles: {cell_text(given['quantiles'])}" if given.get("quantiles") else ""
        yield Table(f"{what}{quantiles}", ("from", "to", "elements"), bars)
