"""What a data view selects: over its versions as they are now, or as it was stored when it was published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pyroaring import BitMap

from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.dataview import ViewSpec
from hyperdatasets.core.errors import NotFound
from hyperdatasets.core.pinned import KnownVersion, PinnedView, pin
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Node, Scope
from hyperdatasets.core.selection import SiteSelection, site_digest
from hyperdatasets.engine import field_warnings, views
from hyperdatasets.engine.orders import Sequences, sequences
from hyperdatasets.engine.view_rois import labels_of, roi_counts
from metadata_service.catalog import datasets, rankings, versions, view_orders
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.queries import Warned
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.catalog.views import parse_warnings, pinned_of, spec_of, stored_sites
from metadata_service.store.protocol import Reading, Row

DigestsOf = Callable[[str, BitMap], Iterator[bytes]]
"""Digests of these revisions of a dataset, ascending, end to end in parts."""


@dataclass(frozen=True)
class Resolved:
    """A view over its versions as they are now."""

    view: PinnedView
    slices: Sequence[views.Slice]
    selection: views.Selection
    warnings: tuple[Warned, ...]
    stored: Mapping[str, views.Selection] | None = None
    withdrawn: Mapping[int, BitMap] = field(default_factory=dict)  # by dataset
    kept: view_orders.Tables | None = None

    def withdrawn_of(self, selection: views.Selection) -> int:
        """How many of the selected frames were withdrawn since."""
        parts = views.unions(selection).items()
        return sum(len(revisions & self.withdrawn.get(number, BitMap())) for number, revisions in parts)

    def sites(self) -> Mapping[str, views.Selection]:
        """The part of each site that has frames, by name."""
        return self._sites if self.stored is None else self.stored

    @cached_property
    def _sites(self) -> dict[str, views.Selection]:
        everything = views.unions(self.selection)
        per_site: dict[str, dict[int, BitMap]] = {}
        for number, revisions in everything.items():
            for site, part in views.by_site(self.index_of(number), revisions).items():
                per_site.setdefault(site, {})[number] = part
        return {site: views.restricted(self.selection, per_site[site]) for site in sorted(per_site, key=str.encode)}

    @cached_property
    def sequences(self) -> Sequences:
        """For each site its order, and what each unit is: stored at publishing where it follows from contents."""
        if self.kept is not None:
            return view_orders.sequences_of(self.view, self.sites(), self.kept)
        return sequences(self.view, self.sites(), self.index_of)

    def numbered(self) -> Resolved:
        """Return it with numbers for the selected labels, if the author of the view gave none."""
        if self.view.labels is not None:
            return self
        return replace(self, view=self.view.numbered(labels_of(self.view, self.slices, self.selection)))

    def index_of(self, dataset: int) -> Any:
        return next(part.index for i, part in enumerate(self.slices) if self.view.dataset_number(i) == dataset)


def resolve(deployment: Deployment, reading: Reading, caller: Caller, target: Row | ViewSpec) -> Resolved:
    """What a published view, or a specification over its versions as they are now, selects."""
    if isinstance(target, dict) and target["published"]:
        view = pinned_of(target)
        said: list[str] = []
        spec = spec_of(target)
        for version in view.versions:
            datasets.find(reading, caller, version.dataset_id)
    else:
        spec = target if isinstance(target, ViewSpec) else spec_of(target)
        view, said = pin(spec, _Known(reading, caller))
    warnings = [Warned(text, "rules", 0) for text in said]
    warnings += parse_warnings(spec)
    if view.augmentation:
        warnings.append(Warned("kept with the view, but our loaders do not apply it yet", "augmentation", 0))
    slices = [_slice(deployment, reading, version.version_id) for version in view.versions]
    if isinstance(target, dict) and target["published"]:
        stored = stored_selection(reading, target, view)
        nearest = views.kept(_of_all_sites(stored, view))
    else:
        nearest = partial(rankings.nearest, deployment, reading, view, slices)
    selection = views.select(view, slices, nearest)
    gone = _withdrawn(reading, view)
    kept = None
    if isinstance(target, dict) and target["published"]:
        selection = _with_withdrawn(selection, _of_all_sites(stored, view), gone)
        kept = view_orders.kept(reading, target, list(stored))
    warnings += _field_warnings(spec, view, slices)
    for number, revisions in views.unions(selection).items():
        resolved = Resolved(view, slices, selection, ())
        several = sum(version.dataset_id == view.datasets[number] for version in view.versions) > 1
        twice = views.duplicates(resolved.index_of(number), revisions) if several else 0
        if twice:
            warnings.append(Warned(f"{twice} frames are selected in two revisions and come twice", "versions", 0))
    return Resolved(view, slices, selection, tuple(warnings), None, gone, kept)


def read(deployment: Deployment, reading: Reading, caller: Caller, target: Row | ViewSpec) -> Resolved:
    """What there is to read: the stored selection of a published view, else what the specification selects now."""
    if not isinstance(target, dict) or not target["published"]:
        return resolve(deployment, reading, caller, target)
    view = pinned_of(target)
    for version in view.versions:
        datasets.find(reading, caller, version.dataset_id)
    slices = [_slice(deployment, reading, version.version_id) for version in view.versions]
    stored = stored_selection(reading, target, view)
    return Resolved(
        view, slices, _of_all_sites(stored, view), (), stored,
        _withdrawn(reading, view), view_orders.kept(reading, target, list(stored)),
    )  # fmt: skip


def rule_counts(resolved: Resolved) -> list[tuple[int, str, int, int]]:
    """Rule, site, frames, and ROIs that the rule asks for."""
    sites = resolved.sites()
    found: list[tuple[int, str, int, int]] = []
    for rule, pinned in enumerate(resolved.view.rules):
        rois = dict.fromkeys(sites, 0)
        for number in {number for selection in sites.values() for number in selection[rule]}:
            gone = resolved.withdrawn.get(number, BitMap())
            parts = [selection[rule].get(number, BitMap()) - gone for selection in sites.values()]
            counts = roi_counts(pinned.rule, resolved.index_of(number), parts, resolved.view.semantics)
            rois = {site: rois[site] + count for site, count in zip(sites, counts, strict=True)}
        found += [(rule, site, sum(map(len, sites[site][rule].values())), rois[site]) for site in sites]
    return sorted(found, key=lambda each: (each[1].encode(), each[0]))


def site_counts(resolved: Resolved) -> list[SiteSelection]:
    """Frames of each site, without digests."""
    return [
        SiteSelection(site, sum(map(len, views.unions(selection).values())), "")
        for site, selection in resolved.sites().items()
    ]


def site_digests(digests_of: DigestsOf, resolved: Resolved) -> list[SiteSelection]:
    """Count and digest of each site's selection."""
    canonical = resolved.view.canonical_bytes()
    found = []
    for site, selection in resolved.sites().items():
        count = sum(len(revisions) for revisions in views.unions(selection).values())
        rules = [
            (sum(map(len, by_dataset.values())), _digests(digests_of, resolved.view, by_dataset))
            for by_dataset in selection
        ]
        found.append(SiteSelection(site, count, site_digest(canonical, site, rules)))
    return found


