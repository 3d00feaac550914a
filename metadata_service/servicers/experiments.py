"""ExperimentService."""

from __future__ import annotations

from typing import Any

import grpc
import orjson

from hyperdatasets.core.versions import changes
from hyperdatasets.v1 import experiment_service_pb2 as pb
from hyperdatasets.v1 import experiment_service_pb2_grpc as rpc
from metadata_service import pages
from metadata_service.catalog import experiment_life, experiments
from metadata_service.catalog.datasets import Filter
from metadata_service.catalog.deployment import Deployment
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer, given
from metadata_service.servicers.datasets import ARCHIVED
from metadata_service.store.protocol import Reading, Row, Writing


class ExperimentServicer(Servicer, rpc.ExperimentServiceServicer):
    def CreateExperiment(
        self, request: pb.CreateExperimentRequest, context: grpc.ServicerContext
    ) -> pb.CreateExperimentResponse:
        def work(writing: Writing) -> pb.CreateExperimentResponse:
            row = experiments.create(
                writing, self.caller, self.now_ms, project=request.project, name=request.name,
                parameters_json=request.parameters_json, environment_json=request.environment_json,
                body={"notes": request.notes, "tags": sorted(set(request.tags))},
            )  # fmt: skip
            return pb.CreateExperimentResponse(experiment=encode.experiment(self.deployment, writing, row))

        return self.once(request, pb.CreateExperimentResponse, work)

    def GetExperiment(
        self, request: pb.GetExperimentRequest, context: grpc.ServicerContext
    ) -> pb.GetExperimentResponse:
        with self.reading() as reading:
            row = experiments.find(reading, self.caller, request.experiment)
            return pb.GetExperimentResponse(experiment=encode.experiment(self.deployment, reading, row))

    def ListExperiments(
        self, request: pb.ListExperimentsRequest, context: grpc.ServicerContext
    ) -> pb.ListExperimentsResponse:
        wanted = Filter(
            project=request.project, name_contains=request.name_contains, tags_all=request.tags_all,
            text=request.text, archived=ARCHIVED[request.archive],
        )  # fmt: skip
        start, size = pages.start(self.deployment.page_key, request), pages.size(request.page_size)
        with self.reading() as reading:
            rows = [row for row in reading.rows("experiments", order="created_ms DESC, id")
                    if self.caller.may("viewer", row["project"]) and wanted.holds(row)]  # fmt: skip
            if request.state:
                rows = [row for row in rows if experiment_life.state(self.deployment, row) == _state(request.state)]
            found = [encode.experiment(self.deployment, reading, row) for row in rows[start : start + size]]
        more = start + size < len(rows)
        token = pages.token(self.deployment.page_key, request, start=start + size) if more else ""
        return pb.ListExperimentsResponse(experiments=found, next_page_token=token)

    def UpdateExperiment(
        self, request: pb.UpdateExperimentRequest, context: grpc.ServicerContext
    ) -> pb.UpdateExperimentResponse:
        changed = given(request, "name", "notes", "parameters_json", "environment_json", "archived")
        if request.state:
            changed["state"] = _state(request.state)

        def work(writing: Writing) -> pb.UpdateExperimentResponse:
            row = experiments.find(writing, self.caller, request.experiment, role="runner")
            row = experiments.update(
                writing, self.caller, self.now_ms, row, etag=request.etag, changes=changed,
                add_tags=request.add_tags, remove_tags=request.remove_tags,
            )  # fmt: skip
            return pb.UpdateExperimentResponse(experiment=encode.experiment(self.deployment, writing, row))

        return self.once(request, pb.UpdateExperimentResponse, work)

    def BeatExperiment(
        self, request: pb.BeatExperimentRequest, context: grpc.ServicerContext
    ) -> pb.BeatExperimentResponse:
        with self.deployment.store.writing() as writing:
            row = experiments.find(writing, self.caller, request.experiment, role="runner")
            state, next_beat_ms = experiment_life.beat(self.deployment, writing, row)
        return pb.BeatExperimentResponse(state=encode.experiment_state(state), next_beat_ms=next_beat_ms)

    def ConnectView(self, request: pb.ConnectViewRequest, context: grpc.ServicerContext) -> pb.ConnectViewResponse:
        def work(writing: Writing) -> pb.ConnectViewResponse:
            row = experiments.find(writing, self.caller, request.experiment, role="runner")
            named = experiments.connect(
                self.deployment, writing, self.caller, row, name=request.name, view=request.view
            )
            return pb.ConnectViewResponse(view=encode.named_view(writing, named))

        return self.once(request, pb.ConnectViewResponse, work)

    def CloneExperiment(
        self, request: pb.CloneExperimentRequest, context: grpc.ServicerContext
    ) -> pb.CloneExperimentResponse:
        def work(writing: Writing) -> pb.CloneExperimentResponse:
            row = experiments.find(writing, self.caller, request.experiment)
            copy = experiments.clone(
                self.deployment, writing, self.caller, self.now_ms, row, name=request.name,
                replacements=dict(request.views), clear=request.clear_views, parameters_json=request.parameters_json,
            )  # fmt: skip
            return pb.CloneExperimentResponse(experiment=encode.experiment(self.deployment, writing, copy))

        return self.once(request, pb.CloneExperimentResponse, work)

    def LogMetrics(self, request: pb.LogMetricsRequest, context: grpc.ServicerContext) -> pb.LogMetricsResponse:
        def work(writing: Writing) -> pb.LogMetricsResponse:
            row = experiments.find(writing, self.caller, request.experiment, role="runner")
            points = [(point.name, point.step, point.value, point.time_ms) for point in request.points]
            experiments.log_metrics(writing, self.now_ms, row, points)
            return pb.LogMetricsResponse()

        return self.once(request, pb.LogMetricsResponse, work)

    def GetMetrics(self, request: pb.GetMetricsRequest, context: grpc.ServicerContext) -> pb.GetMetricsResponse:
        with self.reading() as reading:
            row = experiments.find(reading, self.caller, request.experiment)
            points = experiments.metrics(reading, row, list(request.names), request.max_points)
        kept = ("name", "step", "value", "time_ms")
        return pb.GetMetricsResponse(points=[pb.MetricPoint(**{key: each[key] for key in kept}) for each in points])

    def CompareExperiments(
        self, request: pb.CompareExperimentsRequest, context: grpc.ServicerContext
    ) -> pb.CompareExperimentsResponse:
        with self.reading() as reading:
            before, after = (
                _comparable(self.deployment, reading, experiments.find(reading, self.caller, name))
                for name in (request.before, request.after)
            )
        found: list[Any] = changes(before, after)  # type: ignore[arg-type]  # compares any two objects
        return pb.CompareExperimentsResponse(
            changes=[
                pb.ExperimentChange(
                    path=each.path,
                    before_json="" if each.absent == "before" else orjson.dumps(each.before).decode(),
                    after_json="" if each.absent == "after" else orjson.dumps(each.after).decode(),
                )
                for each in found
            ]
        )

    def DeleteExperiment(
        self, request: pb.DeleteExperimentRequest, context: grpc.ServicerContext
    ) -> pb.DeleteExperimentResponse:
        def work(writing: Writing) -> pb.DeleteExperimentResponse:
            experiments.delete(writing, experiments.find(writing, self.caller, request.experiment, role="editor"))
            return pb.DeleteExperimentResponse()

        return self.once(request, pb.DeleteExperimentResponse, work)


def _comparable(deployment: Deployment, reading: Reading, row: Row) -> dict[str, Any]:
    message = encode.experiment(deployment, reading, row)
    return {
        "parameters": orjson.loads(row["parameters_json"]), "environment": orjson.loads(row["environment_json"]),
        "views": {each.name: each.reference for each in message.views},
        "unpinned": {each.name: each.unpinned for each in message.views if each.unpinned},
        "metrics": dict(message.last_metrics),
    }  # fmt: skip


def _state(state: pb.ExperimentState.ValueType) -> str:
    return pb.ExperimentState.Name(state).removeprefix("EXPERIMENT_STATE_").lower()
