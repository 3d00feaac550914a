"""Data views: drafts, publication with the stored selection, resolving, proof, order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import orjson
from pyroaring import BitMap

from hyperdatasets.core.dataview import ViewSpec, check_publishable, query_warnings
from hyperdatasets.core.dataview_text import from_plain, from_yaml, to_plain
from hyperdatasets.core.errors import (
    AlreadyExists,
    EmptyView,
    InUse,
    NotFound,
    VersionNotPublished,
    ViewNotPublished,
    ViewPublished,
)
from hyperdatasets.core.mapping import enumerate_labels
from hyperdatasets.core.names import check_name, check_project, not_found
from hyperdatasets.core.pinned import KnownVersion, PinnedView, pin, pinned_from_plain
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.selection import SiteSelection, site_digest, view_digest
from hyperdatasets.engine import field_warnings, views
from hyperdatasets.engine.orders import Sequences, sequences
from hyperdatasets.engine.view_rois import labels_of, roi_counts
from metadata_service.catalog import datasets, rankings, versions, view_orders
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import packed
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.queries import Warned
from metadata_service.catalog.records import add_view_record
from metadata_service.catalog.stamps import change, check_etag, created, new_id, updated, with_tags
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.store.protocol import Reading, Row, Writing


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

    def index_of(self, dataset: int) -> Any:
        return next(part.index for i, part in enumerate(self.slices) if self.view.dataset_number(i) == dataset)


def parse_spec(text: str) -> ViewSpec:
    return from_yaml(text)


def parse_warnings(spec: ViewSpec) -> list[Warned]:
    """What the parser says about the queries of a specification."""
    return [Warned(warning.message, place, warning.position) for place, warning in query_warnings(spec)]


def create(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    *,
    project: str,
    spec: ViewSpec,
    name: str = "",
    description: str = "",
    tags: Sequence[str] = (),
) -> Row:
    check_project(project)
    caller.require("editor", project)
    name = check_name("view", name or spec.name)
    if writing.one("views", name=name) is not None:
        raise AlreadyExists(f"there is a data view `{name}` already", kind="view", name=name)
    body = {"description": description or spec.description, "tags": sorted({*tags, *spec.tags})}
    row = {
        "id": new_id(), "project": project, "name": name, "published": 0,
        "spec_json": orjson.dumps(to_plain(spec)).decode(), "pinned_json": "", "digest": "",
        "body_json": orjson.dumps(body).decode(), "archived": 0, "published_ms": 0, "generation": 1,
        **created(caller, now_ms),
    }  # fmt: skip
    writing.insert("views", row)
    return row


def find(reading: Reading, caller: Caller, reference: str, *, role: str = "viewer") -> Row:
    """The view with this id, name, or `name@sha256:<digest>` (or at least eight digits of it).

    Raises:
        NotFound: with the nearest names; also if the digest is another one.
    """
    name, _, digest = reference.partition("@")
    row = reading.one("views", name=name) or reading.one("views", id=name)
    if row is None or not caller.may("viewer", row["project"]):
        names = [each["name"] for each in reading.rows("views") if caller.may("viewer", each["project"])]
        raise not_found("view", name, names)
    if digest:
        given = digest.removeprefix("sha256:")
        if len(given) < 8 or not row["digest"].removeprefix("sha256:").startswith(given):
            raise NotFound(
                f"view `{name}` has the digest {row['digest'] or '(none: it is a draft)'}, not {digest[:80]}"
            )
    caller.require(role, row["project"])
    return row


def spec_of(row: Row) -> ViewSpec:
    return from_plain(orjson.loads(row["spec_json"]))


def pinned_of(row: Row) -> PinnedView:
    if not row["published"]:
        raise ViewNotPublished(f"view `{row['name']}` is a draft; publish it first")
    return pinned_from_plain(orjson.loads(row["pinned_json"]))


def update(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    row: Row,
    *,
    etag: str,
    changes: Mapping[str, Any],
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
) -> Row:
    """`changes` may hold name, description, archived, and of a draft `spec`."""
    check_etag(row, etag)
    name = changes.get("name", row["name"])
    if name != row["name"]:
        check_name("view", name)
        if writing.one("views", name=name) is not None:
            raise AlreadyExists(f"there is a data view `{name}` already", kind="view", name=name)
    if "spec" in changes and row["published"]:
        raise ViewPublished(f"view `{row['name']}` is published and frozen; clone it and change the clone")
    body = orjson.loads(row["body_json"]) | {key: changes[key] for key in ("description",) if key in changes}
    body["tags"] = with_tags(body.get("tags", []), list(add_tags), list(remove_tags))
    new = {"name": name, "archived": int(changes.get("archived", row["archived"]))}
    if "spec" in changes:
        new["spec_json"] = orjson.dumps(to_plain(changes["spec"])).decode()
    return change(writing, "views", row, new | {"body_json": orjson.dumps(body).decode()} | updated(caller, now_ms))


def delete(writing: Writing, row: Row, *, force: bool, etag: str) -> None:
    check_etag(row, etag)
    if writing.one("experiment_views", view=row["id"]) is not None:
        raise InUse(f"an experiment names view `{row['name']}`; it stays as long as the experiment does")
    if row["published"] and not force:
        raise InUse(f"view `{row['name']}` is published; delete it with force if it may go for ever")
    for table in ("view_versions", "selections", "view_sites", "view_orders"):
        writing.delete(table, view=row["id"])
    writing.delete("views", id=row["id"])


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


@dataclass(frozen=True)
class Prepared:
    """Digests of what a draft selected before the transaction that publishes it: nobody can write meanwhile."""

    canonical: bytes
    selection: Mapping[str, views.Selection]
    sites: Sequence[SiteSelection]

    def sites_of(self, reading: Reading, resolved: Resolved) -> Sequence[SiteSelection]:
        """Those of the same selection are the same."""
        is_same = self.canonical == resolved.view.canonical_bytes() and self.selection == resolved.sites()
        return self.sites if is_same else site_digests(reading, resolved)


def prepare(deployment: Deployment, reading: Reading, caller: Caller, row: Row) -> Prepared:
    if row["published"]:
        return Prepared(b"", {}, ())
    resolved = _resolved_to_publish(deployment, reading, caller, row)
    return Prepared(resolved.view.canonical_bytes(), resolved.sites(), site_digests(reading, resolved))


def publish(
    deployment: Deployment, writing: Writing, caller: Caller, row: Row, *, etag: str, prepared: Prepared
) -> tuple[Row, Resolved]:
    """Pins the versions, evaluates, stores the selection with its digests, signs the record."""
    check_etag(row, etag)
    if row["published"]:
        raise ViewPublished(f"view `{row['name']}` is published already")
    resolved = _resolved_to_publish(deployment, writing, caller, row)
    sites = prepared.sites_of(writing, resolved)
    digest = view_digest(sites)
    now = deployment.now_ms()
    row = change(writing, "views", row, {
        "published": 1, "published_ms": now, "digest": digest,
        "pinned_json": orjson.dumps(resolved.view.to_plain()).decode(), **updated(caller, now),
    })  # fmt: skip
    _store_selection(writing, row, resolved, sites)
    if view_orders.from_contents(resolved.view):
        view_orders.keep(writing, row, resolved.sequences)
    add_view_record(writing, deployment.signer, row, {
        "name": row["name"], "pinned": resolved.view.to_plain(), "digest": digest,
        "versions": [version.version_id for version in resolved.view.versions],
        "sites": [[site.site, site.count, site.digest] for site in sites],
        "nearest": rankings.by_site(deployment, writing, resolved.view, resolved.slices, resolved.sites()),
    }, now)  # fmt: skip
    return row, resolved


def _resolved_to_publish(deployment: Deployment, reading: Reading, caller: Caller, row: Row) -> Resolved:
    spec = spec_of(row)
    check_publishable(spec)
    resolved = resolve(deployment, reading, caller, spec)
    for version in resolved.view.versions:
        pinned = reading.one("versions", id=version.version_id)
        if pinned is None or not pinned["published"]:
            name = "" if pinned is None else pinned["name"]
            raise VersionNotPublished(f"version `{name}` is a draft; publish it (or take a snapshot) before the view")
    if not any(resolved.selection):
        raise EmptyView(f"view `{row['name']}` selects no frame; resolve it to see what each rule matches")
    if resolved.view.labels is not None:
        return resolved
    numbers = enumerate_labels(labels_of(resolved.view, resolved.slices, resolved.selection))
    return replace(resolved, view=resolved.view.with_labels(numbers))


def published_sites(reading: Reading, row: Row, resolved: Resolved) -> Sequence[SiteSelection]:
    """Count and digest of each site's selection of a published view, as it resolves now."""
    view = pinned_of(row)
    is_same = stored_selection(reading, row, view) == resolved.sites()
    return stored_sites(reading, row) if is_same else site_digests(reading, resolved)


