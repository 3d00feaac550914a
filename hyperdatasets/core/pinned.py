"""A data view with its versions pinned: what is published, signed, and evaluated again years later.

`*` and names are gone: rules and mapping name versions by their number. Queries stand as the parser read them, so
that blanks and brackets do not make another view.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

from hyperdatasets.core.dataview import ANY, FROM_ZERO, Augmentation, Clip, OutputRois, Rule, VersionRef, ViewSpec
from hyperdatasets.core.dataview_text import from_plain, rule_to_plain, to_plain
from hyperdatasets.core.errors import InvalidView
from hyperdatasets.core.interleave import MAX_SUM, integer_weights
from hyperdatasets.core.mapping import LabelRule, Mapper, enumerate_labels
from hyperdatasets.core.order import Iteration
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import SEMANTICS, All, Scope
from hyperdatasets.core.query.unparse import unparse


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """What a catalog knows of a version; `content_digest` may be empty while it is a draft."""

    dataset_id: str
    version_id: str
    version_name: str
    content_digest: str


class Versions(Protocol):
    """Where names of datasets and versions are looked up; raises NotFound with the nearest name."""

    def version(self, dataset: str, version: str) -> KnownVersion: ...

    def dataset_id(self, dataset: str) -> str: ...


@dataclass(frozen=True, slots=True)
class PinnedVersion:
    dataset_id: str
    version_id: str
    content_digest: str


@dataclass(frozen=True, slots=True)
class PinnedRule:
    """`rule` without names; `versions` are numbers into the view's versions."""

    versions: tuple[int, ...]
    rule: Rule
    weight: int


@dataclass(frozen=True, slots=True)
class PinnedMapping:
    versions: tuple[int, ...]
    rule: LabelRule


@dataclass(frozen=True, slots=True)
class PinnedView:
    """A view as it is published.

    Attributes:
        versions: in the order in which rules first name them.
        labels: numbers of labels; None until a view without an enumeration is published.
        first_number: of the first label, where they are numbered when the view is published.
        semantics: number of the rules that say what its queries select; they are those of its time, for ever.
    """

    versions: tuple[PinnedVersion, ...]
    rules: tuple[PinnedRule, ...]
    mapping: tuple[PinnedMapping, ...] = ()
    drop_unmapped: bool = False
    labels: MappingType[str, int] | None = None
    output_rois: OutputRois = "all_in_frame"
    iteration: Iteration = field(default_factory=Iteration)
    clip: Clip = field(default_factory=Clip)
    augmentation: tuple[Augmentation, ...] = ()
    semantics: int = 1
    first_number: int = 1

    @property
    def datasets(self) -> tuple[str, ...]:
        """Ids of the datasets; a dataset's number in digests and orders is its place here."""
        return tuple(dict.fromkeys(version.dataset_id for version in self.versions))

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(rule.weight for rule in self.rules)

    def dataset_number(self, version: int) -> int:
        return self.datasets.index(self.versions[version].dataset_id)

    def mapper(self, version: int) -> Mapper:
        """The label mapping for frames of one version."""
        rules = tuple(mapping.rule for mapping in self.mapping if version in mapping.versions)
        return Mapper(rules, self.drop_unmapped)

    def numbered(self, labels: Iterable[str]) -> PinnedView:
        """The view with numbers for these labels, which are all that it selects."""
        return replace(self, labels=enumerate_labels(labels, first=self.first_number))

    def canonical_bytes(self) -> bytes:
        """What digests of its selection begin with; holds no names and no ids."""
        plain = self.to_plain()
        digests = [[self.dataset_number(i), version.content_digest] for i, version in enumerate(self.versions)]
        return orjson.dumps(plain | {"versions": digests, "semantics": self.semantics}, option=orjson.OPT_SORT_KEYS)

    def to_plain(self) -> dict[str, Any]:
        rules = tuple(each.rule for each in self.rules)
        spec = ViewSpec(
            rules, drop_unmapped=self.drop_unmapped, labels=None if self.labels is None else dict(self.labels),
            output_rois=self.output_rois, iteration=self.iteration, clip=self.clip, augmentation=self.augmentation,
        )  # fmt: skip
        pinned_rules = [
            {"versions": list(each.versions), "weight": each.weight, "rule": rule_to_plain(each.rule)}
            for each in self.rules
        ]
        mapping = [
            {"versions": list(each.versions), "from": sorted(each.rule.labels), "to": each.rule.to}
            for each in self.mapping
        ]
        versions = [[each.dataset_id, each.version_id, each.content_digest] for each in self.versions]
        plain = {key: value for key, value in to_plain(spec).items() if key != "rules"}
        plain |= {"rules": pinned_rules, "mapping": mapping, "versions": versions, "labels": spec.labels}
        return plain if self.semantics == 1 else plain | {"semantics": self.semantics}


