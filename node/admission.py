"""Admission of a view: fetch it with its proof, decide by the site's policy, evaluate it again, compare.

The centre's word is never enough: the record must be signed, the slice must add up to the signed leaf, every site
part must be one that this site sent, and the selection must come out the same.
"""

from __future__ import annotations

import hashlib
import threading
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pyroaring import BitMap

from hyperdatasets.core import reference as references
from hyperdatasets.core.cached import cached_property
from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.core.errors import (
    HyperdatasetsError,
    InvalidReference,
    MetadataMismatch,
    NotFound,
    Refused,
    SelectionMismatch,
    Unavailable,
)
from hyperdatasets.core.order import SiteOrder
from hyperdatasets.core.pinned import PinnedView, pinned_from_plain
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import And, Leaf, Node, Not, Or
from hyperdatasets.core.selection import SiteSelection, site_digest, view_digest
from hyperdatasets.engine import views
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.orders import SiteSequence, sequences
from hyperdatasets.engine.segment import Row, build_private
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from hyperdatasets.version import __version__
from node import policy
from node.centre import Centre
from node.keys import Keys
from node.mirror import Mirror
from node.store import NodeStore

GRANT_MS = 72 * 3_600_000
OUTDATED = "private columns that its view asks for have changed"
_HEAD_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Grant:
    """What a client may read of a view at this site.

    Attributes:
        slices: this site's part of each version of the view.
        sequence: what each position delivers.
        digest: selection digest of this site, before local conditions.
        without_site: frames of the view that no node serves.
        generation: how often the private columns that its local conditions ask for had changed when it was made.
    """

    view_digest: str
    view: PinnedView
    slices: Sequence[views.Slice]
    sequence: SiteSequence
    digest: str
    without_site: int
    generation: int = 0

    @property
    def order(self) -> SiteOrder:
        return self.sequence.order

    @cached_property
    def delivers(self) -> str:
        """A digest of what each rule selects here after local conditions."""
        state = hashlib.sha256()
        for by_dataset in self.sequence.selection:
            for number, revisions in sorted(by_dataset.items()):
                state.update(b"%d %d " % (number, len(revisions)) + array("I", revisions).tobytes())
            state.update(b"\n")
        return state.hexdigest()

    @property
    def frames(self) -> int:
        """Frames that it covers, after local conditions."""
        return len(self.sequence.frames)


@dataclass(frozen=True)
class _Evaluated:
    """What a view selects at this site before local conditions; private columns do not change it."""

    view: PinnedView
    slices: Sequence[views.Slice]
    selection: views.Selection
    digest: str
    without_site: int


class _Obtained(NamedTuple):
    """The signed record of a view, and where it came from.

    Attributes:
        names: dataset id -> name at the centre, used for datasets of which nothing was registered here.
        expires_ms: the end of the grant that the record was kept with; 0 for a record from the centre.
        versions: the signed records of the view's versions; None for a kept record, with which they were checked.
    """

    record: bytes
    signature: bytes
    names: Mapping[str, str]
    expires_ms: int = 0
    versions: Sequence[common.SignedRecord] | None = None


