"""The specification of a data view: values, checked; YAML, JSON and the plain form use the same names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hyperdatasets.core.errors import DeploymentField
from hyperdatasets.core.mapping import LabelRule
from hyperdatasets.core.order import Iteration
from hyperdatasets.core.query.fields import DEPLOYMENT_FIELDS
from hyperdatasets.core.query.parse import QueryWarning, parse
from hyperdatasets.core.query.tree import And, Leaf, Node, Not, Or, Scope
from hyperdatasets.core.split import Share

ANY = "*"
MAX_RULES = 1_000
MAX_TEXT = 1 << 20  # characters of a specification
MAX_NEAREST = 100_000  # of a rule with `vector`: their numbers stand in the signed record
MAX_CLIP = 10_000  # frames of one clip
MAX_COUNT = (1 << 31) - 1  # ROIs that a rule can ask for
MAX_NUMBER = (1 << 31) - 1  # of a label

FilterByRoi = Literal["label_rules", "disabled", "no_rois"]
OutputRois = Literal["all_in_frame", "only_filtered", "frame_per_roi"]
Metric = Literal["cosine", "l2", "inner_product"]

AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "affine": ("rotate", "reflect_horizontal", "reflect_vertical", "scale", "shear"),
    "pixel": ("blur", "noise", "recolor"),
    "crop_around_rois": (),
}


@dataclass(frozen=True, slots=True)
class VersionRef:
    """`dataset` as `project/name`, a bare name or an id; `version` a name or an id."""

    dataset: str
    version: str


@dataclass(frozen=True, slots=True)
class RoiRule:
    """So many ROIs (`count`) match the query with a confidence in the range; `exclude`: none does. None is open."""

    query: str = ""
    count: tuple[int | None, int | None] = (1, None)
    confidence: tuple[float | None, float | None] = (None, None)
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """Frames whose key hashes into the share; a frame without the key is a group of its own."""

    by: str
    share: Share
    salt: str = ""


@dataclass(frozen=True, slots=True)
class VectorSearch:
    """The `k` nearest among the frames that match the rest of the rule; `near` is a vector or a frame id."""

    field: str
    near: str | tuple[float, ...]
    k: int
    metric: Metric = "cosine"


@dataclass(frozen=True, slots=True)
class Rule:
    """All parts must match; `*` for dataset and version means those that the view lists."""

    dataset: str = ANY
    version: str = ANY
    frame_query: str = ""
    source_query: str = ""
    roi_rules: tuple[RoiRule, ...] = ()
    filter_by_roi: FilterByRoi = "label_rules"
    vector: VectorSearch | None = None
    split: Split | None = None
    local_query: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class MappingRule:
    """A label rule for the ROIs of some versions."""

    rule: LabelRule
    dataset: str = ANY
    version: str = ANY


@dataclass(frozen=True, slots=True)
class Clip:
    """A unit is a run of frames of one context; without `frames` and `length_ms` units are single frames.

    No clip has more than `MAX_CLIP` frames, also where only its length is given.
    """

    frames: int | None = None
    length_ms: int | None = None
    max_gap_ms: int | None = None

    @property
    def wanted(self) -> bool:
        return self.frames is not None or self.length_ms is not None


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Declared here, applied by loaders; `strength` from 0 to 2."""

    kind: str
    operations: tuple[str, ...] = ()
    probability: float = 1.0
    strength: float = 1.0


FromZero = Literal["from_zero"]
FROM_ZERO: FromZero = "from_zero"


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """What a user writes.

    Attributes:
        labels: label -> number; None or `from_zero` = all labels that are selected, numbered from 1 or from 0 when the
            view is published.
    """

    rules: tuple[Rule, ...]
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    versions: tuple[VersionRef, ...] = ()
    mapping: tuple[MappingRule, ...] = ()
    drop_unmapped: bool = False
    labels: dict[str, int] | FromZero | None = None
    output_rois: OutputRois = "all_in_frame"
    iteration: Iteration = field(default_factory=Iteration)
    clip: Clip = field(default_factory=Clip)
    augmentation: tuple[Augmentation, ...] = ()


def queries(spec: ViewSpec) -> list[tuple[str, Scope, str]]:
    """Each query of the view: its place, its scope, its text."""
    found: list[tuple[str, Scope, str]] = []
    for number, rule in enumerate(spec.rules):
        place = f"rules[{number}]"
        found.append((f"{place}.frame_query", "frame", rule.frame_query))
        found.append((f"{place}.source_query", "source", rule.source_query))
        found += [(f"{place}.roi_rules[{i}].query", "roi", each.query) for i, each in enumerate(rule.roi_rules)]
        found.append((f"{place}.local_query", "local", rule.local_query))
    return [each for each in found if each[2]]


def query_warnings(spec: ViewSpec) -> list[tuple[str, QueryWarning]]:
    """What the parser says about each query, with its place."""
    return [(place, warning) for place, scope, text in queries(spec) for warning in parse(text, scope).warnings]


def check_publishable(spec: ViewSpec) -> None:
    """Refuses fields that differ between deployments which hold the same frames.

    Raises:
        DeploymentField: `saved` or `saved_in_version` in a query or as the key of a split.
    """
    used = [(place, name) for place, scope, text in queries(spec) for name in _names(parse(text, scope).node)]
    used += [(f"rules[{i}].split.by", rule.split.by) for i, rule in enumerate(spec.rules) if rule.split]
    for place, name in used:
        if name in DEPLOYMENT_FIELDS:
            raise DeploymentField(
                f"{place}: `{name}` differs between deployments that hold the same frames; "
                "a published view must not depend on it",
                field=name,
            )


def _names(node: Node) -> list[str]:
    match node:
        case And(children) | Or(children):
            return [name for child in children for name in _names(child)]
        case Not(child):
            return _names(child)
        case Leaf(target):
            return [target.path]
    return []  # `Some` asks for ROIs and sources, which have no such fields
