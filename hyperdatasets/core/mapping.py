"""Labels as a data view shows them: mapped, hidden, numbered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from hyperdatasets.core.frames import Annotation

ANY = "*"
UNNUMBERED = -1


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A ROI that carries all of `labels` (or `*`: any) shows `to` in their place; None hides them."""

    labels: frozenset[str]
    to: str | None

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("a mapping rule names at least one label, or `*`")


@dataclass(frozen=True, slots=True)
class Mapper:
    """The mapping rules for the frames of one version, in their order.

    Rules look at the original labels; each label is used by the first rule that matches it, and what a rule makes
    of it is not looked at again. Labels that no rule uses stay, unless `drop_unmapped`.
    """

    rules: tuple[LabelRule, ...] = ()
    drop_unmapped: bool = False

    def labels(self, original: Sequence[str]) -> list[str]:
        """The labels of one ROI after mapping: made ones stand where the first label they replace stood."""
        left = dict.fromkeys(original)
        shown: dict[str, str | None] = {}
        for rule in self.rules:
            used = list(left) if ANY in rule.labels else [label for label in left if label in rule.labels]
            if used and (ANY in rule.labels or len(used) == len(rule.labels)):
                shown |= dict.fromkeys(used, rule.to)
                for label in used:
                    del left[label]
        kept = {} if self.drop_unmapped else {label: label for label in left}
        mapped = (shown.get(label) or kept.get(label) for label in original)
        return list(dict.fromkeys(label for label in mapped if label is not None))

    def annotations(self, original: Iterable[Annotation]) -> list[Annotation]:
        """The annotations after mapping; one that keeps no label is left out."""
        if not self.rules and not self.drop_unmapped:
            return list(original)
        mapped = [(annotation, self.labels(annotation["labels"])) for annotation in original]
        return [cast("Annotation", {**annotation, "labels": labels}) for annotation, labels in mapped if labels]


def enumerate_labels(labels: Iterable[str], *, first: int = 1) -> dict[str, int]:
    """Numbers for labels that a view leaves unnumbered: from `first`, in the order of their UTF-8 bytes."""
    ordered = sorted(set(labels), key=str.encode)
    return {label: number for number, label in enumerate(ordered, start=first)}


def by_number(numbers: Mapping[str, int]) -> dict[str, int]:
    """Labels with their numbers, in the order of the numbers."""
    return dict(sorted(numbers.items(), key=lambda each: (each[1], each[0])))


def label_ids(labels: Sequence[str], numbers: Mapping[str, int]) -> list[int]:
    """The number of each label of a ROI; -1 for a label without a number."""
    return [numbers.get(label, UNNUMBERED) for label in labels]
