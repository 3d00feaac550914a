"""Frames on their way in, checked as far as nothing else has to be known: rows, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.core.given import Canonical, Given, Refused
from hyperdatasets.core.normalise import MAX_ID, normalise
from metadata_service.catalog.outcomes import Failure
from metadata_service.catalog.rows import canonical_row, row_of
from metadata_service.store.protocol import Row

MAX_WARNINGS = 100


@dataclass(slots=True)
class Batch:
    """Rows by their place in the batch; what was refused is among the failures."""

    rows: dict[int, Row] = field(default_factory=dict)
    etags: Mapping[int, int] = field(default_factory=dict)  # place -> the revision that its writer read
    failures: list[Failure] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)  # frame id, message

    @property
    def frame_ids(self) -> list[str]:
        return [row["frame_id"] for row in self.rows.values()]


def checked(frames: Iterable[Given], etags: Mapping[int, int] | None = None) -> Batch:
    """Brings each frame into its normal form, or tells what is wrong with it."""
    batch = Batch(etags=etags or {})
    for place, frame in enumerate(frames):
        if type(frame) is Canonical:
            batch.rows[place] = canonical_row(frame)
        elif type(frame) is Refused:
            batch.failures.append(Failure(place, frame.id[:MAX_ID], frame.error))
        else:
            _add_plain(batch, place, cast("Mapping[str, Any]", frame))
    return batch


def _add_plain(batch: Batch, place: int, plain: Mapping[str, Any]) -> None:
    try:
        frame, warnings = normalise(plain)
    except HyperdatasetsError as error:
        batch.failures.append(Failure(place, str(plain.get("id", ""))[:MAX_ID], error))
        return
    batch.rows[place] = row_of(frame)
    if warnings and len(batch.warnings) < MAX_WARNINGS:
        batch.warnings += [(frame["id"], text) for text in warnings]
