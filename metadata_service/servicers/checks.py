"""CheckService."""

from __future__ import annotations

import grpc

from hyperdatasets.core.errors import NotFound
from hyperdatasets.v1 import check_service_pb2 as pb
from hyperdatasets.v1 import check_service_pb2_grpc as rpc
from metadata_service.catalog import checks, datasets, versions
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer
from metadata_service.store.protocol import Writing


class CheckServicer(Servicer, rpc.CheckServiceServicer):
    def RunChecks(self, request: pb.RunChecksRequest, context: grpc.ServicerContext) -> pb.RunChecksResponse:
        with self.reading() as reading:
            dataset = datasets.find(reading, self.caller, request.dataset, role="runner")
            version = versions.find(reading, dataset, request.version)
            gate = checks.gate_of(reading, dataset["id"])
            text = request.checks or ("" if gate is None else gate["checks"])
            if not text:
                raise NotFound(f"`{dataset['name']}` has no gate; give the checks to run", kind="gate")
            report = checks.run(self.deployment, reading, self.caller, version, text)

        def work(writing: Writing) -> pb.RunChecksResponse:
            versions.find(writing, dataset, version["id"])
            checks.keep(writing, report)
            return pb.RunChecksResponse(report=encode.check_report(report))

        return self.once(request, pb.RunChecksResponse, work)

    def ListReports(self, request: pb.ListReportsRequest, context: grpc.ServicerContext) -> pb.ListReportsResponse:
        with self.reading() as reading:
            dataset = datasets.find(reading, self.caller, request.dataset)
            version = versions.find(reading, dataset, request.version)
            listed = [encode.check_report(row) for row in checks.reports(reading, version["id"])]
        return pb.ListReportsResponse(reports=listed)

    def SetGate(self, request: pb.SetGateRequest, context: grpc.ServicerContext) -> pb.SetGateResponse:
        def work(writing: Writing) -> pb.SetGateResponse:
            dataset = datasets.find(writing, self.caller, request.dataset, role="editor")
            checks.set_gate(writing, self.caller, self.now_ms, dataset["id"], request.checks)
            return pb.SetGateResponse()

        return self.once(request, pb.SetGateResponse, work)

    def GetGate(self, request: pb.GetGateRequest, context: grpc.ServicerContext) -> pb.GetGateResponse:
        with self.reading() as reading:
            dataset = datasets.find(reading, self.caller, request.dataset)
            row = checks.gate_of(reading, dataset["id"])
        if row is None:
            return pb.GetGateResponse()
        return pb.GetGateResponse(checks=row["checks"], set_by=row["set_by"], set_at=encode.time(row["set_ms"]))
