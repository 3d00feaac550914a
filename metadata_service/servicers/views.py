"""DataViewService."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import grpc
import orjson

from hyperdatasets.core.dataview import ViewSpec
from hyperdatasets.core.dataview_text import to_plain
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.mapping import label_ids
from hyperdatasets.core.names import placed
from hyperdatasets.core.order import MAX_POSITION, MAX_RANKS
from hyperdatasets.core.projection import check_projection, projected
from hyperdatasets.core.selection import SiteSelection
from hyperdatasets.core.view_differences import SpecDifference, spec_differences
from hyperdatasets.engine.view_rois import shown
from hyperdatasets.engine.views import version_of
from hyperdatasets.v1 import dataview_service_pb2 as pb
from hyperdatasets.v1 import dataview_service_pb2_grpc as rpc
from metadata_service import pages
from metadata_service.catalog import reading as view_reading
from metadata_service.catalog import resolving, view_comparison, view_proof, view_publication, views
from metadata_service.catalog.datasets import Filter
from metadata_service.catalog.datasets import shown as dataset_name
from metadata_service.catalog.records import record
from metadata_service.catalog.resolving import Resolved
from metadata_service.catalog.rows import frame_of
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer, given
from metadata_service.servicers.datasets import ARCHIVED
from metadata_service.servicers.stored_frames import batched
from metadata_service.store.protocol import Reading, Row, Writing

_READ = 500  # frames read at once
_EXAMPLES = 1_000  # of a comparison, at most


class DataViewServicer(Servicer, rpc.DataViewServiceServicer):
    def CreateDataView(
        self, request: pb.CreateDataViewRequest, context: grpc.ServicerContext
    ) -> pb.CreateDataViewResponse:
        spec = views.parse_spec(request.spec)

        def work(writing: Writing) -> pb.CreateDataViewResponse:
            row = views.create(
                writing, self.caller, self.now_ms, project=request.project, spec=spec, name=request.name,
                description=request.description, tags=request.tags,
            )  # fmt: skip
            return pb.CreateDataViewResponse(
                view=encode.view(row, []), warnings=encode.warnings(views.parse_warnings(spec))
            )

        return self.once(request, pb.CreateDataViewResponse, work)

    def GetDataView(self, request: pb.GetDataViewRequest, context: grpc.ServicerContext) -> pb.GetDataViewResponse:
        with self.reading() as reading:
            row = views.find(reading, self.caller, request.view)
            return pb.GetDataViewResponse(view=encode.view(row, views.stored_sites(reading, row)))

    def ListDataViews(
        self, request: pb.ListDataViewsRequest, context: grpc.ServicerContext
    ) -> pb.ListDataViewsResponse:
        wanted = Filter(
            project=request.project, name_contains=request.name_contains, tags_all=request.tags_all,
            text=request.text, archived=ARCHIVED[request.archive],
        )  # fmt: skip
        start, size = pages.start(self.deployment.page_key, request), pages.size(request.page_size)
        with self.reading() as reading:
            rows = [row for row in reading.rows("views", order="name")
                    if self.caller.may("viewer", row["project"]) and wanted.holds(row)]  # fmt: skip
            if request.state:
                rows = [row for row in rows if bool(row["published"]) is (request.state == pb.VIEW_STATE_PUBLISHED)]
            found = [encode.view(row, views.stored_sites(reading, row)) for row in rows[start : start + size]]
        more = start + size < len(rows)
        token = pages.token(self.deployment.page_key, request, start=start + size) if more else ""
        return pb.ListDataViewsResponse(views=found, next_page_token=token)

    def UpdateDataView(
        self, request: pb.UpdateDataViewRequest, context: grpc.ServicerContext
    ) -> pb.UpdateDataViewResponse:
        changed = given(request, "name", "description", "archived", "project")
        spec = views.parse_spec(request.spec) if request.HasField("spec") else None
        if spec is not None:
            changed["spec"] = spec

        def work(writing: Writing) -> pb.UpdateDataViewResponse:
            row = views.find(writing, self.caller, request.view, role="editor")
            row = views.update(
                writing, self.caller, self.now_ms, row, etag=request.etag, changes=changed,
                add_tags=request.add_tags, remove_tags=request.remove_tags,
            )  # fmt: skip
            said = views.parse_warnings(spec) if spec is not None else []
            view = encode.view(row, views.stored_sites(writing, row))
            return pb.UpdateDataViewResponse(view=view, warnings=encode.warnings(said))

        return self.once(request, pb.UpdateDataViewResponse, work)

    def DeleteDataView(
        self, request: pb.DeleteDataViewRequest, context: grpc.ServicerContext
    ) -> pb.DeleteDataViewResponse:
        def work(writing: Writing) -> pb.DeleteDataViewResponse:
            row = views.find(writing, self.caller, request.view, role="editor")
            views.delete(writing, row, force=request.force, etag=request.etag)
            return pb.DeleteDataViewResponse()

        return self.once(request, pb.DeleteDataViewResponse, work)

    def PublishDataView(
        self, request: pb.PublishDataViewRequest, context: grpc.ServicerContext
    ) -> pb.PublishDataViewResponse:
        def work(writing: Writing) -> pb.PublishDataViewResponse:
            row = views.find(writing, self.caller, request.view, role="editor")
            row, resolved = view_publication.publish(
                self.deployment, writing, self.caller, row, etag=request.etag, prepared=prepared
            )
            view = encode.view(row, views.stored_sites(writing, row))
            return pb.PublishDataViewResponse(view=view, warnings=encode.warnings(resolved.warnings))

        with self.reading() as reading:
            row = views.find(reading, self.caller, request.view, role="editor")
            prepared = view_publication.prepare(self.deployment, reading, self.caller, row)
        return self.once(request, pb.PublishDataViewResponse, work)

    def CloneDataView(
        self, request: pb.CloneDataViewRequest, context: grpc.ServicerContext
    ) -> pb.CloneDataViewResponse:
        def work(writing: Writing) -> pb.CloneDataViewResponse:
            row = views.find(writing, self.caller, request.view)
            body = orjson.loads(row["body_json"])
            project, name = placed(request.name or f"{row['name']} (clone)", row["project"])
            copy = views.create(
                writing, self.caller, self.now_ms, project=project, spec=views.spec_of(row), name=name,
                description=body.get("description", ""),
                tags=body.get("tags", []),
            )  # fmt: skip
            warnings = encode.warnings(views.newer_semantics(row))
            return pb.CloneDataViewResponse(view=encode.view(copy, []), warnings=warnings)

        return self.once(request, pb.CloneDataViewResponse, work)

    def ResolveDataView(
        self, request: pb.ResolveDataViewRequest, context: grpc.ServicerContext
    ) -> pb.ResolveDataViewResponse:
        with self.reading() as reading:
            resolved = self._resolved(reading, request.target)
            target = self._target(reading, request.target)
            if isinstance(target, dict) and target["published"]:
                counted = resolving.published_sites(reading, target, resolved)
            else:
                counted = resolving.site_counts(resolved)
            sites = _selections(resolved, counted)
        counts = [
            pb.RuleCount(
                rule=rule, site=site, frames=frames, rois=rois,
                at_most=bool(resolved.view.rules[rule].rule.local_query),
            )
            for rule, site, frames, rois in resolving.rule_counts(resolved)
        ]  # fmt: skip
        return pb.ResolveDataViewResponse(
            counts=counts, sites=sites, frames=sum(site.count for site in sites),
            length=view_reading.length(resolved, None), labels=_labels(resolved),
            warnings=encode.warnings(resolved.warnings),
        )  # fmt: skip

    def VerifyDataView(
        self, request: pb.VerifyDataViewRequest, context: grpc.ServicerContext
    ) -> pb.VerifyDataViewResponse:
        with self.reading() as reading:
            row = views.find(reading, self.caller, request.view)
            proof = view_proof.verify(self.deployment, reading, self.caller, row)
        return pb.VerifyDataViewResponse(
            ok=proof.ok, stored_digest=proof.stored_digest, computed_digest=proof.digest,
            sites=_selections(proof.resolved, proof.sites), differences=proof.differences,
            rules=map(_rule_difference, proof.rules),
            withdrawn=proof.resolved.withdrawn_of(proof.resolved.selection),
        )  # fmt: skip

    def ReadDataView(
        self, request: pb.ReadDataViewRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadDataViewResponse]:
        ranks = request.partitions or 1
        if not 0 <= request.partition < ranks <= MAX_RANKS:
            raise InvalidArgument(f"partition {request.partition} of {ranks}: numbered from 0, at most {MAX_RANKS}")
        if not (0 <= request.start < MAX_POSITION and 0 <= request.limit <= MAX_POSITION):
            raise InvalidArgument(f"start and limit are not negative, and at most {MAX_POSITION}")
        check_projection(request.projection)
        site = request.site if request.HasField("site") else None
        with self.reading() as reading:
            resolved = resolving.read(self.deployment, reading, self.caller, self._target(reading, request.target))
            view_reading.check_continues(resolved, request.continues)
            labels = _labels(resolved)
            yield pb.ReadDataViewResponse(
                length=view_reading.length(resolved, site), labels=labels, state=view_reading.state(resolved),
                warnings=encode.warnings(resolved.warnings),
            )  # fmt: skip
            places = view_reading.places(
                resolved, site=site, start=request.start, limit=request.limit, positions=request.positions,
                rank=request.partition, ranks=ranks,
            )  # fmt: skip
            entries = _entries(reading, resolved, places, _Look(labels, list(request.projection)))
            for batch in batched(entries, lambda entry: entry.ByteSize()):
                yield pb.ReadDataViewResponse(entries=batch)

    def CompareDataViews(
        self, request: pb.CompareDataViewsRequest, context: grpc.ServicerContext
    ) -> pb.CompareDataViewsResponse:
        if not 0 <= request.examples <= _EXAMPLES:
            raise InvalidArgument(f"`option examples`: expected a number from 0 to {_EXAMPLES}, got {request.examples}")
        with self.reading() as reading:
            before, after = (self._resolved(reading, target) for target in (request.before, request.after))
            specs = [
                to_plain(self._spec(reading, target)) | {"semantics": of.view.semantics}
                for target, of in ((request.before, before), (request.after, after))
            ]
            found = view_comparison.compare(before, after)
            named = [view_comparison.examples(reading, each, request.examples)
                     for each in (found.only_before, found.only_after)]  # fmt: skip
            other = found.other_revisions(reading)
        return pb.CompareDataViewsResponse(
            changes=map(_spec_change, spec_differences(*specs)),
            only_before=view_comparison.total(found.only_before), only_after=view_comparison.total(found.only_after),
            both=found.both, other_revision=other,
            only_before_examples=map(_frame_name, named[0]), only_after_examples=map(_frame_name, named[1]),
        )  # fmt: skip

    def GetViewRecord(
        self, request: pb.GetViewRecordRequest, context: grpc.ServicerContext
    ) -> pb.GetViewRecordResponse:
        key_id = self.deployment.signer.key_id
        with self.reading() as reading:
            row = views.find(reading, self.caller, request.view)
            pinned = views.pinned_of(row)
            found = record(reading, "view", row["id"])
            of_versions = [record(reading, "version", version.version_id) for version in pinned.versions]
            datasets = [each for id_ in pinned.datasets if (each := reading.one("datasets", id=id_)) is not None]
        return pb.GetViewRecordResponse(
            record=None if found is None else encode.record(found, key_id),
            versions=[encode.record(each, key_id) for each in of_versions if each is not None], view_id=row["id"],
            dataset_names={each["id"]: dataset_name(each["project"], each["name"]) for each in datasets},
        )  # fmt: skip

    def _resolved(self, reading: Reading, target: pb.ViewOrSpec) -> Resolved:
        return resolving.resolve(self.deployment, reading, self.caller, self._target(reading, target))

    def _target(self, reading: Reading, target: pb.ViewOrSpec) -> Row | ViewSpec:
        if target.WhichOneof("source") == "spec":
            return views.parse_spec(target.spec)
        return views.find(reading, self.caller, target.view)

    def _spec(self, reading: Reading, target: pb.ViewOrSpec) -> ViewSpec:
        found = self._target(reading, target)
        return found if isinstance(found, ViewSpec) else views.spec_of(found)


def _selections(resolved: Resolved, sites: Iterable[SiteSelection]) -> list[pb.SiteSelection]:
    """With how many of each site's frames were withdrawn."""
    found, parts = encode.selections(sites), resolved.sites()
    for each in found:
        each.withdrawn = resolved.withdrawn_of(parts[each.site])
    return found


