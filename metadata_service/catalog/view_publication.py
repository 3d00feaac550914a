"""Publishing a data view: its versions pinned, its selection stored, its record signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from hyperdatasets.core.dataview import check_publishable
from hyperdatasets.core.errors import EmptyView, VersionNotPublished, ViewPublished
from hyperdatasets.core.selection import SiteSelection, view_digest
from hyperdatasets.engine import views
from metadata_service.catalog import rankings, view_orders
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.contents import packed
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.records import add_view_record
from metadata_service.catalog.resolving import Resolved, resolve, site_digests
from metadata_service.catalog.stamps import change, check_etag, updated
from metadata_service.catalog.views import spec_of
from metadata_service.store.protocol import Reading, Row, Writing


@dataclass(frozen=True)
class Prepared:
    """Digests of what a draft selected before the transaction that publishes it: nobody can write meanwhile."""

    canonical: bytes
    selection: Mapping[str, views.Selection]
    sites: Sequence[SiteSelection]

    def sites_of(self, reading: Reading, resolved: Resolved) -> Sequence[SiteSelection]:
        """Those of the same selection are the same."""
        is_same = self.canonical == resolved.view.canonical_bytes() and self.selection == resolved.sites()
        return self.sites if is_same else site_digests(reading.digests, resolved)


def prepare(deployment: Deployment, reading: Reading, caller: Caller, row: Row) -> Prepared:
    if row["published"]:
        return Prepared(b"", {}, ())
    resolved = _resolved_to_publish(deployment, reading, caller, row)
    return Prepared(resolved.view.canonical_bytes(), resolved.sites(), site_digests(reading.digests, resolved))


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
            raise VersionNotPublished(
                f"version `{name}` is a draft; publish it (`command version publish`, or "
                "`command version snapshot`) before the view"
            )
    if not any(resolved.selection):
        raise EmptyView(f"view `{row['name']}` selects no frame; resolve it to see what each rule matches")
    return resolved.numbered()


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