def pinned_from_plain(plain: MappingType[str, Any]) -> PinnedView:
    """Inverse of `to_plain`; raises InvalidView for what `to_plain` did not write."""
    try:
        rules = [(tuple(each["versions"]), int(each["weight"]), each["rule"]) for each in plain["rules"]]
        mapping = tuple(
            PinnedMapping(tuple(each["versions"]), LabelRule(frozenset(each["from"]), each["to"]))
            for each in plain["mapping"]
        )
        versions = tuple(PinnedVersion(*map(str, each)) for each in plain["versions"])
        semantics = _known_semantics(plain.get("semantics", 1))
        apart = {"rules", "mapping", "versions", "semantics"}
        free = {key: value for key, value in plain.items() if key not in apart}
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidView(f"this is not a pinned view: {error}") from None
    spec = from_plain(free | {"rules": [rule for _, _, rule in rules]})
    return PinnedView(
        versions=versions,
        rules=tuple(
            PinnedRule(numbers, rule, weight) for (numbers, weight, _), rule in zip(rules, spec.rules, strict=True)
        ),
        mapping=mapping, drop_unmapped=spec.drop_unmapped, labels=_numbers(spec), output_rois=spec.output_rois,
        iteration=spec.iteration, clip=spec.clip, augmentation=spec.augmentation, semantics=semantics,
    )  # fmt: skip


def _known_semantics(number: Any) -> int:
    if type(number) is not int or not 1 <= number <= SEMANTICS:
        raise InvalidView(f"this view has semantics {number!r:.20}; this software knows 1 to {SEMANTICS}: upgrade it")
    return number


def pin(spec: ViewSpec, known: Versions) -> tuple[PinnedView, list[str]]:
    """The view with its versions looked up, and what its author should know of weights.

    Raises:
        NotFound: a dataset or version that the catalog does not know.
        InvalidView: a rule that names no version.
    """
    pinning = _Pinning(spec, known)
    weights, exact = integer_weights([rule.weight for rule in spec.rules])
    rules = tuple(
        PinnedRule(pinning.rule_versions(number, rule), _nameless(rule), weight)
        for number, (rule, weight) in enumerate(zip(spec.rules, weights, strict=True))
    )
    view = PinnedView(
        versions=pinning.versions, rules=rules,
        mapping=tuple(
            PinnedMapping(pinning.mapped(each.dataset, each.version), each.rule) for each in spec.mapping
        ),
        drop_unmapped=spec.drop_unmapped, labels=_numbers(spec), output_rois=spec.output_rois,
        iteration=spec.iteration, clip=spec.clip, augmentation=spec.augmentation, semantics=SEMANTICS,
        first_number=0 if spec.labels == FROM_ZERO else 1,
    )  # fmt: skip
    return view, _weight_warnings(spec, weights, exact=exact)


def _numbers(spec: ViewSpec) -> dict[str, int] | None:
    return None if spec.labels == FROM_ZERO else spec.labels


@dataclass(slots=True)
class _Pinning:
    """Versions get their numbers in the order in which rules name them."""

    spec: ViewSpec
    known: Versions
    numbers: dict[str, int] = field(default_factory=dict)  # by version id
    found: list[KnownVersion] = field(default_factory=list)
    looked_up: dict[VersionRef, KnownVersion] = field(default_factory=dict)

    @property
    def versions(self) -> tuple[PinnedVersion, ...]:
        return tuple(PinnedVersion(each.dataset_id, each.version_id, each.content_digest) for each in self.found)

    def rule_versions(self, number: int, rule: Rule) -> tuple[int, ...]:
        if ANY not in {rule.dataset, rule.version}:
            chosen = [self._look_up(VersionRef(rule.dataset, rule.version))]
        else:
            chosen = [each for each in self._listed() if self._is_meant(each, rule.dataset, rule.version)]
        if not chosen:
            what = f"dataset `{rule.dataset}`, version `{rule.version}`"
            raise InvalidView(f"rules[{number}]: {what} is none of the view's `versions`; list it there")
        return tuple(dict.fromkeys(self._number(each) for each in chosen))

    def mapped(self, dataset: str, version: str) -> tuple[int, ...]:
        return tuple(i for i, each in enumerate(self.found) if self._is_meant(each, dataset, version))

    def _listed(self) -> list[KnownVersion]:
        return [self._look_up(ref) for ref in self.spec.versions]

    def _is_meant(self, each: KnownVersion, dataset: str, version: str) -> bool:
        if dataset != ANY and self.known.dataset_id(dataset) != each.dataset_id:
            return False
        return version in {ANY, each.version_name, each.version_id}

    def _look_up(self, ref: VersionRef) -> KnownVersion:
        if ref not in self.looked_up:
            self.looked_up[ref] = self.known.version(ref.dataset, ref.version)
        return self.looked_up[ref]

    def _number(self, each: KnownVersion) -> int:
        if each.version_id not in self.numbers:
            self.numbers[each.version_id] = len(self.found)
            self.found.append(each)
        return self.numbers[each.version_id]


def _nameless(rule: Rule) -> Rule:
    return replace(
        rule, dataset=ANY, version=ANY, weight=1.0,
        frame_query=_canonical(rule.frame_query, "frame"),
        source_query=_canonical(rule.source_query, "source"),
        local_query=_canonical(rule.local_query, "local"),
        roi_rules=tuple(replace(each, query=_canonical(each.query, "roi")) for each in rule.roi_rules),
    )  # fmt: skip


def _canonical(text: str, scope: Scope) -> str:
    node = parse(text, scope).node
    return "" if isinstance(node, All) else unparse(node, scope)


def _weight_warnings(spec: ViewSpec, weights: tuple[int, ...], *, exact: bool) -> list[str]:
    if len(set(weights)) == 1:
        return []
    iteration = spec.iteration
    if iteration.order == "sequential" or (not iteration.repeat and iteration.limit is None):
        return ["weights apply to a random order with `limit` or `repeat` only; each frame comes once here"]
    shown = ":".join(map(str, weights[:20]))
    return [] if exact else [f"weights were rounded to {shown} (their sum is at most {MAX_SUM})"]