def _rule_difference(each: view_proof.RuleDifference) -> pb.RuleDifference:
    return pb.RuleDifference(
        rule=each.rule, site=each.site, dataset_id=each.dataset_id, missing=each.missing, added=each.added,
        missing_examples=map(_frame_name, each.missing_examples),
        added_examples=map(_frame_name, each.added_examples),
    )  # fmt: skip


def _frame_name(each: view_comparison.FrameName) -> pb.FrameName:
    return pb.FrameName(dataset_id=each.dataset_id, frame_id=each.frame_id, revision=each.revision)


def _spec_change(each: SpecDifference) -> pb.SpecChange:
    before, after = (
        orjson.dumps(each.values[side]).decode() if side in each.values else "" for side in ("before", "after")
    )
    return pb.SpecChange(path=each.path, before_json=before, after_json=after)


def _labels(resolved: Resolved) -> dict[str, int]:
    return dict(resolved.numbered().view.labels or {})


@dataclass(frozen=True)
class _Look:
    """How frames are shown: numbers of labels, and the parts that were asked for (empty = all)."""

    labels: dict[str, int]
    projection: list[str]


def _entries(
    reading: Reading, resolved: Resolved, places: Iterator[view_reading.Place], look: _Look
) -> Iterator[pb.ViewEntry]:
    while waiting := list(islice(places, _READ)):
        yield from _read(reading, resolved, waiting, look)