def stored_sites(reading: Reading, row: Row) -> list[SiteSelection]:
    rows = reading.rows("view_sites", order="site", view=row["id"])
    return [SiteSelection(each["site"], each["count"], each["digest"]) for each in rows]


def site_digests(reading: Reading, resolved: Resolved) -> list[SiteSelection]:
    """Count and digest of each site's selection."""
    canonical = resolved.view.canonical_bytes()
    found = []
    for site, selection in resolved.sites().items():
        count = sum(len(revisions) for revisions in views.unions(selection).values())
        rules = [
            (sum(map(len, by_dataset.values())), _digests(reading, resolved.view, by_dataset))
            for by_dataset in selection
        ]
        found.append(SiteSelection(site, count, site_digest(canonical, site, rules)))
    return found


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


def rule_counts(resolved: Resolved) -> list[tuple[int, str, int, int]]:
    """Rule, site, frames, and ROIs that the rule asks for."""
    sites = resolved.sites()
    found: list[tuple[int, str, int, int]] = []
    for rule, pinned in enumerate(resolved.view.rules):
        rois = dict.fromkeys(sites, 0)
        for number in {number for selection in sites.values() for number in selection[rule]}:
            gone = resolved.withdrawn.get(number, BitMap())
            parts = [selection[rule].get(number, BitMap()) - gone for selection in sites.values()]
            counts = roi_counts(pinned.rule, resolved.index_of(number), parts)
            rois = {site: rois[site] + count for site, count in zip(sites, counts, strict=True)}
        found += [(rule, site, sum(map(len, sites[site][rule].values())), rois[site]) for site in sites]
    return sorted(found, key=lambda each: (each[1].encode(), each[0]))


