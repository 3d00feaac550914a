"""What differs between the specifications of two data views, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class SpecDifference:
    """A value at a path such as `rules[0].weight`; a side that has none there is not in `values`."""

    path: str
    values: Mapping[str, Any]  # "before", "after"


def spec_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SpecDifference]:
    """Between two plain forms; lists of rules and the like are compared by their places."""
    return list(_compared(before, after, ""))


def _compared(before: Any, after: Any, path: str) -> list[SpecDifference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        inner = [
            (f"{path}.{key}" if path else str(key), before.get(key, _ABSENT), after.get(key, _ABSENT)) for key in keys
        ]
    elif _is_sections(before) and _is_sections(after):
        places = range(max(len(before), len(after)))
        inner = [(f"{path}[{i}]", _at(before, i), _at(after, i)) for i in places]
    elif type(before) is type(after) and before == after:
        return []
    else:
        sides = (("before", before), ("after", after))
        return [SpecDifference(path, {side: value for side, value in sides if value is not _ABSENT})]
    return [each for where, one, other in inner for each in _compared(one, other, where)]


def _is_sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else _ABSENT