class Admission:
    """Admits views for clients; what was admitted once is served from here, also without the centre.

    Grants are kept by the whole reference: a digest holds no names, so that views over two datasets with the same
    frames have the same one, and the policy may allow one dataset only.
    """

    def __init__(self, folder: Path, site: str, keys: Keys, store: NodeStore, centre: Centre) -> None:
        self._folder, self._site, self._keys, self._store, self._centre = folder, site, keys, store, centre
        self._mirror = Mirror(store, centre)
        self._evaluated: dict[str, _Evaluated] = {}
        self._grants: dict[str, Grant] = {}
        self._evaluating = threading.Lock()

    def admit(
        self, reference: str, principal: str, purpose: str, rules: policy.Policy
    ) -> tuple[Grant, policy.Decision]:
        """The grant, and the decision behind it.

        Raises:
            Refused: with the site's own reason as `rule` and `why`; what a client is told is the caller's choice.
        """
        digest = _digest_of(reference)
        obtained = self._obtained(reference, principal, purpose)
        content = self._content(obtained, digest)
        view = pinned_from_plain(content["pinned"])
        request = self._request(view, principal, purpose, obtained.names)
        decision = _decided(request, rules)
        if obtained.versions is not None:
            self._check_versions(view, obtained.versions)
        with self._evaluating:  # readers of one loader ask at the same time
            evaluated = self._evaluated.get(reference) or self._evaluate(view, content)
            self._evaluated[reference] = evaluated
            grant = self._grants[reference] = self._granted(reference, digest, evaluated)
        self._store.keep_names_elsewhere(request.elsewhere)
        self._store.keep_grant({
            "view": reference, "client": principal, "purpose": purpose, "record": obtained.record,
            "signature": obtained.signature, "policy": rules.digest, "granted_ms": _now_ms(),
            "expires_ms": obtained.expires_ms or _now_ms() + GRANT_MS,
        })  # fmt: skip
        return grant, decision

    def decided_again(self, grant: Grant, principal: str, purpose: str, rules: policy.Policy) -> policy.Decision:
        """The same decision under a policy that was changed since."""
        return policy.decide(rules, self._request(grant.view, principal, purpose, self._store.names_elsewhere()))

    def is_current(self, grant: Grant) -> bool:
        """Whether no private column that the grant's local conditions ask for has changed since it was made."""
        return grant.generation == self._generation(grant.view)

    def _request(self, view: PinnedView, principal: str, purpose: str, told: Mapping[str, str]) -> policy.Request:
        """`told`: dataset id -> name at the centre, used for datasets of which nothing was registered here."""
        known = self._store.dataset_names()
        return policy.Request(
            {each: known[each] for each in view.datasets if each in known}, principal, purpose, _now_ms(),
            tuple(sorted(_local_columns(view))),
            {each: told.get(each, "") for each in view.datasets if each not in known},
        )  # fmt: skip

    def _obtained(self, reference: str, principal: str, purpose: str) -> _Obtained:
        """The view's record: the one kept with a grant that has not ended, or else the centre's."""
        kept = self._store.grant(reference, principal, purpose)
        if kept is not None and kept["expires_ms"] > _now_ms():
            return _Obtained(kept["record"], kept["signature"], self._store.names_elsewhere(), kept["expires_ms"])
        answer = self._fetch(reference)
        names = dict(answer.dataset_names)
        return _Obtained(answer.record.payload, answer.record.signature, names, versions=answer.versions)

    def _content(self, obtained: _Obtained, digest: str) -> dict[str, Any]:
        """What the record says; raises Refused if it is not the signed record of the view with this digest."""
        self._keys.check_record("view", obtained.record, obtained.signature)
        content: dict[str, Any] = orjson.loads(obtained.record)
        selections = [SiteSelection(*each) for each in content.get("sites", ())]
        if content.get("kind") != "view" or view_digest(selections) != digest:
            raise _refused("record", "the signed record is that of another view")
        return content

    def _fetch(self, reference: str) -> views_pb.GetViewRecordResponse:
        """The view's record from the centre, and those of its versions; the centre's history may not go back."""
        try:
            self._check_head()
            request = views_pb.GetViewRecordRequest(view=reference)
            answer: views_pb.GetViewRecordResponse = self._centre.send(request)
        except Unavailable:
            raise
        except NotFound as error:
            raise _refused("unknown-view", error.message) from None
        except HyperdatasetsError as error:
            raise _refused("centre", error.message) from None
        return answer

    def _check_head(self) -> None:
        head = self._centre.send(
            sites_pb.HeartbeatRequest(node_version=__version__, frame_count=self._store.frame_count())
        ).head
        self._keys.check_record("head", head.payload, head.signature)
        content = orjson.loads(head.payload)
        if content["sequence"] < self._store.raise_to("head", content["sequence"]):
            raise MetadataMismatch("the centre shows an older history than before")
        if abs(_now_ms() - content["time_ms"]) > _HEAD_MS:
            raise MetadataMismatch("the centre's newest record is signed more than a day ago")

    def _check_versions(self, view: PinnedView, records: Sequence[common.SignedRecord]) -> None:
        """Every pinned version has a signed record with its digest, and this site's leaf adds up."""
        by_id = {}
        for each in records:
            self._keys.check_record("version", each.payload, each.signature)
            by_id[orjson.loads(each.payload)["version_id"]] = orjson.loads(each.payload)
        for number, version in enumerate(view.versions):
            signed = by_id.get(version.version_id)
            if signed is None or signed["content_digest"] != version.content_digest:
                raise MetadataMismatch("a version of the view has no record that fits")
            count, leaf = {site: (n, text) for site, n, text in signed["leaves"]}.get(self._site, (0, ""))
            self._mirror.fetch(version.version_id, view.datasets[view.dataset_number(number)], count, leaf)

    def _generation(self, view: PinnedView) -> int:
        """Grows whenever a value changes in a private column that the view's local conditions ask for."""
        asked = _local_columns(view)
        if not asked:
            return 0
        changed = [pair for dataset in view.datasets for pair in self._store.generation(dataset).items()]
        return sum(count for name, count in changed if any(_asks_for(each, name) for each in asked))

    def _granted(self, reference: str, digest: str, found: _Evaluated) -> Grant:
        """The grant under the private columns as they are now."""
        generation = self._generation(found.view)  # first: what changes from here on makes another one
        kept = self._grants.get(reference)
        if kept is not None and kept.generation == generation:
            return kept
        view, slices = found.view, found.slices
        chosen = self._local(view, found.selection)
        made = sequences(view, {self._site: chosen}, lambda number: slices[_first(view, number)].index)
        return Grant(digest, view, slices, made.sites[self._site], found.digest, found.without_site, generation)

    def _evaluate(self, view: PinnedView, content: Mapping[str, Any]) -> _Evaluated:
        """The same engine over the site's own slice: what comes out must be what was signed."""
        slices = [self._slice(version.version_id) for version in view.versions]
        selection = views.select(view, slices, views.kept(_nearest(view, content, self._site)))
        canonical_view = view.canonical_bytes()
        rules = [(sum(map(len, by_dataset.values())), self._digests(view, by_dataset)) for by_dataset in selection]
        count = sum(map(len, views.unions(selection).values()))
        computed = site_digest(canonical_view, self._site, rules)
        by_site = {site: (number, text) for site, number, text in content["sites"]}
        signed = by_site.get(self._site, (0, ""))
        if count != signed[0] or (count and computed != signed[1]):
            raise SelectionMismatch("the view selects other frames here than the centre signed")
        without_site, _ = by_site.get("", (0, ""))
        return _Evaluated(view, slices, selection, computed, without_site)

    def _slice(self, version_id: str) -> views.Slice:
        kept = self._store.slice_of(version_id)
        if kept is None:
            raise MetadataMismatch("a slice of the view is missing here")
        dataset, serialized = kept
        revisions = BitMap.deserialize(serialized)
        index = DatasetIndex(self._folder / "index" / version_id)
        if revisions and index.reached <= revisions.max():
            rows = self._store.canonical(dataset, list(revisions))
            index.add(Row(revision, from_canonical(rows[revision][0])) for revision in revisions)
            index.save()
        return views.Slice(index, revisions)

    def _digests(self, view: PinnedView, by_dataset: Mapping[int, BitMap]) -> list[bytes]:
        found = []
        for number in sorted(by_dataset):
            rows = self._store.canonical(view.datasets[number], list(by_dataset[number]))
            found += [rows[revision][1] for revision in by_dataset[number]]
        return found

    def _local(self, view: PinnedView, selection: views.Selection) -> views.Selection:
        """Local conditions, over the private columns that never leave the site."""
        chosen: views.Selection = []
        for pinned, by_dataset in zip(view.rules, selection, strict=True):
            if not pinned.rule.local_query:
                chosen.append(by_dataset)
                continue
            node = parse(pinned.rule.local_query, "local", view.semantics).node
            kept = {number: self._private(view, number, each, node) for number, each in by_dataset.items()}
            chosen.append({number: each for number, each in kept.items() if each})
        return chosen

    def _private(self, view: PinnedView, number: int, revisions: BitMap, node: Node) -> BitMap:
        dataset = view.datasets[number]
        columns = self._store.private(dataset)
        rows = self._store.canonical(dataset, list(revisions))
        listed = [(each, columns.get(from_canonical(rows[each][0])["id"], {})) for each in revisions]
        return build_private(listed).search(node, "local")


