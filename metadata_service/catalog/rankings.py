"""Which frames a rule with `vector` keeps: the k nearest among those that match the rest of it, always exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyroaring import BitMap

from hyperdatasets.core.dataview import VectorSearch
from hyperdatasets.core.errors import NotFound
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.vectors import Vector, checked, rank
from hyperdatasets.engine.views import Selection, Slice
from metadata_service.catalog import vectors
from metadata_service.catalog.deployment import Deployment
from metadata_service.store.protocol import Reading

Ranking = list[tuple[int, int]]
"""(dataset number, revision), the nearest first."""


def nearest(
    deployment: Deployment,
    reading: Reading,
    view: PinnedView,
    slices: Sequence[Slice],
    rule: int,
    found: Mapping[int, BitMap],
) -> dict[int, BitMap]:
    """The k nearest of these frames, as sets; a frame that a rule is near to is not among them."""
    kept: dict[int, BitMap] = {}
    for number, revision in _ranked(deployment, reading, view, slices, rule, found):
        kept.setdefault(number, BitMap()).add(revision)
    return kept


def by_site(
    deployment: Deployment, reading: Reading, view: PinnedView, slices: Sequence[Slice], sites: Mapping[str, Selection]
) -> dict[str, dict[str, Ranking]]:
    """For each rule with `vector` and each site what it keeps there, the nearest first, as it is signed."""
    return {
        str(rule): {
            site: _ranked(deployment, reading, view, slices, rule, selection[rule])
            for site, selection in sites.items()
        }
        for rule, pinned in enumerate(view.rules) if pinned.rule.vector is not None
    }  # fmt: skip


def _ranked(
    deployment: Deployment,
    reading: Reading,
    view: PinnedView,
    slices: Sequence[Slice],
    rule: int,
    found: Mapping[int, BitMap],
) -> Ranking:
    wanted = view.rules[rule].rule.vector
    if wanted is None or not found:
        return []
    query, itself = _query(reading, view, slices, rule, wanted)
    listed: list[tuple[float, int, int]] = []
    for number, revisions in found.items():
        field = vectors.find(reading, {"id": view.datasets[number]}, wanted.field)
        vector = checked(query, dimensions=field["dimensions"], metric=wanted.metric)
        index = deployment.vectors.reaching(field)
        result = index.search(vector, wanted.metric, wanted.k, revisions - itself.get(number, BitMap()), exact=True)
        listed += [(rank(wanted.metric, value), number, revision) for revision, value in result.neighbours]
    return [(number, revision) for _, number, revision in sorted(listed)[: wanted.k]]


def _query(
    reading: Reading, view: PinnedView, slices: Sequence[Slice], rule: int, wanted: VectorSearch
) -> tuple[Vector | tuple[float, ...], dict[int, BitMap]]:
    """The vector to be near to; and, if it is that of a frame, the revision that is left out."""
    if not isinstance(wanted.near, str):
        return wanted.near, {}
    for version in view.rules[rule].versions:
        dataset = view.versions[version].dataset_id
        for row in reading.revisions_of(dataset, [wanted.near], slices[version].revisions):
            field = vectors.find(reading, {"id": dataset}, wanted.field)
            vector = vectors.of_frame(reading, field, wanted.near, {wanted.near: row})
            return vector, {view.dataset_number(version): BitMap([row["revision"]])}
    raise NotFound(
        f"rules[{rule}].vector.near: no version of the rule has a frame `{wanted.near[:60]}`",
        kind="frame", name=wanted.near,
    )  # fmt: skip
