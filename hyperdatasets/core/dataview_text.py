"""A data view's specification read from YAML, JSON or its plain form, and written back."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Literal, cast

import yaml

from hyperdatasets.core import yaml_text
from hyperdatasets.core.dataview import (
    ANY,
    AUGMENTATIONS,
    FROM_ZERO,
    MAX_CLIP,
    MAX_COUNT,
    MAX_NEAREST,
    MAX_NUMBER,
    MAX_RULES,
    MAX_TEXT,
    Augmentation,
    Clip,
    FilterByRoi,
    FromZero,
    MappingRule,
    Metric,
    OutputRois,
    RoiRule,
    Rule,
    Split,
    VectorSearch,
    VersionRef,
    ViewSpec,
)
from hyperdatasets.core.errors import InvalidQuery, InvalidView
from hyperdatasets.core.interleave import integer_weights
from hyperdatasets.core.mapping import LabelRule
from hyperdatasets.core.order import MAX_POSITION, Iteration
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Scope
from hyperdatasets.core.section import Section
from hyperdatasets.core.split import Share
from hyperdatasets.core.vectors import MAX_DIMENSIONS


def from_yaml(text: str) -> ViewSpec:
    """A specification from YAML (or JSON, which is YAML).

    Raises:
        InvalidView: with the place and what was expected there.
        InvalidQuery: a query in it cannot be read.
    """
    if text.lstrip().startswith("{") and len(text) <= MAX_TEXT:
        try:
            return from_plain(json.loads(text, object_pairs_hook=_each_once))
        except (json.JSONDecodeError, RecursionError):
            pass  # YAML may begin with a brace, too
    plain, lines = yaml_text.load(text, InvalidView, limit=MAX_TEXT)
    return from_plain(plain, lines)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON text whose names are distinct."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise InvalidView(f"`{twice:.60}` stands in one object more than once")
    return found


def to_yaml(spec: ViewSpec) -> str:
    return yaml.safe_dump(to_plain(spec), sort_keys=False, allow_unicode=True)


def from_plain(plain: Any, lines: yaml_text.Lines | None = None) -> ViewSpec:
    """A specification from its plain form (`lines`: where its parts stand in a text); raises as `from_yaml`."""
    top = Section(plain, "", InvalidView, ViewSpec.__dataclass_fields__.keys() - {"clip"}, lines)
    rules = top.sections("rules", Rule.__dataclass_fields__, _rule, limit=MAX_RULES)
    if not rules:
        raise InvalidView("rules: a data view has at least one rule; `rules: [{}]` selects everything")
    integer_weights([rule.weight for rule in rules])
    iteration, clip = _iteration(top)
    output_rois = cast("OutputRois", top.choice("output_rois", OutputRois.__args__, "all_in_frame"))  # type: ignore[attr-defined]
    if clip.wanted and output_rois == "frame_per_roi":
        raise InvalidView(
            "output_rois: `frame_per_roi` and `iteration.clip` exclude each other: a unit is a ROI or a clip"
        )
    return ViewSpec(
        rules=rules,
        name=top.text("name", limit=128),
        description=top.text("description"),
        tags=top.texts("tags"),
        versions=top.sections("versions", VersionRef.__dataclass_fields__, _version, limit=10_000),
        mapping=top.sections("mapping", ("dataset", "version", "from", "to"), _mapping, limit=10_000),
        drop_unmapped=top.flag("drop_unmapped"),
        labels=_labels(top),
        output_rois=output_rois,
        iteration=iteration,
        clip=clip,
        augmentation=top.sections("augmentation", Augmentation.__dataclass_fields__, _augmentation, limit=100),
    )


def to_plain(spec: ViewSpec) -> dict[str, Any]:
    """The plain form; what has its default is left out."""
    iteration: dict[str, Any] = _set(spec.iteration, Iteration())
    clip = _set(spec.clip, Clip())
    plain = {
        "name": spec.name,
        "description": spec.description,
        "tags": list(spec.tags),
        "versions": [{"dataset": ref.dataset, "version": ref.version} for ref in spec.versions],
        "rules": [rule_to_plain(rule) for rule in spec.rules],
        "mapping": [_mapping_plain(rule) for rule in spec.mapping],
        "drop_unmapped": spec.drop_unmapped,
        "labels": spec.labels,
        "output_rois": spec.output_rois if spec.output_rois != "all_in_frame" else "",
        "iteration": iteration | ({"clip": clip} if clip else {}),
        "augmentation": [_augmentation_plain(each) for each in spec.augmentation],
    }
    return {key: value for key, value in plain.items() if value not in ("", [], {}, None, False) or key == "rules"}


def rule_to_plain(rule: Rule) -> dict[str, Any]:
    plain = _set(rule, Rule())
    if rule.roi_rules:
        plain["roi_rules"] = [_roi_rule_plain(each) for each in rule.roi_rules]
    if rule.vector is not None:
        near = rule.vector.near if isinstance(rule.vector.near, str) else list(rule.vector.near)
        plain["vector"] = {"field": rule.vector.field, "near": near, "k": rule.vector.k, "metric": rule.vector.metric}
    if rule.split is not None:
        share = [rule.split.share.low, rule.split.share.high]
        plain["split"] = {"by": rule.split.by, "share": share, "salt": rule.split.salt}
    return plain


# --- reading


def _version(section: Section) -> VersionRef:
    ref = VersionRef(section.text("dataset"), section.text("version"))
    if not ref.dataset or not ref.version:
        raise section.fail("dataset" if not ref.dataset else "version", "a name")
    return ref


def _rule(section: Section) -> Rule:
    weight = section.number("weight")
    vector = section.section("vector", VectorSearch.__dataclass_fields__)
    split = section.section("split", Split.__dataclass_fields__)
    return Rule(
        dataset=section.text("dataset", ANY),
        version=section.text("version", ANY),
        frame_query=_query(section, "frame_query", "frame"),
        source_query=_query(section, "source_query", "source"),
        roi_rules=section.sections("roi_rules", RoiRule.__dataclass_fields__, _roi_rule, limit=1_000),
        filter_by_roi=cast("FilterByRoi", section.choice("filter_by_roi", FilterByRoi.__args__, "label_rules")),  # type: ignore[attr-defined]
        vector=None if vector is None else _vector(vector),
        split=None if split is None else _split(split),
        local_query=_query(section, "local_query", "local"),
        weight=1.0 if weight is None else float(weight),
    )


def _roi_rule(section: Section) -> RoiRule:
    low, high = _ends(section, "count")
    for end in (low, high):
        if end is not None and (not isinstance(end, int) or not 0 <= end <= MAX_COUNT):
            raise section.fail("count", f"two whole numbers up to {MAX_COUNT}, null for an open end")
    return RoiRule(
        query=_query(section, "query", "roi"),
        count=(1, None) if "count" not in section else cast("tuple[int | None, int | None]", (low, high)),
        confidence=_doubles(_ends(section, "confidence")),
        exclude=section.flag("exclude"),
    )


def _ends(section: Section, key: str) -> tuple[float | None, float | None]:
    """Two ends of a range; null and -1 are open."""
    if key not in section:
        return None, None
    expected = "two numbers, null for an open end"
    values = section.numbers(key, limit=2, expected=expected)
    if len(values) != 2:
        raise section.fail(key, expected)
    low, high = (None if value == -1 else value for value in values)
    if low is not None and high is not None and not low <= high:
        raise section.fail(key, "the lower end first")
    return low, high


def _doubles(ends: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = ends
    return None if low is None else float(low), None if high is None else float(high)


def _vector(section: Section) -> VectorSearch:
    near = section.raw("near")
    if not isinstance(near, str):
        expected = "a frame id or a list of numbers"
        values = section.numbers("near", limit=MAX_DIMENSIONS, expected=expected)
        if not values or None in values:
            raise section.fail("near", expected)
        near = tuple(float(value) for value in values if value is not None)
    k = section.integer("k", least=1, most=MAX_NEAREST)
    metric = section.choice("metric", Metric.__args__, "cosine")  # type: ignore[attr-defined]
    if not section.text("field") or k is None:
        raise section.fail("k" if k is None else "field", "a value")
    return VectorSearch(section.text("field"), near, k, cast("Metric", metric))


def _split(section: Section) -> Split:
    low, high = _ends(section, "share")
    if not section.text("by"):
        raise section.fail("by", "the name of a field, such as context_id")
    if low is None or high is None or not 0 <= low < high <= 1:
        raise section.fail("share", "two numbers from 0 to 1, the lower first")
    return Split(section.text("by"), Share(float(low), float(high)), section.text("salt"))


def _mapping(section: Section) -> MappingRule:
    labels = section.texts("from") if isinstance(section.raw("from"), list) else (section.text("from"),)
    if not labels or not all(labels):
        raise section.fail("from", 'a list of labels, or "*"')
    to = section.text("to") or None
    return MappingRule(LabelRule(frozenset(labels), to), section.text("dataset", ANY), section.text("version", ANY))


def _augmentation(section: Section) -> Augmentation:
    kind = section.choice("kind", tuple(AUGMENTATIONS), "")
    operations = section.texts("operations")
    for operation in operations:
        if operation not in AUGMENTATIONS[kind]:
            raise section.fail("operations", f"some of {', '.join(AUGMENTATIONS[kind]) or 'nothing'}")
    probability, strength = section.number("probability", least=0, most=1), section.number("strength", least=0, most=2)
    return Augmentation(
        kind, operations, float(1 if probability is None else probability), float(1 if strength is None else strength)
    )


def _iteration(top: Section) -> tuple[Iteration, Clip]:
    section = top.section("iteration", ("order", "repeat", "limit", "seed", "clip"))
    if section is None:
        return Iteration(), Clip()
    order = section.choice("order", ("sequential", "random"), "sequential")
    limit = "balanced" if section.raw("limit") == "balanced" else section.integer("limit", least=1, most=MAX_POSITION)
    seed = section.integer("seed")
    clip = section.section("clip", Clip.__dataclass_fields__)
    iteration = Iteration(
        order=cast("Literal['sequential', 'random']", order),
        repeat=section.flag("repeat"),
        limit=cast("int | Literal['balanced'] | None", limit),
        seed=7 if seed is None else seed,
    )
    return iteration, Clip() if clip is None else _clip(clip, section)


def _clip(section: Section, iteration: Section) -> Clip:
    clip = Clip(
        section.integer("frames", least=1, most=MAX_CLIP),
        section.integer("length_ms", least=1),
        section.integer("max_gap_ms", least=1),
    )
    if clip.max_gap_ms is not None and not clip.wanted:
        raise iteration.fail("clip", "`frames` or `length_ms` beside `max_gap_ms`")
    return clip


def _labels(top: Section) -> dict[str, int] | FromZero | None:
    raw = top.raw("labels")
    if raw is None:
        return None
    if raw == FROM_ZERO:
        return FROM_ZERO
    if not isinstance(raw, dict) or not all(isinstance(label, str) for label in raw):
        raise top.fail("labels", f"labels with their numbers (put each label in quotes), or `{FROM_ZERO}`")
    numbers = Section(raw, top.at("labels"), InvalidView, raw)
    return {label: cast("int", numbers.integer(label, least=-1, most=MAX_NUMBER)) for label in raw}


def _query(section: Section, key: str, scope: Scope) -> str:
    text = section.text(key)
    try:
        parse(text, scope)
    except InvalidQuery as error:
        raise InvalidQuery(f"{section.at(key)}: {error.message}", **error.fields) from None
    return text


# --- writing


def _set(value: Any, default: Any) -> dict[str, Any]:
    """Plain fields of a dataclass that differ from the default's."""
    plain = {name: getattr(value, name) for name in value.__dataclass_fields__}
    kept = {name: held for name, held in plain.items() if held != getattr(default, name)}
    return {name: held for name, held in kept.items() if isinstance(held, str | int | float)}


def _roi_rule_plain(rule: RoiRule) -> dict[str, Any]:
    plain = _set(rule, RoiRule())
    for key, default in (("count", (1, None)), ("confidence", (None, None))):
        if getattr(rule, key) != default:
            plain[key] = list(getattr(rule, key))
    return plain


def _mapping_plain(mapping: MappingRule) -> dict[str, Any]:
    plain = {key: name for key in ("dataset", "version") if (name := getattr(mapping, key)) != ANY}
    return plain | {"from": sorted(mapping.rule.labels), "to": mapping.rule.to}


def _augmentation_plain(each: Augmentation) -> dict[str, Any]:
    plain = _set(each, Augmentation(each.kind)) | {"kind": each.kind}
    return plain | ({"operations": list(each.operations)} if each.operations else {})
