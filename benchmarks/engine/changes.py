"""Edits that ours and the peers make alike: which frames, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.engine.generator import LABEL_SETS, batch

CHANGED_SET = LABEL_SETS.index(("car", "occluded"))


@dataclass(frozen=True, slots=True)
class Change:
    """Sets weather and score of these frames, and labels and confidence of the first ROI of each."""

    frames: range
    score: float
    weather: str = "rain"
    confidence: float = 0.95

    @property
    def where(self) -> str:
        each = self.frames
        return f"frame >= {each.start} AND frame < {each.stop} AND (frame - {each.start}) % {each.step} = 0"

    def sql(self) -> list[str]:
        return [
            f"UPDATE frames SET weather = '{self.weather}', score = {self.score} WHERE {self.where}",
            f"UPDATE rois SET set_id = {CHANGED_SET}, confidence = {self.confidence} WHERE roi = 0 AND {self.where}",
        ]

    def of(self, plain: dict[str, Any]) -> dict[str, Any]:
        """The frame as it becomes."""
        said = {"labels": list(LABEL_SETS[CHANGED_SET]), "confidence": self.confidence}
        annotations = [{**each, **(said if each["id"] == "0" else {})} for each in plain.get("annotations", ())]
        meta = {**plain["meta"], "weather": self.weather, "score": self.score}
        return {**plain, "annotations": annotations, "meta": meta}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is changed in data of this size; small data gets small edits."""

    count: int

    @property
    def thousand(self) -> range:
        """Frames of an edit: a thousand, far apart."""
        return _spread(min(1_000, self.count // 10), self.count, first=3)

    @property
    def changed(self) -> range:
        return _spread(min(9_500, self.count // 4), self.count, first=1)[: -len(self.removed)]

    @property
    def removed(self) -> range:
        wanted = min(9_500, self.count // 4)
        return _spread(wanted, self.count, first=1)[-max(1, wanted // 19) :]

    @property
    def added(self) -> range:
        return range(self.count, self.count + len(self.removed))

    def edit(self, number: int) -> Change:
        """The n-th edit of the same thousand frames."""
        return Change(self.thousand, round(0.5 + number / 1_000, 3))

    def other_version(self) -> Change:
        """With what was removed and added, the difference of ten thousand frames."""
        return Change(self.changed, 0.25, "snow")

    def added_tables(self) -> tuple[Any, Any]:
        return batch(self.added.start, len(self.added))


def ids(numbers: range) -> list[str]:
    return [f"frame-{number:08}" for number in numbers]


def _spread(wanted: int, count: int, *, first: int) -> range:
    step = max(1, count // wanted)
    return range(first, first + step * wanted, step) if first + step * (wanted - 1) < count else range(0, count, step)