def _digest_of(reference: str) -> str:
    try:
        return references.parse(reference).digest
    except InvalidReference as error:
        raise _refused("reference", error.message) from None


def _decided(request: policy.Request, rules: policy.Policy) -> policy.Decision:
    decision = policy.decide(rules, request)
    if not decision.allowed:
        raise _refused(decision.rule, decision.reason)
    return decision


def _local_columns(view: PinnedView) -> set[str]:
    """The private columns that the view's local conditions ask for; `policy.ANY` for all."""
    return {name for each in view.rules if each.rule.local_query for name in _columns(each.rule.local_query)}


def _asks_for(path: str, column: str) -> bool:
    """Whether a field of a query may lie in a column: `stain.name` asks for `stain` if that holds an object."""
    return path in {policy.ANY, column} or path.startswith(f"{column}.") or column.startswith(f"{path}.")


def _columns(text: str) -> set[str]:
    def names(node: Node) -> set[str]:
        match node:
            case And(children) | Or(children):
                return set().union(*(names(child) for child in children))
            case Not(child):
                return names(child)
            case Leaf(field):
                return {field.path or policy.ANY}
        return set()

    return names(parse(text, "local").node)


def _nearest(view: PinnedView, content: Mapping[str, Any], site: str) -> views.Selection:
    """What the signed record says that rules with `vector` keep at this site."""
    signed: views.Selection = [{} for _ in view.rules]
    for rule, sites in content.get("nearest", {}).items():
        for number, revision in sites.get(site, ()):
            signed[int(rule)].setdefault(number, BitMap()).add(revision)
    return signed


def _first(view: PinnedView, number: int) -> int:
    return next(i for i in range(len(view.versions)) if view.dataset_number(i) == number)


def _refused(rule: str, why: str) -> Refused:
    return Refused("refused", rule=rule, why=why)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
