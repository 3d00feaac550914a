"""What readers of annotation formats yield: one file with what is known of it, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.normalise import normalise_annotation
from hyperdatasets.core.plain import meta_object
from hyperdatasets.formats.media import Media

LEFT_OUT = "left out"  # how the reason begins if a whole file is


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out or looks wrong; `file` is relative to the folder."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the folder with its annotations in plain form, unchecked; `path` is relative, with `/`.

    `frame` is set instead where the format holds whole frames.
    """

    path: str
    annotations: list[dict[str, Any]] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    masks: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    frame: dict[str, Any] | None = None

    @property
    def left_out(self) -> bool:
        """Whether a problem stands for the whole file."""
        return any(problem.reason.startswith(LEFT_OUT) for problem in self.problems)

    def to_frame(self, uri: str, media: Media) -> tuple[dict[str, Any], list[Problem]]:
        """The plain frame of the file under this URI; annotations that are wrong are dropped and told."""
        source = {"id": "default", "uri": uri, **media.to_plain()}
        if self.masks:
            source["masks"] = self.masks
        problems: list[Problem] = []
        annotations = [kept for each in self.annotations if (kept := self._checked(each, source, problems))]
        frame: dict[str, Any] = {"sources": [source], "annotations": annotations}
        if self.meta:
            try:
                frame["meta"] = meta_object(self.meta, "meta")
            except InvalidFrame as error:
                problems.append(Problem(self.path, f"metadata left out: {error.message}"))
        return frame, problems

    def _checked(
        self, annotation: dict[str, Any], source: dict[str, Any], problems: list[Problem]
    ) -> dict[str, Any] | None:
        try:
            plain, warnings = normalise_annotation(annotation, [source])
        except InvalidFrame as error:
            problems.append(Problem(self.path, f"{_named(annotation)} left out: {error.message}"))
            return None
        problems += [Problem(self.path, warning) for warning in warnings]
        return plain if plain["id"] else {key: value for key, value in plain.items() if key != "id"}


def _named(annotation: Any) -> str:
    labels = annotation.get("labels") if isinstance(annotation, dict) else annotation
    shown = ", ".join(map(str, labels)) if isinstance(labels, list) else str(labels)
    return f"annotation `{shown[:60]}`"