def published_sites(reading: Reading, row: Row, resolved: Resolved) -> Sequence[SiteSelection]:
    """Count and digest of each site's selection of a published view, as it resolves now."""
    view = pinned_of(row)
    is_same = stored_selection(reading, row, view) == resolved.sites()
    return stored_sites(reading, row) if is_same else site_digests(reading.digests, resolved)


def stored_selection(reading: Reading, row: Row, view: PinnedView) -> dict[str, views.Selection]:
    """The selection of each site as it was stored when the view was published."""
    sites: dict[str, views.Selection] = {}
    for each in reading.rows("selections", order="site", view=row["id"]):
        selection = sites.setdefault(each["site"], [{} for _ in view.rules])
        selection[each["rule"]][each["dataset"]] = BitMap.deserialize(each["revisions"])
    return sites


@dataclass(frozen=True)
class _Known:
    """Names of datasets and versions, as a caller may read them."""

    reading: Reading
    caller: Caller

    def dataset_id(self, dataset: str) -> str:
        return str(datasets.find(self.reading, self.caller, dataset)["id"])

    def version(self, dataset: str, version: str) -> KnownVersion:
        owner = datasets.find(self.reading, self.caller, dataset)
        row = versions.find(self.reading, owner, version)
        return KnownVersion(owner["id"], row["id"], row["name"], versions.digest(self.reading, row))


def _slice(deployment: Deployment, reading: Reading, version_id: str) -> views.Slice:
    row = reading.one("versions", id=version_id)
    if row is None:
        raise NotFound(f"version {version_id} of this view is not here any more", kind="version", name=version_id)
    content = deployment.contents.of(reading, row) - withdrawn(reading, row["dataset"])
    return views.Slice(deployment.indexes.reaching(row["dataset"], content), content)


def _field_warnings(spec: ViewSpec, view: PinnedView, slices: Sequence[views.Slice]) -> Iterator[Warned]:
    """What no version of a rule has; that a version lacks what another has is no reason to warn."""
    for number, (rule, pinned) in enumerate(zip(spec.rules, view.rules, strict=True)):
        asked: list[tuple[str, Scope, str]] = [
            (f"rules[{number}].frame_query", "frame", rule.frame_query),
            (f"rules[{number}].source_query", "source", rule.source_query),
            *((f"rules[{number}].roi_rules[{i}].query", "roi", each.query) for i, each in enumerate(rule.roi_rules)),
        ]
        parts = [slices[i] for i in pinned.versions]
        for where, scope, text in asked:
            for message, position in _said_of(parts, parse(text, scope).node, scope) if text else ():
                yield Warned(message, where, position)


def _said_of(parts: Sequence[views.Slice], node: Node, scope: Scope) -> list[tuple[str, int]]:
    said = set.intersection(*(set(field_warnings.warnings(part.index, node, scope)) for part in parts))
    quoted = field_warnings.in_quotes(node, scope)
    if quoted and not any(part.index.search(node, scope, part.revisions) for part in parts):
        said.update(quoted)
    return sorted(said)


def _digests(digests_of: DigestsOf, view: PinnedView, by_dataset: Mapping[int, BitMap]) -> Iterator[bytes]:
    for number in sorted(by_dataset):
        yield from digests_of(view.datasets[number], by_dataset[number])


def _of_all_sites(stored: Mapping[str, views.Selection], view: PinnedView) -> views.Selection:
    """Per rule what it selects at any site."""
    return [views.unions([selection[number] for selection in stored.values()]) for number in range(len(view.rules))]


def _withdrawn(reading: Reading, view: PinnedView) -> dict[int, BitMap]:
    return {number: withdrawn(reading, dataset) for number, dataset in enumerate(view.datasets)}


def _with_withdrawn(selection: views.Selection, stored: views.Selection, gone: Mapping[int, BitMap]) -> views.Selection:
    """Nobody can evaluate a withdrawn frame again: it stays selected where it was."""
    return [
        {
            number: both
            for number in sorted({*now, *before})
            if (both := now.get(number, BitMap()) | (before.get(number, BitMap()) & gone[number]))
        }
        for now, before in zip(selection, stored, strict=True)
    ]
