"""DatasetService."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import grpc

from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import dataset_service_pb2 as pb
from hyperdatasets.v1 import dataset_service_pb2_grpc as rpc
from metadata_service import pages
from metadata_service.catalog import datasets, uploads, vectors, versions
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer, given
from metadata_service.store.protocol import Writing

ARCHIVED: dict[int, bool | None] = {
    common.ARCHIVE_FILTER_UNSPECIFIED: False,
    common.ARCHIVE_FILTER_ACTIVE: False,
    common.ARCHIVE_FILTER_ARCHIVED: True,
    common.ARCHIVE_FILTER_ALL: None,
}


class DatasetServicer(Servicer, rpc.DatasetServiceServicer):
    def CreateDataset(
        self, request: pb.CreateDatasetRequest, context: grpc.ServicerContext
    ) -> pb.CreateDatasetResponse:
        def work(writing: Writing) -> pb.CreateDatasetResponse:
            body = {
                "description": request.description, "tags": sorted(set(request.tags)),
                "metadata": datasets.metadata(request.metadata_json),
            }  # fmt: skip
            row = datasets.create(
                writing, self.caller, self.now_ms, project=request.project, name=request.name, body=body
            )
            draft, _ = versions.create(
                writing, self.deployment.contents, self.caller, self.now_ms, row, name=versions.CURRENT
            )
            return pb.CreateDatasetResponse(dataset=encode.dataset(writing, row), version_id=draft["id"])

        return self.once(request, pb.CreateDatasetResponse, work)

    def GetDataset(self, request: pb.GetDatasetRequest, context: grpc.ServicerContext) -> pb.GetDatasetResponse:
        with self.reading() as reading:
            row = datasets.find(reading, self.caller, request.dataset)
            return pb.GetDatasetResponse(dataset=encode.dataset(reading, row))

    def ListDatasets(self, request: pb.ListDatasetsRequest, context: grpc.ServicerContext) -> pb.ListDatasetsResponse:
        wanted = datasets.Filter(
            project=request.project, name_contains=request.name_contains, tags_all=request.tags_all,
            tags_any=request.tags_any, tags_none=request.tags_none, text=request.text,
            archived=ARCHIVED[request.archive],
        )  # fmt: skip
        start, size = pages.start(self.deployment.page_key, request), pages.size(request.page_size)
        with self.reading() as reading:
            rows = datasets.listed(reading, self.caller, wanted)
            found = [encode.dataset(reading, row) for row in rows[start : start + size]]
        more = start + size < len(rows)
        token = pages.token(self.deployment.page_key, request, start=start + size) if more else ""
        return pb.ListDatasetsResponse(datasets=found, next_page_token=token, total=len(rows))

    def UpdateDataset(
        self, request: pb.UpdateDatasetRequest, context: grpc.ServicerContext
    ) -> pb.UpdateDatasetResponse:
        changes = given(request, "name", "project", "description", "archived")
        if request.HasField("metadata_json"):
            changes["metadata"] = datasets.metadata(request.metadata_json)

        def work(writing: Writing) -> pb.UpdateDatasetResponse:
            row = datasets.find(writing, self.caller, request.dataset, role="editor")
            row = datasets.update(
                writing, self.caller, self.now_ms, row, etag=request.etag, changes=changes,
                add_tags=request.add_tags, remove_tags=request.remove_tags,
            )  # fmt: skip
            return pb.UpdateDatasetResponse(dataset=encode.dataset(writing, row))

        return self.once(request, pb.UpdateDatasetResponse, work)

    def DeleteDataset(
        self, request: pb.DeleteDatasetRequest, context: grpc.ServicerContext
    ) -> pb.DeleteDatasetResponse:
        gone: list[str] = []
        fields: list[int] = []

        def work(writing: Writing) -> pb.DeleteDatasetResponse:
            row = datasets.find(writing, self.caller, request.dataset, role="editor")
            fields.extend(field["id"] for field in vectors.fields(writing, row))
            datasets.delete(writing, row, force=request.force, etag=request.etag)
            gone.append(row["id"])
            return pb.DeleteDatasetResponse()

        answer = self.once(request, pb.DeleteDatasetResponse, work)
        for dataset in gone:  # only now it is committed: before, a query would make its index again
            self.deployment.indexes.forget(dataset)
            self.deployment.content_keys.forget(dataset)
        for field in fields:
            self.deployment.vectors.forget(field)
        return answer

    def ListProjects(self, request: pb.ListProjectsRequest, context: grpc.ServicerContext) -> pb.ListProjectsResponse:
        counts: dict[str, dict[str, int]] = {}
        with self.reading() as reading:
            for table, name in (
                ("datasets", "dataset_count"),
                ("views", "view_count"),
                ("experiments", "experiment_count"),
            ):
                for row in reading.rows(table):
                    path = row["project"]
                    if self.caller.may("viewer", path) and f"{path}/".startswith(
                        f"{request.under}/" if request.under else ""
                    ):
                        counts.setdefault(path, {})[name] = counts.get(path, {}).get(name, 0) + 1
        return pb.ListProjectsResponse(
            projects=[pb.Project(path=path, **each) for path, each in sorted(counts.items())]
        )

    def RecordUploads(
        self, request: pb.RecordUploadsRequest, context: grpc.ServicerContext
    ) -> pb.RecordUploadsResponse:
        given_uploads = [
            uploads.Upload(each.uri, each.size_bytes, each.digest, done=each.done, found=each.found)
            for each in request.uploads
        ]

        def work(writing: Writing) -> pb.RecordUploadsResponse:
            row = datasets.find(writing, self.caller, request.dataset, role="editor")
            uploads.record(writing, self.caller, self.now_ms, row, given_uploads)
            return pb.RecordUploadsResponse()

        return self.once(request, pb.RecordUploadsResponse, work)

    def ListUploads(
        self, request: pb.ListUploadsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ListUploadsResponse]:
        with self.reading() as reading:
            found = uploads.listed(reading, datasets.find(reading, self.caller, request.dataset))
        for start in range(0, len(found), uploads.MOST):
            part = found[start : start + uploads.MOST]
            yield pb.ListUploadsResponse(uploads=[pb.Upload(**asdict(each)) for each in part])
