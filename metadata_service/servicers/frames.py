"""FrameService."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import grpc
import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.given import check_size
from hyperdatasets.core.projection import check_projection
from hyperdatasets.core.vectors import Vector, checked
from hyperdatasets.engine import field_warnings, value_groups, views
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1 import frame_service_pb2_grpc as rpc
from metadata_service import access, pages
from metadata_service.catalog import datasets, edits, frames, long_reads, queries, vectors, versions, withdrawals
from metadata_service.catalog.stamps import check_etag
from metadata_service.servicers import encode, explore, write_stream
from metadata_service.servicers import vectors as messages
from metadata_service.servicers.base import Servicer
from metadata_service.servicers.stored_frames import batched, stored
from metadata_service.servicers.vectors import METRICS
from metadata_service.store.protocol import Reading, Row, Writing


class FrameServicer(Servicer, rpc.FrameServiceServicer):
    def WriteFrames(
        self, request_iterator: Iterator[pb.WriteFramesRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.WriteFramesResponse]:
        yield from write_stream.acknowledged(self.deployment, request_iterator, access.caller)

    def DeleteFrames(self, request: pb.DeleteFramesRequest, context: grpc.ServicerContext) -> pb.DeleteFramesResponse:
        def work(writing: Writing) -> pb.DeleteFramesResponse:
            dataset, version = self._draft(writing, request.dataset, request.version, request.etag)
            if request.frame_ids:
                held = frames.current_heads(writing, self.deployment.contents, dataset, version, request.frame_ids)
                revisions = BitMap(row["revision"] for row in held.values())
                said: tuple[queries.Warned, ...] = ()
            else:
                held = {}
                found = self._matching(writing, version, request.filter, everything=False)
                revisions, said = found.revisions, found.warnings
            if not request.preview:
                frames.remove(writing, self.caller, self.now_ms, version, revisions)
            missing = [each for each in request.frame_ids if each not in held]
            return pb.DeleteFramesResponse(deleted=len(revisions), missing_ids=missing, warnings=encode.warnings(said))

        return self.once(request, pb.DeleteFramesResponse, work)

    def CopyFrames(self, request: pb.CopyFramesRequest, context: grpc.ServicerContext) -> pb.CopyFramesResponse:
        def work(writing: Writing) -> pb.CopyFramesResponse:
            dataset, version = self._draft(writing, request.dataset, request.version, "")
            source = datasets.find(writing, self.caller, request.from_dataset)
            origin = versions.find(writing, source, request.from_version)
            found = self._matching(writing, origin, request.filter)
            outcome = edits.copy(
                writing, self.deployment.contents, self.caller, self.now_ms, dataset, version,
                source=source, revisions=list(found.revisions), preview=request.preview,
            )  # fmt: skip
            return pb.CopyFramesResponse(
                added=outcome.added, updated=outcome.updated, unchanged=outcome.unchanged,
                failures=encode.failures(outcome), warnings=encode.warnings(found.warnings),
            )  # fmt: skip

        return self.once(request, pb.CopyFramesResponse, work)

    def UpdateByQuery(
        self, request: pb.UpdateByQueryRequest, context: grpc.ServicerContext
    ) -> pb.UpdateByQueryResponse:
        change = edits.Change(
            tuple(request.add_labels), frozenset(request.remove_labels), dict(request.relabel),
            datasets.metadata(request.set_meta_json), request.filter.roi_query,
        )  # fmt: skip

        def work(writing: Writing) -> pb.UpdateByQueryResponse:
            dataset, version = self._draft(writing, request.dataset, request.version, request.etag)
            found = self._matching(writing, version, request.filter, everything=False)
            if request.HasField("frame_etag"):
                edits.check_unchanged(list(found.revisions), request.frame_etag)
            updated = edits.update(
                writing, self.deployment.contents, self.caller, self.now_ms, dataset, version,
                revisions=list(found.revisions), change=change, preview=request.preview,
            )  # fmt: skip
            said = encode.warnings(found.warnings)
            return pb.UpdateByQueryResponse(matched=len(found.revisions), updated=updated, warnings=said)

        return self.once(request, pb.UpdateByQueryResponse, work)

    def QueryFrames(
        self, request: pb.QueryFramesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.QueryFramesResponse]:
        if request.limit < 0 or request.offset < 0:
            raise InvalidArgument("limit and offset are not negative; a limit of 0 means all")
        check_projection(request.projection)
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            content = None
            if request.continues:
                content = long_reads.content(self.deployment.old_contents, version, request.continues, self.now_ms)
            found = self._matching(reading, version, request.filter, content=content)
            if not version["published"] and content is None:
                self.deployment.old_contents.keep(version, found.content)
            said = encode.warnings(found.warnings) + _unknown_order(found, request.order_by)
            yield pb.QueryFramesResponse(
                total=len(found.revisions), version_etag=str(version["generation"]), warnings=said,
                state=request.continues or long_reads.state(version),
            )  # fmt: skip
            wanted = _wanted(found, request)
            projection = list(request.projection)
            for batch in batched(stored(reading, dataset["id"], wanted, projection), lambda each: each.ByteSize()):
                yield pb.QueryFramesResponse(frames=batch)

    def ListFrames(self, request: pb.ListFramesRequest, context: grpc.ServicerContext) -> pb.ListFramesResponse:
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            start, end, found = self._page(reading, request, version)
            order = request.order_by
            wanted = queries.window(found, order.field, start, end, descending=order.descending)
            page = list(stored(reading, dataset["id"], wanted))
        token, total = self._next_page(request, version, found, end, total=len(found.revisions)), len(found.revisions)
        said = encode.warnings(found.warnings) + _unknown_order(found, order)
        return pb.ListFramesResponse(frames=page, next_page_token=token, total=total, warnings=said)

    def GroupFrames(self, request: pb.GroupFramesRequest, context: grpc.ServicerContext) -> pb.GroupFramesResponse:
        by = explore.named("by", request.by)
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            start, end, found = self._page(reading, request, version)
            found_groups = value_groups.grouped(
                found.index, by, found.revisions, start, end, by_value=request.order == pb.GROUP_ORDER_VALUE,
                rois=explore.rois_of(request.filter),
            )  # fmt: skip
            first = stored(reading, dataset["id"], [revision for _, revision in found_groups.groups])
            page = [
                pb.ValueGroup(value=count.text, frames=count.frames, count=count.elements, first=frame)
                for (count, _), frame in zip(found_groups.groups, first, strict=True)
            ]
        return pb.GroupFramesResponse(
            groups=page, total=found_groups.total, matching=len(found.revisions), missing=found_groups.missing,
            next_page_token=self._next_page(request, version, found, end, total=found_groups.total),
            warnings=explore.warnings(found, by),
        )  # fmt: skip

    def SampleFrames(
        self, request: pb.SampleFramesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SampleFramesResponse]:
        check_projection(request.projection)
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            found = self._matching(reading, version, request.filter)
            sample = explore.sample_of(request, found)
            yield pb.SampleFramesResponse(
                total=len(sample.revisions), values=sample.values, matching=len(found.revisions),
                missing=sample.missing, warnings=explore.warnings(found, request.by),
            )  # fmt: skip
            listed = stored(reading, dataset["id"], list(sample.revisions), list(request.projection))
            for batch in batched(listed, lambda each: each.ByteSize()):
                yield pb.SampleFramesResponse(frames=batch)

    def CountFrames(self, request: pb.CountFramesRequest, context: grpc.ServicerContext) -> pb.CountFramesResponse:
        with self.reading() as reading:
            _, version = self._found(reading, request.dataset, request.version)
            found = self._matching(reading, version, request.filter)
        sites = {site: len(part) for site, part in views.by_site(found.index, found.revisions).items()}
        said = encode.warnings(found.warnings)
        return pb.CountFramesResponse(count=len(found.revisions), by_site=sites, warnings=said)

    def BatchGetFrames(
        self, request: pb.BatchGetFramesRequest, context: grpc.ServicerContext
    ) -> pb.BatchGetFramesResponse:
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            wanted = list(request.frame_ids)
            held = frames.current_rows(reading, self.deployment.contents, dataset, version, wanted)
        found = [encode.stored_frame(held[each]) for each in wanted if each in held]
        return pb.BatchGetFramesResponse(frames=found, missing_ids=[each for each in wanted if each not in held])

    def GetStatistics(
        self, request: pb.GetStatisticsRequest, context: grpc.ServicerContext
    ) -> pb.GetStatisticsResponse:
        with self.reading() as reading:
            _, version = self._found(reading, request.dataset, request.version)
            found = self._matching(reading, version, request.filter)
        return explore.statistics_of(request, found)

    def GetSchema(self, request: pb.GetSchemaRequest, context: grpc.ServicerContext) -> pb.GetSchemaResponse:
        with self.reading() as reading:
            _, version = self._found(reading, request.dataset, request.version)
            found = self._matching(reading, version, request.filter)
        return explore.schema_of(request, found)

    def CreateVectorField(
        self, request: pb.CreateVectorFieldRequest, context: grpc.ServicerContext
    ) -> pb.CreateVectorFieldResponse:
        def work(writing: Writing) -> pb.CreateVectorFieldResponse:
            dataset = datasets.find(writing, self.caller, request.dataset, role="editor")
            row = vectors.declare(
                writing, self.caller, self.now_ms, dataset, name=request.field.name,
                dimensions=request.field.dimensions, metric=METRICS.get(request.field.metric, "cosine"),
            )  # fmt: skip
            return pb.CreateVectorFieldResponse(field=messages.field(row))

        return self.once(request, pb.CreateVectorFieldResponse, work)

    def ListVectorFields(
        self, request: pb.ListVectorFieldsRequest, context: grpc.ServicerContext
    ) -> pb.ListVectorFieldsResponse:
        with self.reading() as reading:
            dataset = datasets.find(reading, self.caller, request.dataset)
            found = [messages.field(row) for row in vectors.fields(reading, dataset)]
        return pb.ListVectorFieldsResponse(fields=found)

    def SetVectors(
        self, request_iterator: Iterator[pb.SetVectorsRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.SetVectorsResponse]:
        for request in request_iterator:
            check_size(len(request.frame_ids))
            values = vectors.rows_of(request.values, len(request.frame_ids))
            yield self.once(request, pb.SetVectorsResponse, partial(self._set_vectors, request, values))

    def _set_vectors(
        self, request: pb.SetVectorsRequest, values: Sequence[Vector], writing: Writing
    ) -> pb.SetVectorsResponse:
        dataset = datasets.find(writing, self.caller, request.dataset, role="editor")
        version = versions.find(writing, dataset, request.version)
        ids = list(request.frame_ids)
        outcome = vectors.write(
            writing, self.caller, self.now_ms, dataset, name=request.field, ids=ids, values=values,
            held=frames.current_rows(writing, self.deployment.contents, dataset, version, ids),
        )  # fmt: skip
        return pb.SetVectorsResponse(
            request_id=request.request_id, added=outcome.added, unchanged=outcome.unchanged,
            failures=encode.failures(outcome),
        )  # fmt: skip

    def BatchGetVectors(
        self, request: pb.BatchGetVectorsRequest, context: grpc.ServicerContext
    ) -> pb.BatchGetVectorsResponse:
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            row = vectors.find(reading, dataset, request.field)
            held = frames.current_rows(reading, self.deployment.contents, dataset, version, request.frame_ids)
            found = vectors.of_revisions(reading, row, sorted(each["revision"] for each in held.values()))
        listed = [each for each in request.frame_ids if each in held and held[each]["revision"] in found]
        values = [found[held[each]["revision"]] for each in listed]
        return pb.BatchGetVectorsResponse(
            frame_ids=listed, values=np.concatenate(values) if values else (), dimensions=row["dimensions"]
        )

    def SearchVectors(
        self, request: pb.SearchVectorsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SearchVectorsResponse]:
        k = messages.check_k(request)
        with self.reading() as reading:
            dataset, version = self._found(reading, request.dataset, request.version)
            row = vectors.find(reading, dataset, request.field)
            metric: Metric = METRICS.get(request.metric) or row["metric"]
            matching = self._matching(reading, version, request.filter)
            wanted, query = matching.revisions, None
            if request.frame_id:
                held = frames.current_rows(
                    reading, self.deployment.contents, dataset, version, [request.frame_id]
                )  # fmt: skip
                query = vectors.of_frame(reading, row, request.frame_id, held)
                wanted = wanted - BitMap([held[request.frame_id]["revision"]])
            query = messages.given(request, row, metric) if query is None else checked(
                query, dimensions=row["dimensions"], metric=metric
            )  # fmt: skip
            found = self.deployment.vectors.reaching(row).search(query, metric, k, wanted, exact=request.exact)
            head = messages.header(found, metric, wanted)
            head.warnings.extend(encode.warnings(matching.warnings))
            yield head
            revisions, values = [each[0] for each in found.neighbours], [each[1] for each in found.neighbours]
            listed = messages.neighbours(values, stored(reading, dataset["id"], revisions))
            for batch in batched(listed, lambda each: each.ByteSize()):
                yield pb.SearchVectorsResponse(neighbours=batch)

    def WithdrawPublicFrames(
        self, request: pb.WithdrawPublicFramesRequest, context: grpc.ServicerContext
    ) -> pb.WithdrawPublicFramesResponse:
        def work(writing: Writing) -> pb.WithdrawPublicFramesResponse:
            dataset = datasets.find(writing, self.caller, request.dataset, role="admin")
            outcome = withdrawals.withdraw(
                self.deployment, writing, self.caller, dataset, request.frame_ids, why=request.why
            )
            return pb.WithdrawPublicFramesResponse(
                revisions=outcome.revisions, missing_ids=outcome.missing,
                frames={owner: len(ids) for owner, ids in outcome.frames.items()},
            )  # fmt: skip

        return self.once(request, pb.WithdrawPublicFramesResponse, work)

    def _found(self, reading: Reading, dataset: str, version: str) -> tuple[Row, Row]:
        owner = datasets.find(reading, self.caller, dataset)
        return owner, versions.find(reading, owner, version)

    def _draft(self, writing: Writing, dataset: str, version: str, etag: str) -> tuple[Row, Row]:
        owner = datasets.find(writing, self.caller, dataset, role="editor")
        row = versions.find_draft(writing, owner, version)
        check_etag(row, etag)
        return owner, row

    def _page(
        self, reading: Reading, request: pb.ListFramesRequest | pb.GroupFramesRequest, version: Row
    ) -> tuple[int, int, queries.Found]:
        """Where the page that is asked for begins and ends, and what matches: in the draft as it was at its first."""
        now = _generation(version)
        start, generation = pages.place(self.deployment.page_key, request, generation=now)
        content = None
        if generation != now:
            content = self.deployment.old_contents.of(version, generation, self.now_ms)
        found = self._matching(reading, version, request.filter, content=content)
        return start, start + pages.size(request.page_size), found

    def _next_page(
        self, request: pb.ListFramesRequest | pb.GroupFramesRequest, version: Row, found: queries.Found, start: int,
        *, total: int,
    ) -> str:  # fmt: skip
        if start >= total:
            return ""
        now = _generation(version)
        _, generation = pages.place(self.deployment.page_key, request, generation=now)
        if generation == now and now:
            self.deployment.old_contents.keep(version, found.content)
        return pages.token(self.deployment.page_key, request, start=start, generation=generation)

    def _matching(
        self, reading: Reading, version: Row, wanted: pb.FrameFilter, *, everything: bool = True,
        content: BitMap | None = None,
    ) -> queries.Found:  # fmt: skip
        if not everything and not (wanted.frame_query or wanted.roi_query or wanted.source_query):
            raise InvalidArgument("give frame ids or a query; the query `*` means every frame")
        asked = queries.FrameFilter(wanted.frame_query, wanted.roi_query, wanted.source_query)
        return queries.matching(self.deployment, reading, version, asked, content=content)


def _unknown_order(found: queries.Found, order: pb.SortKey) -> list[common.Warning]:
    """That no frame has the field by which frames are sorted."""
    said = field_warnings.unknown(found.index, order.field) if order.field else []
    return [common.Warning(message=text, where="order_by") for text in said]


def _wanted(found: queries.Found, request: pb.QueryFramesRequest) -> list[int]:
    """The revisions that a stream is to bring: from an offset on, or those after the last one of an earlier stream."""
    total, order = len(found.revisions), request.order_by
    if request.continues:
        everything = queries.window(found, order.field, 0, total, descending=order.descending)
        left = long_reads.after(
            everything, request.after_revision, sorted_by=order.field, descending=order.descending
        )  # fmt: skip
        return left[: request.limit or total]
    stop = request.offset + request.limit if request.limit else total
    return queries.window(found, order.field, request.offset, stop, descending=order.descending)


def _generation(version: Row) -> int:
    """What page tokens are bound to: which frames a published version has never changes."""
    return 0 if version["published"] else int(version["generation"])
