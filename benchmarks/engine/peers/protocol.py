"""What a peer answers; each is a module with `load`, `connect` and `files`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.engine.changes import Plan
from benchmarks.engine.filters import Filter


@dataclass(frozen=True, slots=True)
class Page:
    """Ids and scores of its frames, in order; the frames themselves were read too."""

    ids: list[str]
    scores: list[float]


class Peer(Protocol):
    def count(self, asked: Filter) -> int: ...

    def page(self, asked: Filter, *, offset: int = 0, by_score: bool = False) -> Page:
        """A hundred matching frames with all that belongs to them."""
        ...

    def label_counts(self, asked: Filter) -> dict[str, int]:
        """ROIs per label in the matching frames."""
        ...

    def union(self, asked: Sequence[Filter]) -> int:
        """Frames that any of these match."""
        ...

    def another(self) -> Peer:
        """A connection for another thread."""
        ...


class PeerModule(Protocol):
    NAME: str

    def load(self, folder: Path, plan: Plan) -> None: ...

    def connect(self, folder: Path) -> Peer: ...

    def files(self, folder: Path) -> list[Path]: ...
