"""How far two files of a folder lie apart, where folders such as `images` and `labels` count as one."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdatasets.formats.folder import ROLES, parent


def distance(one: str, other: str) -> int:
    """How far two files lie apart: 0 in the same folder, 1 if only folders that are roles differ, else more."""
    if parent(one) == parent(other):
        return 0
    parts, others = bare(parent(one)), bare(parent(other))
    common = next((place for place, (a, b) in enumerate(zip(parts, others, strict=False)) if a != b),
                  min(len(parts), len(others)))  # fmt: skip
    return 1 + len(parts) + len(others) - 2 * common


def bare(folder: str) -> list[str]:
    """The parts of a path without those that say what lies in them: `a/JPEGImages/train` -> `a`, `train`."""
    return [part for part in folder.split("/") if part and part.lower() not in ROLES]


def nearest(place: str, candidates: Sequence[str]) -> list[str]:
    """Those of some files that lie nearest to another one."""
    least = min((distance(place, each) for each in candidates), default=0)
    return [each for each in candidates if distance(place, each) == least]
