"""Versions as sets of revision numbers: comparing, and what changed within a frame.

A version holds at most one revision of a frame id. Costs grow with what differs, not with the versions' sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap

from hyperdatasets.core.frames import Frame

FrameIds = Callable[[BitMap], Mapping[int, str]]  # frame id of each of these revisions

_ABSENT = object()
_LISTED = ("sources", "annotations", "masks")  # lists whose elements have ids


@dataclass(frozen=True, slots=True)
class Diff:
    """Frame ids with their revisions; `changed` with the one before and the one after."""

    added: Mapping[str, int]
    removed: Mapping[str, int]
    changed: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference within a frame; a value that is absent on one side is None there and `absent` tells."""

    path: str
    before: Any
    after: Any
    absent: str = ""  # "before", "after" or neither


def diff(before: BitMap, after: BitMap, frame_ids: FrameIds) -> Diff:
    """What the second version has that the first has not, and the other way round."""
    old = {frame_id: revision for revision, frame_id in frame_ids(before - after).items()}
    new = {frame_id: revision for revision, frame_id in frame_ids(after - before).items()}
    return Diff(
        added={frame_id: revision for frame_id, revision in new.items() if frame_id not in old},
        removed={frame_id: revision for frame_id, revision in old.items() if frame_id not in new},
        changed={frame_id: (old[frame_id], new[frame_id]) for frame_id in sorted(old.keys() & new.keys())},
    )


def changes(before: Frame, after: Frame) -> list[Change]:
    """Field by field, annotation by annotation: `meta.city`, `annotations[<id>].labels`, in the order of paths."""
    found: list[Change] = []
    _compare(before, after, "", found)
    return sorted(found, key=lambda change: change.path)


def _compare(before: Any, after: Any, path: str, found: list[Change]) -> None:
    if _same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before.keys() | after.keys():
            inner = f"{path}.{key}" if path else key
            pair = before.get(key, _ABSENT), after.get(key, _ABSENT)
            if key in _LISTED and not path.startswith("meta"):
                _compare_listed(*pair, inner, found)
            else:
                _compare(*pair, inner, found)
    else:
        found.append(_change(before, after, path))


def _compare_listed(before: Any, after: Any, path: str, found: list[Change]) -> None:
    old = {item["id"]: item for item in (() if before is _ABSENT else before)}
    new = {item["id"]: item for item in (() if after is _ABSENT else after)}
    for key in old.keys() | new.keys():
        _compare(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}[{key}]", found)
    if old.keys() == new.keys() and list(old) != list(new):
        found.append(Change(path, list(old), list(new)))


def _change(before: Any, after: Any, path: str) -> Change:
    if before is _ABSENT:
        return Change(path, None, after, absent="before")
    if after is _ABSENT:
        return Change(path, before, None, absent="after")
    return Change(path, before, after)


def _same(one: Any, other: Any) -> bool:
    """Equal in canonical bytes too: 1, 1.0 and true differ, also deep within."""
    if type(one) is not type(other) or one is _ABSENT or other is _ABSENT:
        return one is other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
