"""Experiments as users hold them: recorded runs that name their data views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from hyperdatasets.client import json_text
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.v1 import experiment_service_pb2 as pb


class Experiment:
    """A recorded run; as a context manager it is completed at the end, or failed by an error."""

    def __init__(self, message: pb.Experiment, client: MetadataClient | None = None) -> None:
        self._message, self._client = message, current(client)

    @classmethod
    def start(
        cls,
        *,
        project: str,
        name: str,
        parameters: Mapping[str, Any] | None = None,
        notes: str = "",
        tags: Iterable[str] = (),
        client: MetadataClient | None = None,
    ) -> Experiment:
        request = pb.CreateExperimentRequest(
            project=project, name=name, parameters_json=json_text.write(parameters), notes=notes, tags=tags
        )
        experiment = cls(current(client).send(request).experiment, client)
        return experiment.set_state("running")

    @classmethod
    def get(cls, name: str = "", *, experiment_id: str = "", client: MetadataClient | None = None) -> Experiment:
        """The experiment of this id, or the newest of this name."""
        request = pb.GetExperimentRequest(experiment=experiment_id or name)
        return cls(current(client).send(request).experiment, client)

    @classmethod
    def list(cls, *, project: str = "", client: MetadataClient | None = None) -> list[Experiment]:
        request, found = pb.ListExperimentsRequest(project=project), []
        while True:
            answer = current(client).send(request)
            found += [cls(each, client) for each in answer.experiments]
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    @property
    def id(self) -> str:
        return self._message.id

    @property
    def name(self) -> str:
        return self._message.name

    @property
    def project(self) -> str:
        return self._message.project

    @property
    def state(self) -> str:
        return pb.ExperimentState.Name(self._message.state).removeprefix("EXPERIMENT_STATE_").lower()

    @property
    def parameters(self) -> dict[str, Any]:
        return json_text.read(self._message.parameters_json) or {}

    @property
    def views(self) -> dict[str, str]:
        """Name -> `view@sha256:…` of the data views that it names."""
        return {each.name: each.reference for each in self._message.views}

    @property
    def last_metrics(self) -> dict[str, float]:
        return dict(self._message.last_metrics)

    def connect(self, view: DataView, *, name: str) -> DataView:
        """Names the data view; publishes it first. A clone's replacement wins over what the code gives."""
        if name in {each.name for each in self._message.views if each.replacement}:
            return DataView.get(name=self.views[name], client=self._client)
        if not view.published:
            view.publish()
        self._client.send(pb.ConnectViewRequest(experiment=self.id, name=name, view=view.id))
        self.refresh()
        return view

    def view(self, name: str) -> DataView:
        return DataView.get(name=self.views[name], client=self._client)

    def get_dataviews(self) -> dict[str, DataView]:
        """The data views that it names."""
        return {name: self.view(name) for name in self.views}

    def log_metrics(self, values: Mapping[str, float], *, step: int = 0) -> None:
        points = [pb.MetricPoint(name=name, step=step, value=value) for name, value in values.items()]
        self._client.send(pb.LogMetricsRequest(experiment=self.id, points=points))

    def metrics(self) -> dict[str, dict[int, float]]:
        """Name -> step -> value."""
        found: dict[str, dict[int, float]] = {}
        for point in self._client.send(pb.GetMetricsRequest(experiment=self.id)).points:
            found.setdefault(point.name, {})[point.step] = point.value
        return found

    def clone(
        self,
        *,
        name: str = "",
        views: Mapping[str, DataView | str] | None = {},  # None means: without any
        parameters: Mapping[str, Any] | None = None,
    ) -> Experiment:
        """A copy that has not run, with other views under the same names; `views=None` clears them."""
        named = {key: view if isinstance(view, str) else view.reference for key, view in (views or {}).items()}
        request = pb.CloneExperimentRequest(
            experiment=self.id,
            name=name,
            views=named,
            clear_views=views is None,
            parameters_json=json_text.write(parameters),
        )
        return Experiment(self._client.send(request).experiment, self._client)

    def compare(self, other: Experiment) -> dict[str, tuple[Any, Any]]:
        """Path -> (here, there) of what differs in parameters, environment, views and last metrics."""
        answer = self._client.send(pb.CompareExperimentsRequest(before=self.id, after=other.id))
        return {
            each.path: (json_text.read(each.before_json), json_text.read(each.after_json)) for each in answer.changes
        }

    def set_state(self, state: str) -> Experiment:
        number = pb.ExperimentState.Value(f"EXPERIMENT_STATE_{state.upper()}")
        self._message = self._client.send(pb.UpdateExperimentRequest(experiment=self.id, state=number)).experiment
        return self

    def archive(self, *, undo: bool = False) -> Experiment:
        """Leaves it out of lists, or puts it back."""
        self._message = self._client.send(pb.UpdateExperimentRequest(experiment=self.id, archived=not undo)).experiment
        return self

    def refresh(self) -> Experiment:
        self._message = self._client.send(pb.GetExperimentRequest(experiment=self.id)).experiment
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.set_state("completed" if error is None else "failed")

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {self.state})"


class Task(Experiment):
    """The experiment under ClearML's name."""

    def connect(self, view: DataView, *, name: str = "") -> DataView:
        """Names the data view, by its own name unless another is given."""
        return super().connect(view, name=name or view.name)

    @classmethod
    def init(cls, *, project_name: str, task_name: str, client: MetadataClient | None = None) -> Experiment:
        return cls.start(project=project_name, name=task_name, client=client)
