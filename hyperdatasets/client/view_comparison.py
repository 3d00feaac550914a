"""What differs between two data views."""

from __future__ import annotations

from typing import Any, TypedDict


class ViewComparison(TypedDict):
    """Changes of the specification, and frames that only one side or both sides select."""

    changes: dict[str, tuple[Any, Any]]  # path in the specification -> (here, there), None where a side says nothing
    only_here: int  # frames
    only_there: int
    both: int
    other_revision: int  # frames that both select, in different revisions
    only_here_examples: list[str]  # ids of the first frames
    only_there_examples: list[str]


def same(compared: ViewComparison) -> bool:
    """Whether two views have one specification and select the same frames, in the same revisions."""
    return not any(compared[each] for each in ("changes", "only_here", "only_there", "other_revision"))
