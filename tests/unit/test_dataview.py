"""Specifications of data views: read, refused with the place, written back, pinned."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.dataview import check_publishable, query_warnings
from hyperdatasets.core.dataview_text import from_plain, from_yaml, to_plain, to_yaml
from hyperdatasets.core.errors import DeploymentField, InvalidQuery, InvalidView, NotFound, WeightRange
from hyperdatasets.core.pinned import KnownVersion, pin, pinned_from_plain
from tests.reference.properties import examples

EXAMPLE = """
name: rbc-balanced
description: blood cells
tags: [blood]
versions:
  - {dataset: clinic/blood/bccd, version: v1}
rules:
  - dataset: "*"
    version: "*"
    frame_query: 'meta.site.stain:giemsa'
    source_query: 'width:640'
    roi_rules:
      - {query: 'RBC', count: [2, 40], confidence: [0.8, 1.0], exclude: false}
    filter_by_roi: label_rules
    vector: {field: clip, near: [0.5, 1], k: 100, metric: cosine}
    split: {by: context_id, share: [0.0, 0.8], salt: a}
    local_query: 'age:>=18'
    weight: 3
  - {dataset: clinic/blood/bccd, version: v2, roi_rules: [{query: WBC, count: [-1, 0]}], filter_by_roi: no_rois}
mapping:
  - {dataset: "*", version: "*", from: [WBC], to: cell}
  - {from: "*", to: null}
drop_unmapped: true
labels: {cell: 1, RBC: 2}
output_rois: only_filtered
iteration: {order: random, repeat: true, limit: balanced, seed: 3, clip: {frames: 5, length_ms: null, max_gap_ms: 40}}
augmentation:
  - {kind: affine, operations: [rotate], probability: 0.5, strength: 2}
