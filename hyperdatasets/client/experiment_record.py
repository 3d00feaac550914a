"""Experiments as the service records them: found, listed, compared; what they ran with, and how they ended."""

from __future__ import annotations

from typing import Any, Self

from hyperdatasets.client import json_text, project_paths
from hyperdatasets.client.arguments import archive_filter
from hyperdatasets.client.metadata import MetadataClient, current, pages
from hyperdatasets.core.tables import Table
from hyperdatasets.v1 import experiment_service_pb2 as pb


class ExperimentRecord:
    """The record of a run at the service; `Experiment` adds the run itself."""

    def __init__(self, message: pb.Experiment, client: MetadataClient | None = None) -> None:
        self._message, self._client = message, current(client)

    @classmethod
    def get(
        cls, name: str = "", *, project: str = "", experiment_id: str = "", client: MetadataClient | None = None
    ) -> Self:
        """The experiment of this id, or the newest of this name (bare or `project/name`)."""
        request = pb.GetExperimentRequest(experiment=experiment_id or project_paths.address(name, project, prefix=""))
        return cls(current(client).send(request).experiment, client)

    def delete(self) -> None:
        """Deletes the record of the run with its metrics; its data views stay."""
        self._client.send(pb.DeleteExperimentRequest(experiment=self.id))

    @classmethod
    def list(
        cls, *, project: str = "", name: str = "", text: str = "", include_archived: bool = False,
        client: MetadataClient | None = None,
    ) -> list[Self]:  # fmt: skip
        """Experiments in the project or below it, with the name's part, and all words of a text; the newest first."""
        archive = archive_filter(include_archived=include_archived)
        request = pb.ListExperimentsRequest(project=project, name_contains=name, text=text, archive=archive)
        return [cls(each, client) for page in pages(current(client), request) for each in page.experiments]

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
    def environment(self) -> dict[str, Any]:
        """What it ran with: the version of this package, the number of the rules by which pictures are decoded."""
        return json_text.read(self._message.environment_json) or {}

    @property
    def views(self) -> dict[str, str]:
        """Name -> `view@sha256:…` of the data views that it names; the bare name of one that is unpinned."""
        return {each.name: each.reference for each in self._message.views}

    @property
    def run_config(self) -> dict[str, str]:
        """Its id (`experiment`) and data views (`view-<name>`), as `hyperdatasets.flower.site_view` looks for them.

        It goes into the configuration of a run, or into each message: `train_config=ConfigRecord(run.run_config)`.
        """
        return {"experiment": self.id, **{f"view-{name}": reference for name, reference in self.views.items()}}

    @property
    def unpinned(self) -> dict[str, str]:
        """Name -> why, of the data views whose data can change: they are drafts over draft versions."""
        return {each.name: each.unpinned for each in self._message.views if each.unpinned}

    @property
    def frame_counts(self) -> dict[str, int]:
        """Name -> how many frames the data view selects; an unpinned one: selected when it was connected."""
        return {each.name: each.frames for each in self._message.views}

    @property
    def sites(self) -> dict[str, bool]:
        """Site -> whether it took part, of the sites that have frames of its data views.

        A site took part if its node has reported a session of this experiment in which it served frames; nodes report
        when a session is closed, or ends.
        """
        return {each.site: each.took_part for each in self._message.sites}

    @property
    def outcome(self) -> str:
        """The state; of a run at nodes that has ended also if sites are missing, as `completed with 2 of 3 sites`."""
        took_part = sum(self.sites.values())
        if self.state in {"created", "running"} or took_part in {0, len(self.sites)}:
            return self.state
        return f"{self.state} with {took_part} of {len(self.sites)} sites"

    @property
    def last_metrics(self) -> dict[str, float]:
        return dict(self._message.last_metrics)

    def metrics(self) -> dict[str, dict[int, float]]:
        """Name -> step -> value."""
        found: dict[str, dict[int, float]] = {}
        for point in self._client.send(pb.GetMetricsRequest(experiment=self.id)).points:
            found.setdefault(point.name, {})[point.step] = point.value
        return found

    def compare(self, other: ExperimentRecord | str) -> dict[str, tuple[Any, Any]]:
        """Path -> (here, there) of what differs in parameters, environment, views and last metrics.

        The other one may be named.
        """
        after = other if isinstance(other, str) else other.id
        answer = self._client.send(pb.CompareExperimentsRequest(before=self.id, after=after))
        return {
            each.path: (json_text.read(each.before_json), json_text.read(each.after_json)) for each in answer.changes
        }

    def archive(self, *, undo: bool = False) -> Self:
        """Leaves it out of lists, or puts it back."""
        self._message = self._client.send(pb.UpdateExperimentRequest(experiment=self.id, archived=not undo)).experiment
        return self

    def refresh(self) -> Self:
        self._message = self._client.send(pb.GetExperimentRequest(experiment=self.id)).experiment
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.outcome})"

    def _repr_html_(self) -> str:
        sites = self.sites if any(self.sites.values()) else {}  # a run that read metadata only says nothing of them
        facts = {
            "project": self.project, "data views": self.views, "unpinned": self.unpinned, "frames": self.frame_counts,
            "sites that took part": sites, "parameters": self.parameters, "last metrics": self.last_metrics,
            "environment": self.environment, "id": self.id,
        }  # fmt: skip
        return Table.of_facts(f"{type(self).__name__} {self.name} ({self.outcome})", facts).html()
