"""SiteService: what people do with sites, and what a site's node calls."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import orjson
from pyroaring import BitMap

from hyperdatasets.core.errors import NotFound
from hyperdatasets.engine import views as engine_views
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import site_service_pb2 as pb
from hyperdatasets.v1 import site_service_pb2_grpc as rpc
from hyperdatasets.wire.authority import Authority
from metadata_service.catalog import datasets, experiments, sites
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.records import head
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer
from metadata_service.servicers.stored_frames import batched
from metadata_service.store.protocol import Reading, Row, Writing

_READ = 1_000  # revisions read at once


class SiteServicer(Servicer, rpc.SiteServiceServicer):
    def __init__(self, deployment: Deployment, authority: Authority | None) -> None:
        super().__init__(deployment)
        self._authority = authority

    def CreateSite(self, request: pb.CreateSiteRequest, context: grpc.ServicerContext) -> pb.CreateSiteResponse:
        hidden = self.deployment.secret_key.hidden("hd_site", "token", self.caller, request)

        def work(writing: Writing) -> pb.CreateSiteResponse:
            row = sites.create(
                writing, self.caller, self.now_ms, name=request.name, description=request.description,
                projects=request.projects, token=hidden.value,
            )  # fmt: skip
            return pb.CreateSiteResponse(
                site=encode.site(row), token=hidden.value, token_expires_at=encode.time(row["token_expires_ms"])
            )

        return self.once(request, pb.CreateSiteResponse, work, hidden=hidden)

    def GetSite(self, request: pb.GetSiteRequest, context: grpc.ServicerContext) -> pb.GetSiteResponse:
        with self.reading() as reading:
            return pb.GetSiteResponse(site=encode.site(sites.find(reading, request.site)))

    def ListSites(self, request: pb.ListSitesRequest, context: grpc.ServicerContext) -> pb.ListSitesResponse:
        with self.reading() as reading:
            return pb.ListSitesResponse(sites=[encode.site(row) for row in reading.rows("sites", order="name")])

    def ApproveSite(self, request: pb.ApproveSiteRequest, context: grpc.ServicerContext) -> pb.ApproveSiteResponse:
        def work(writing: Writing) -> pb.ApproveSiteResponse:
            row = sites.find(writing, request.site)
            row = sites.approve(writing, self.caller, self.now_ms, row, seen=request.fingerprint)
            return pb.ApproveSiteResponse(site=encode.site(row))

        return self.once(request, pb.ApproveSiteResponse, work)

    def RevokeSite(self, request: pb.RevokeSiteRequest, context: grpc.ServicerContext) -> pb.RevokeSiteResponse:
        def work(writing: Writing) -> pb.RevokeSiteResponse:
            row = sites.revoke(writing, self.caller, self.now_ms, sites.find(writing, request.site))
            return pb.RevokeSiteResponse(site=encode.site(row))

        return self.once(request, pb.RevokeSiteResponse, work)

    def EnrolNode(self, request: pb.EnrolNodeRequest, context: grpc.ServicerContext) -> pb.EnrolNodeResponse:
        with self.deployment.store.writing() as writing:
            row, credential, csr = sites.enrol(
                writing, self.now_ms, name=request.site, token=request.token, csr_pem=request.csr_pem
            )
        certificate = self._authority.sign_node(csr, row["name"]) if self._authority else ""
        return pb.EnrolNodeResponse(
            certificate_pem=certificate, ca_pem=self._authority.certificate_pem if self._authority else "",
            credential=credential, record_keys=[self.deployment.signer.public], fingerprint=row["fingerprint"],
        )  # fmt: skip

    def Heartbeat(self, request: pb.HeartbeatRequest, context: grpc.ServicerContext) -> pb.HeartbeatResponse:
        with self.deployment.store.writing() as writing:
            row = sites.heartbeat(
                writing, self.caller, self.now_ms, node_version=request.node_version, frame_count=request.frame_count
            )
            payload, signature = head(writing, self.deployment.signer, self.now_ms)
        signed = common.SignedRecord(
            kind="head", payload=payload, signature=signature, key_id=self.deployment.signer.key_id
        )
        return pb.HeartbeatResponse(state=encode.site(row).state, head=signed)

    def ReadSlice(self, request: pb.ReadSliceRequest, context: grpc.ServicerContext) -> Iterator[pb.ReadSliceResponse]:
        with self.reading() as reading:
            site = sites.own(reading, self.caller)
            version = reading.one("versions", id=request.version_id)
            if version is None:
                raise NotFound("there is no such version", kind="version", name=request.version_id)
            dataset = datasets.find(reading, self.caller, version["dataset"])
            content = self.deployment.contents.of(reading, version)
            index = self.deployment.indexes.reaching(dataset["id"], content)
            mine = engine_views.by_site(index, content).get(site["name"], BitMap())
            yield pb.ReadSliceResponse(dataset_id=dataset["id"], revisions=_ranges(mine))
            known = BitMap(number for each in request.known for number in range(each.first, each.last + 1))
            for batch in batched(_slice(reading, dataset, mine - known), lambda entry: entry.ByteSize()):
                yield pb.ReadSliceResponse(entries=batch)

    def ReportSession(
        self, request: pb.ReportSessionRequest, context: grpc.ServicerContext
    ) -> pb.ReportSessionResponse:
        with self.deployment.store.writing() as writing:
            sites.store_report(
                writing, self.caller, self.now_ms, session_id=request.report.session_id,
                payload=request.report.payload, signature=request.report.signature,
            )  # fmt: skip
            experiments.note_session(writing, self.caller.site, request.report.payload)
        return pb.ReportSessionResponse()

    def ListSessionReports(
        self, request: pb.ListSessionReportsRequest, context: grpc.ServicerContext
    ) -> pb.ListSessionReportsResponse:
        self.caller.require("viewer", "")
        equal = {"site": request.site} if request.site else {}
        with self.reading() as reading:
            rows = reading.rows("reports", order="received_ms", **equal)
        return pb.ListSessionReportsResponse(reports=[_report(row) for row in rows if _wanted(row, request)])


def _wanted(row: Row, request: pb.ListSessionReportsRequest) -> bool:
    payload = orjson.loads(row["payload"])
    return (not request.view_digest or payload.get("view_digest") == request.view_digest) and (
        not request.experiment or payload.get("experiment") == request.experiment
    )


def _report(row: Row) -> pb.StoredSessionReport:
    report = pb.SessionReport(session_id=row["session_id"], payload=row["payload"], signature=row["signature"])
    return pb.StoredSessionReport(site=row["site"], report=report, received_at=encode.time(row["received_ms"]))


def _ranges(revisions: BitMap) -> list[common.RevisionRange]:
    ranges: list[common.RevisionRange] = []
    for number in revisions:
        if ranges and ranges[-1].last == number - 1:
            ranges[-1].last = number
        else:
            ranges.append(common.RevisionRange(first=number, last=number))
    return ranges


def _slice(reading: Reading, dataset: Row, revisions: BitMap) -> Iterator[pb.SliceEntry]:
    listed = list(revisions)
    for start in range(0, len(listed), _READ):
        for row in reading.revisions(dataset["id"], listed[start : start + _READ]):
            yield pb.SliceEntry(revision=row["revision"], canonical=row["payload"], digest=row["digest"])
