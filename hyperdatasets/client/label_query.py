"""A rule on ROIs, under ClearML's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LabelQuery:
    """So many ROIs match, with such confidence; -1 or None in a range is an open end."""

    label: str = "*"
    count_range: Sequence[int | None] | None = None
    conf_range: Sequence[float | None] | None = None
    must_not: bool = False

    def to_plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"query": self.label, "exclude": self.must_not}
        if self.count_range is not None:
            plain["count"] = list(self.count_range)
        if self.conf_range is not None:
            plain["confidence"] = list(self.conf_range)
        return plain