def _read(
    reading: Reading, resolved: Resolved, places: list[view_reading.Place], look: _Look
) -> Iterator[pb.ViewEntry]:
    rows: dict[tuple[int, int], Row] = {}
    for number in {place.frame.dataset for place in places}:
        wanted = sorted({place.frame.revision for place in places if place.frame.dataset == number})
        rows |= {(number, row["revision"]): row for row in reading.revisions(resolved.view.datasets[number], wanted)}
    for place in places:
        row = rows[place.frame.dataset, place.frame.revision]
        yield _entry(resolved, place, row, look)


def _entry(resolved: Resolved, place: view_reading.Place, row: Row, look: _Look) -> pb.ViewEntry:
    dataset, revision, roi = place.frame
    owner = resolved.view.datasets[dataset]
    if not row["payload"]:
        return pb.ViewEntry(
            position=place.position, frame=encode.tombstone(row), dataset_id=owner, frames_left=place.left
        )
    version = version_of(resolved.view, resolved.slices, dataset, revision)
    frame = shown(resolved.view, version, place.rules, frame_of(row), roi)
    if look.projection:
        frame = projected(frame, look.projection)
    ids = [pb.LabelIds(ids=label_ids(each["labels"], look.labels)) for each in frame.get("annotations", ())]
    return pb.ViewEntry(
        position=place.position, frame=encode.stored_frame(row, frame), dataset_id=owner, label_ids=ids,
        frames_left=place.left, version_id=resolved.view.versions[version].version_id,
    )  # fmt: skip
