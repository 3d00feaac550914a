"""A rule on ROIs, under ClearML's names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hyperdatasets.client.arguments import plain
from hyperdatasets.core.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class LabelQuery:
    """So many ROIs match, with such confidence; -1 or None in a range is an open end."""

    label: str = "*"
    count_range: Sequence[int | None] | None = None
    conf_range: Sequence[float | None] | None = None
    must_not: bool = False

    def to_plain(self) -> dict[str, Any]:
        query: dict[str, Any] = {"query": self.label, "exclude": self.must_not}
        if self.count_range is not None:
            query["count"] = list(plain(self.count_range))
        if self.conf_range is not None:
            query["confidence"] = list(plain(self.conf_range))
        return query


def label_queries(given: LabelQuery | Iterable[LabelQuery]) -> list[dict[str, Any]]:
    """ROI rules of a view; one alone is a list of one. Raises InvalidArgument: something is no such query."""
    listed = [given] if isinstance(given, LabelQuery) else list(given)
    for each in listed:
        if not isinstance(each, LabelQuery):
            raise InvalidArgument(f"roi_queries: expected a DataView.RoiQuery or several, got {each!r:.60}")
    return [each.to_plain() for each in listed]