"""


@dataclass(frozen=True)
class Catalog:
    """Versions of one dataset `d` under both of its spellings."""

    def dataset_id(self, dataset: str) -> str:
        if dataset not in {"clinic/blood/bccd", "bccd", "other"}:
            raise NotFound(f"there is no dataset `{dataset}`")
        return "d2" if dataset == "other" else "d"

    def version(self, dataset: str, version: str) -> KnownVersion:
        owner = self.dataset_id(dataset)
        return KnownVersion(owner, f"{owner}-{version}", version, f"sha256:{version}{owner}")


def rules(*each: dict[str, Any], **more: Any) -> dict[str, Any]:
    versions = [{"dataset": "bccd", "version": "v1"}]
    return {"versions": versions, "rules": list(each)} | more


def test_the_whole_specification_reads_and_writes_back() -> None:
    spec = from_yaml(EXAMPLE)
    assert spec.rules[0].roi_rules[0].count == (2, 40)
    assert spec.rules[1].roi_rules[0].count == (None, 0)
    assert spec.rules[1].version == "v2"
    assert spec.mapping[1].rule.to is None
    assert spec.clip.max_gap_ms == 40
    assert from_plain(to_plain(spec)) == spec
    assert from_yaml(to_yaml(spec)) == spec


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "rules: a data view has at least one rule"),
    ({"rules": []}, "at least one rule"),
    ({"rules": {}}, "rules: expected a list"),
    ({"rules": [{}] * 1_001}, "1001 entries, 1000 are allowed"),
    (rules({"frame_qury": "a"}), r"rules\[0\].frame_qury: there is no such key. Did you mean frame_query"),
    (rules({"weight": 0}), r"rules\[0\].weight: expected a number above 0"),
    (rules({"weight": -1}), r"rules\[0\].weight"),
    (rules({"weight": "much"}), r"rules\[0\].weight: expected a number"),
    (rules({"roi_rules": [{"count": [3, 2]}]}), r"rules\[0\].roi_rules\[0\].count: expected the lower end first"),
    (rules({"roi_rules": [{"count": [1.5, 2]}]}), r"count: expected two whole numbers"),
    (rules({"roi_rules": [{"count": 3}]}), r"count: expected a list"),
    (rules({"split": {"by": "id", "share": [0.5, 0.2]}}), r"rules\[0\].split.share"),
    (rules({"split": {"share": [0, 0.2]}}), r"rules\[0\].split.by: expected the name of a field"),
    (rules({"vector": {"field": "clip", "near": [1]}}), r"rules\[0\].vector.k"),
    (rules({"vector": {"field": "clip", "near": ["a"], "k": 1}}), r"near: expected a frame id or a list of numbers"),
    (rules({"filter_by_roi": "some"}), "expected one of label_rules, disabled, no_rois"),
    (rules({}, iteration={"limit": 1 << 63}), "iteration.limit: expected a whole number"),
    (rules({}, iteration={"limit": 0}), "iteration.limit"),
    (rules({}, iteration={"order": "shuffled"}), "iteration.order: expected one of sequential, random"),
    (rules({}, labels=["a"]), "labels: expected labels with their numbers"),
    (rules({}, labels={"a": "one"}), "labels.a: expected a whole number"),
    (rules({}, mapping=[{"to": "x"}]), r"mapping\[0\].from"),
    (rules({}, augmentation=[{"kind": "os.system"}]), r"augmentation\[0\].kind: expected one of affine"),
    (rules({}, augmentation=[{"kind": "pixel", "operations": ["rotate"]}]), "expected some of blur, noise, recolor"),
    (rules({}, versions=[{"dataset": "bccd"}]), r"versions\[0\].version: expected a name"),
    (rules({}, tags=[1]), "tags: expected a list of texts"),
    (rules({}, name=2024), "name: expected text"),
]


@pytest.mark.parametrize(("plain", "message"), WRONG)
def test_what_is_wrong_is_named_with_its_place(plain: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidView, match=message):
        from_plain(plain)


def test_a_query_that_cannot_be_read_is_named_with_its_place() -> None:
    with pytest.raises(InvalidQuery, match=r"rules\[0\].roi_rules\[0\].query: position 5"):
        from_plain(rules({"roi_rules": [{"query": "car ("}]}))
    with pytest.raises(InvalidQuery, match="local query only"):
        from_plain(rules({"frame_query": "local.age:3"}))


def test_a_weight_out_of_range() -> None:
    with pytest.raises(WeightRange):
        from_plain(rules({"weight": 1e300}, {"weight": 1}))


@pytest.mark.parametrize("text", ["rules: [", "a: *b", "rules: *x", "\t- x", "x" * (1 << 20) + "y", "- \x00"])
def test_text_that_is_no_specification(text: str) -> None:
    with pytest.raises(InvalidView):
        from_yaml(text)


def test_fields_that_differ_between_deployments_are_refused() -> None:
    check_publishable(from_plain(rules({"frame_query": "rois.label:saved"})))
    for rule in ({"frame_query": "a OR NOT saved:>2024"}, {"split": {"by": "saved_in_version", "share": [0, 1]}}):
        with pytest.raises(DeploymentField, match="differs between deployments"):
            check_publishable(from_plain(rules(rule)))


def test_warnings_of_queries_name_their_place() -> None:
    ((place, warning),) = query_warnings(from_plain(rules({"frame_query": "a OR b c"})))
    assert place == "rules[0].frame_query"
    assert "read as" in warning.message


def test_pinning_numbers_versions_by_first_mention() -> None:
    plain = rules(
        {"dataset": "other", "version": "v9"},
        {},
        {"dataset": "bccd"},
        {"version": "v1"},
        versions=[{"dataset": "bccd", "version": "v1"}, {"dataset": "clinic/blood/bccd", "version": "v1"}],
        mapping=[{"dataset": "bccd", "from": ["a"], "to": "b"}],
    )
    view, warnings = pin(from_plain(plain), Catalog())
    assert [version.version_id for version in view.versions] == ["d2-v9", "d-v1"]
    assert [rule.versions for rule in view.rules] == [(0,), (1,), (1,), (1,)]
    assert view.datasets == ("d2", "d")
    assert view.mapper(1).labels(["a"]) == ["b"]
    assert view.mapper(0).labels(["a"]) == ["a"]
    assert not warnings


def test_a_rule_without_a_version_is_refused() -> None:
    for plain in (rules({}, versions=[]), rules({"version": "v7"}), rules({"dataset": "other"})):
        with pytest.raises(InvalidView, match=r"rules\[0\]: dataset .* is none of the view's `versions`"):
            pin(from_plain(plain), Catalog())


def test_canonical_bytes_hold_neither_names_nor_blanks() -> None:
    first, _ = pin(from_plain(rules({"frame_query": "a  (b)"}, name="x")), Catalog())
    second, _ = pin(from_plain(rules({"frame_query": "a AND b", "dataset": "bccd", "version": "v1"})), Catalog())
    assert first.canonical_bytes() == second.canonical_bytes()
    assert b"bccd" not in first.canonical_bytes()
    assert b"d-v1" not in first.canonical_bytes()
    other, _ = pin(from_plain(rules({"frame_query": "a OR b"})), Catalog())
    assert other.canonical_bytes() != first.canonical_bytes()


def test_weights_that_do_not_count_are_reported() -> None:
    _, once = pin(from_plain(rules({"weight": 1}, {"weight": 2}, iteration={"order": "random"})), Catalog())
    assert "each frame comes once" in once[0]
    endless = {"repeat": True, "order": "random"}
    _, rounded = pin(from_plain(rules({"weight": 1}, {"weight": 3.14159265}, iteration=endless)), Catalog())
    assert "rounded" in rounded[0]


def test_a_pinned_view_travels() -> None:
    view, _ = pin(from_yaml(EXAMPLE), Catalog())
    assert pinned_from_plain(view.to_plain()) == view
    assert view.numbered(["b", "a"]).labels == {"a": 1, "b": 2}
    with pytest.raises(InvalidView, match="not a pinned view"):
        pinned_from_plain({"rules": [{}]})


def test_canonical_bytes_are_frozen() -> None:
    view, _ = pin(from_yaml(EXAMPLE), Catalog())
    digests = [hashlib.sha256(replace(view, semantics=n).canonical_bytes()).hexdigest() for n in (1, 2)]
    assert digests == [
        "4c732ba74fd2a69799b51e11a6787fd43d419028f6d8ba2784f45cb81b039ac3",
        "943e5b2dc29cd30cbf437ab03b0002af977d65cc499ff2bd6a6cc15d5821480f",
    ]
    assert view.semantics == 2


def test_a_view_keeps_the_number_of_its_rules() -> None:
    view, _ = pin(from_yaml(EXAMPLE), Catalog())
    old = replace(view, semantics=1)
    assert "semantics" not in old.to_plain()
    assert pinned_from_plain(old.to_plain()) == old
    assert pinned_from_plain(view.to_plain()) == view
    for number in (0, 3, "2", True):
        with pytest.raises(InvalidView, match="semantics"):
            pinned_from_plain(view.to_plain() | {"semantics": number})


texts = st.sampled_from(("", "a", "meta.x:1", "NOT b"))


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "frame_query": texts,
                "source_query": texts,
                "local_query": texts,
                "weight": st.sampled_from((1, 2.5, 0.1)),
                "filter_by_roi": st.sampled_from(("label_rules", "disabled", "no_rois")),
                "roi_rules": st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "query": texts,
                            "count": st.sampled_from(([0, None], [None, 3], [2, 2])),
                            "confidence": st.sampled_from(([0.5, None], [None, 1])),
                            "exclude": st.booleans(),
                        },
                    ),
                    max_size=2,
                ),
                "split": st.just({"by": "id", "share": [0.25, 1], "salt": "s"}),
            },
        ),
        min_size=1,
        max_size=3,
    )
)
@examples(60)
def test_plain_form_and_specification_are_inverse(given_rules: list[dict[str, Any]]) -> None:
    spec = from_plain(rules(*given_rules))
    assert from_plain(to_plain(spec)) == spec
    view, _ = pin(spec, Catalog())
    assert pinned_from_plain(view.to_plain()) == view
