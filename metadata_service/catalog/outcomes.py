"""What a batch of writes did: what was kept, and what was refused and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hyperdatasets.core.errors import HyperdatasetsError
from metadata_service.store.protocol import Row


@dataclass(frozen=True, slots=True)
class Failure:
    """What was refused: its place in the batch, the frame, and why."""

    index: int
    frame_id: str
    error: HyperdatasetsError


@dataclass(slots=True)
class Outcome:
    """What is refused is left out, the rest is kept; vectors are never updated, and change no version."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    failures: list[Failure] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)  # frame id, message
    changes: Counter[str] = field(default_factory=Counter)  # of registrations: what changed -> in how many frames
    differences: list[tuple[str, str]] = field(default_factory=list)  # frame id, part that was not taken
    version: Row = field(default_factory=dict)
