"""The experiment under ClearML's name, with its ways of connecting data views and parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from hyperdatasets.client import json_text
from hyperdatasets.client.arguments import Texts
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument
from hyperdatasets.v1 import experiment_service_pb2 as pb

Connected = TypeVar("Connected", DataView, dict[str, Any])


class Task(Experiment):
    """A run that begins with `Task.init` and is completed by `close`, or when the process ends."""

    _at_end = "completed"  # a script need not call `close`

    def __init__(self, message: pb.Experiment, client: MetadataClient | None = None) -> None:
        super().__init__(message, client)
        self._waiting: dict[str, DataView] = {}

    @classmethod
    def init(
        cls,
        project_name: str = "",
        task_name: str = "",
        *,
        tags: Texts = (),
        client: MetadataClient | None = None,
    ) -> Self:
        """A new run, or the clone that HYPERDATASETS_EXPERIMENT names."""
        return cls.start(task_name, project=project_name, tags=tags, client=client)

    def connect(self, mutable: Connected, name: str = "") -> Connected:
        """Names a data view, by its own name unless another is given, or keeps a dictionary of parameters.

        A data view may be connected before its queries are added: it is published when it is first used, or at the
        end. In a clone its replacement wins, and what the code adds to the view is left out.

        A dictionary becomes the parameters of the run, with `name` those below it. In a clone the clone's values win:
        the dictionary is changed in place.
        """
        if isinstance(mutable, DataView):
            self._connect_view(mutable, name or mutable.name or f"view {len(self._waiting) + 1}")
        elif isinstance(mutable, dict):
            self._connect_parameters(mutable, name)
        else:
            raise InvalidArgument(f"a data view or a dictionary can be connected, not {type(mutable).__name__}")
        return mutable

    def get_dataviews(self) -> dict[str, DataView]:
        """The data views that it names; those that wait for their first use are published."""
        for name, view in self._waiting.items():
            if view.get_queries():
                view.settle()
            else:
                warnings.warn(f"data view `{name}` has no query, so it is left out", stacklevel=2)
        return super().get_dataviews()

    def close(self) -> None:
        """Names the data views that were not used, and completes the run."""
        self._end("completed")

    def _connect_view(self, view: DataView, name: str) -> None:
        if self._replaced(view, name):
            return
        if view.published:
            super().connect(view, name=name)
            return
        self._waiting[name] = view
        view.before_use(lambda: self._name(view, name))

    def _connect_parameters(self, mutable: dict[str, Any], name: str) -> None:
        if self._message.cloned_from:
            kept = self.parameters.get(name, {}) if name else self.parameters
            _merge(mutable, kept)
        text = json_text.write({name: mutable} if name else mutable) or "{}"
        request = pb.UpdateExperimentRequest(experiment=self.id, parameters_json=text)
        self._message = self._client.send(request).experiment

    def _end(self, state: str) -> None:
        try:
            if state == "completed":
                self.get_dataviews()
        except HyperdatasetsError:
            self.set_state("failed")
            raise
        self.set_state(state)

    def _end_at_exit(self, state: str) -> None:
        self._end(state)


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Puts values into a dictionary in place, at every depth."""
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