def site_counts(resolved: Resolved) -> list[SiteSelection]:
    """Frames of each site, without digests."""
    return [
        SiteSelection(site, sum(map(len, views.unions(selection).values())), "")
        for site, selection in resolved.sites().items()
    ]


def _slice(deployment: Deployment, reading: Reading, version_id: str) -> views.Slice:
    row = reading.one("versions", id=version_id)
    if row is None:
        raise NotFound(f"version {version_id} of this view is not here any more", kind="version", name=version_id)
    content = deployment.contents.of(reading, row) - withdrawn(reading, row["dataset"])
    return views.Slice(deployment.indexes.reaching(row["dataset"], content), content)


def _field_warnings(spec: ViewSpec, view: PinnedView, slices: Sequence[views.Slice]) -> Iterator[Warned]:
    """A field that no version of a rule has; a version that lacks it while another has it is no reason to warn."""
    for number, (rule, pinned) in enumerate(zip(spec.rules, view.rules, strict=True)):
        asked = [(f"rules[{number}].frame_query", "frame", rule.frame_query)]
        asked += [(f"rules[{number}].source_query", "source", rule.source_query)]
        asked += [(f"rules[{number}].roi_rules[{i}].query", "roi", each.query) for i, each in enumerate(rule.roi_rules)]
        for where, scope, text in asked:
            if text:
                node = parse(text, scope).node  # type: ignore[arg-type]
                said = [set(field_warnings.warnings(slices[i].index, node, scope)) for i in pinned.versions]  # type: ignore[arg-type]
                for message, position in sorted(set.intersection(*said)):
                    yield Warned(message, where, position)


def _digests(reading: Reading, view: PinnedView, by_dataset: Mapping[int, BitMap]) -> Iterator[bytes]:
    for number in sorted(by_dataset):
        yield from reading.digests(view.datasets[number], by_dataset[number])


def _store_selection(writing: Writing, row: Row, resolved: Resolved, sites: Sequence[SiteSelection]) -> None:
    versions_named = dict.fromkeys(version.version_id for version in resolved.view.versions)
    writing.insert_all("view_versions", [{"view": row["id"], "version": version} for version in versions_named])
    writing.insert_all("view_sites", [
        {"view": row["id"], "site": each.site, "count": each.count, "digest": each.digest} for each in sites
    ])  # fmt: skip
    writing.insert_all("selections", [
        {"view": row["id"], "site": site, "rule": rule, "dataset": number, "revisions": packed(revisions)}
        for site, selection in resolved.sites().items()
        for rule, by_dataset in enumerate(selection)
        for number, revisions in by_dataset.items()
    ])  # fmt: skip


def stored_selection(reading: Reading, row: Row, view: PinnedView) -> dict[str, views.Selection]:
    """The selection of each site as it was stored when the view was published."""
    sites: dict[str, views.Selection] = {}
    for each in reading.rows("selections", order="site", view=row["id"]):
        selection = sites.setdefault(each["site"], [{} for _ in view.rules])
        selection[each["rule"]][each["dataset"]] = BitMap.deserialize(each["revisions"])
    return sites


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
