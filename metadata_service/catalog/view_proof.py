"""The proof of a published view: its selection and its order are evaluated again, and compared with what was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from pyroaring import BitMap

from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.selection import SiteSelection, view_digest
from hyperdatasets.engine.orders import sequences
from hyperdatasets.engine.views import Selection
from metadata_service.catalog import resolving, view_orders, views
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.records import record
from metadata_service.catalog.view_comparison import FrameName, examples
from metadata_service.store.protocol import Reading, Row

_EXAMPLES = 5


@dataclass(frozen=True)
class RuleDifference:
    """What a rule selects at a site otherwise than was stored: how many frames, and some of them."""

    rule: int
    site: str
    dataset_id: str
    missing: int
    added: int
    missing_examples: Sequence[FrameName]
    added_examples: Sequence[FrameName]

    def in_words(self) -> str:
        said = [
            f"{count} {what} (such as {', '.join(f'`{each.frame_id}`' for each in named)})"
            for count, what, named in (
                (self.missing, "no longer selected", self.missing_examples),
                (self.added, "selected now and not before", self.added_examples),
            ) if count
        ]  # fmt: skip
        return f"rule {self.rule}, {_site(self.site)}: {'; '.join(said)}"


@dataclass(frozen=True)
class Proof:
    """What came out; `ok` if all is as it was stored and signed."""

    resolved: resolving.Resolved
    stored_digest: str
    digest: str
    sites: Sequence[SiteSelection]
    rules: Sequence[RuleDifference]
    differences: Sequence[str]

    @property
    def ok(self) -> bool:
        return self.digest == self.stored_digest and not self.differences


def verify(deployment: Deployment, reading: Reading, caller: Caller, row: Row) -> Proof:
    """Evaluates a published view again.

    Raises:
        ViewNotPublished: it is a draft.
    """
    view = views.pinned_of(row)
    resolved = resolving.resolve(deployment, reading, caller, row)
    sites = resolving.site_digests(reading.digests, resolved)
    rules = _rule_differences(reading, view, resolving.stored_selection(reading, row, view), resolved.sites())
    said = _site_differences(views.stored_sites(reading, row), sites)
    said += [each.in_words() for each in rules]
    said += _order_differences(reading, row, resolved)
    said += _record_differences(deployment, reading, row)
    return Proof(resolved, row["digest"], view_digest(sites), sites, rules, said)


def _site_differences(before: Sequence[SiteSelection], now: Sequence[SiteSelection]) -> list[str]:
    stored, computed = {each.site: each for each in before}, {each.site: each for each in now}
    nothing = SiteSelection("", 0, "")
    found = []
    for site in sorted(stored.keys() | computed.keys(), key=str.encode):
        old, new = stored.get(site, nothing), computed.get(site, nothing)
        if (old.count, old.digest) != (new.count, new.digest):
            frames = f"{old.count} frames" if old.count == new.count else f"{old.count} frames, now {new.count}"
            found.append(f"{_site(site)}: {frames}; digest {old.digest or '(none)'}, now {new.digest or '(none)'}")
    return found


def _rule_differences(
    reading: Reading, view: PinnedView, stored: Mapping[str, Selection], computed: Mapping[str, Selection]
) -> list[RuleDifference]:
    found = []
    for site in sorted({*stored, *computed}, key=str.encode):
        for rule in range(len(view.rules)):
            old = stored[site][rule] if site in stored else {}
            new = computed[site][rule] if site in computed else {}
            for number in sorted({*old, *new}):
                before, now = old.get(number, BitMap()), new.get(number, BitMap())
                if before != now:
                    dataset, gone, come = view.datasets[number], before - now, now - before
                    found.append(RuleDifference(
                        rule, site, dataset, len(gone), len(come), examples(reading, {dataset: gone}, _EXAMPLES),
                        examples(reading, {dataset: come}, _EXAMPLES),
                    ))  # fmt: skip
    return found


def _order_differences(reading: Reading, row: Row, resolved: resolving.Resolved) -> list[str]:
    """Whether the stored order is what follows from the frames that were stored; withdrawn ones cannot say it."""
    view = resolved.view
    if not view_orders.from_contents(view):
        return []  # it follows from the numbers that the digest has proven
    stored = resolving.stored_selection(reading, row, view)
    kept = view_orders.kept(reading, row, list(stored))
    if kept is None:
        return ["the stored order is missing"]
    left = view_orders.without(stored, resolved.withdrawn)
    computed = sequences(view, left, resolved.index_of)
    found = []
    for site, sequence in view_orders.sequences_of(view, stored, kept).sites.items():
        differing = view_orders.first_difference(sequence, computed.sites.get(site), resolved.withdrawn)
        if differing is not None:
            found.append(f"{_site(site)}: the order differs from unit {differing} of its sequence on")
    if left == stored and not view_orders.same_merge(kept, computed):
        found.append("the sites are merged in another order")
    return found


def _record_differences(deployment: Deployment, reading: Reading, row: Row) -> list[str]:
    signed = record(reading, "view", row["id"])
    if signed is None:
        return ["the signed record is missing"]
    if not deployment.signer.signed("view", signed["payload"], signed["signature"]):
        return ["the record's signature is not that of this deployment"]
    content = orjson.loads(signed["payload"])
    parts = (("digest", row["digest"]), ("pinned", orjson.loads(row["pinned_json"])))
    return [f"the signed record has another {key} than the view" for key, value in parts if content[key] != value]


def _site(name: str) -> str:
    return f"site `{name}`" if name else "frames without a site"
