"""Experiments as users hold them: recorded runs that name their data views."""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from hyperdatasets.client import json_text, project_paths
from hyperdatasets.client.arguments import Texts, no_name, texts
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment_record import ExperimentRecord
from hyperdatasets.client.heartbeat import Heartbeat
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    HyperdatasetsError,
    InvalidArgument,
    VersionNotPublished,
)
from hyperdatasets.core.names import not_found
from hyperdatasets.formats.media.pixels import RULES as DECODER_RULES
from hyperdatasets.v1 import experiment_service_pb2 as pb
from hyperdatasets.version import __version__

_STATES = tuple(name.removeprefix("EXPERIMENT_STATE_").lower() for name in pb.ExperimentState.keys()[1:])


class UnpinnedWarning(UserWarning):
    """An experiment whose data can change: a data view of it is over a draft version."""


class Experiment(ExperimentRecord):
    """A recorded run; as a context manager it is completed at the end, failed by an error, or stopped by Ctrl-C.

    A run whose process ends before it was closed is *stopped*; the service notices one that was killed by its silence.
    """

    _at_end = "stopped"  # the state of one that still runs when its process ends

    def __init__(self, message: pb.Experiment, client: MetadataClient | None = None) -> None:
        no_name(message, f"`{type(self).__name__}.get(name)`, or run a new one with `Experiment.start(name)`")
        super().__init__(message, client)
        self._heartbeat: Heartbeat | None = None
        self._process = 0

    @classmethod
    def start(
        cls,
        name: str,
        *,
        project: str = "",
        parameters: Mapping[str, Any] | None = None,
        notes: str = "",
        tags: Texts = (),
        client: MetadataClient | None = None,
    ) -> Self:
        """A new experiment (`project/name`) that runs.

        Where the setting `experiment` (HYPERDATASETS_EXPERIMENT) names one, as a rule a clone, that one is run
        instead, and its parameters win: so a clone runs the same code, with other data.

        Raises:
            FailedPrecondition: the experiment that the setting names has ended; clone it.
        """
        if taken := current(client).config.experiment:
            return cls.get(experiment_id=taken, client=client).take_up(parameters)
        above, bare = project_paths.split(name, project, prefix="")
        request = pb.CreateExperimentRequest(
            project=above, name=bare, parameters_json=json_text.write(parameters), notes=notes,
            tags=texts(tags, "tags"),
            environment_json=json_text.write({"hyperdatasets": __version__, "decoder_rules": DECODER_RULES}),
        )  # fmt: skip
        return cls(current(client).send(request).experiment, client).run_here()

    def connect(self, view: DataView, name: str) -> DataView:
        """Publishes the data view and names it in the experiment. In a clone its replacement, if any, takes its place.

        Over a draft version nothing can be published: the experiment runs *unpinned*, says so with a warning and in
        its record, and cannot be reproduced.
        """
        if not isinstance(view, DataView):
            raise InvalidArgument(
                f"a data view can be connected, not {type(view).__name__}; open a stored one with `DataView.get(name)`"
            )
        if self._replaced(view, name):
            return view
        view.before_use(lambda: self._name(view, name))
        view.settle()
        return view

    def view(self, name: str) -> DataView:
        """The data view that it names so; raises NotFound."""
        if name not in self.views:
            raise not_found("data view in this experiment", name, self.views)
        return DataView.get(name=self.views[name], client=self._client)

    def get_dataviews(self) -> dict[str, DataView]:
        """The data views that it names."""
        return {name: self.view(name) for name in self.views}

    def log_metrics(self, values: Mapping[str, float], *, step: int = 0) -> None:
        """Notes numbers by name at a step; NumPy's numbers and tensors of one number are taken as what they are.

        Raises:
            InvalidArgument: something is no number; names it.
        """
        if not isinstance(values, Mapping):
            raise InvalidArgument(f"metrics: expected an object of names and numbers, got {type(values).__name__}")
        points = [pb.MetricPoint(name=name, step=step, value=_number(name, value)) for name, value in values.items()]
        self._client.send(pb.LogMetricsRequest(experiment=self.id, points=points))

    def clone(
        self,
        name: str = "",
        *,
        views: Mapping[str, DataView | str] | None = {},  # None means: without any
        parameters: Mapping[str, Any] | None = None,
    ) -> Experiment:
        """A copy that has not run, with other views under the same names; `views=None` clears them.

        `name` may be `project/name`; without one the copy lies beside the original.
        """
        named = {key: view if isinstance(view, str) else view.reference for key, view in (views or {}).items()}
        request = pb.CloneExperimentRequest(
            experiment=self.id,
            name=name,
            views=named,
            clear_views=views is None,
            parameters_json=json_text.write(parameters),
        )
        return Experiment(self._client.send(request).experiment, self._client)

    def take_up(self, parameters: Mapping[str, Any] | None = None) -> Self:
        """Runs this experiment, as a rule a clone; its own parameters win over those that the code gives.

        Raises:
            FailedPrecondition: it has ended; clone it.
        """
        if self.state not in {"created", "running"}:
            raise FailedPrecondition(
                f"experiment `{self.name}` is {self.state}; clone it (`command experiment clone`) and run the clone"
            )
        merged = json_text.write(dict(parameters or {}) | self.parameters)
        self._client.send(pb.UpdateExperimentRequest(experiment=self.id, parameters_json=merged))
        return self.run_here()

    def set_state(self, state: str, **how: Any) -> Self:
        """Sets the state at the service; `how`: see Connection.call."""
        if state not in _STATES:
            raise InvalidArgument(f"state: expected one of {', '.join(_STATES)}, got {state!r:.60}")
        number = pb.ExperimentState.Value(f"EXPERIMENT_STATE_{state.upper()}")
        request = pb.UpdateExperimentRequest(experiment=self.id, state=number)
        self._message = self._client.send(request, **how).experiment
        if state != "running":
            self._let_go()
        return self

    def close(self) -> None:
        """Completes the run."""
        self._end("completed")

    def run_here(self) -> Self:
        """Marks the experiment as running; this process then sends signs of life until the run or the process ends."""
        self.set_state("running")
        self._heartbeat, self._process = Heartbeat(self.id, self._client.config), os.getpid()
        self._heartbeat.start()
        atexit.register(self._at_exit)
        return self

    def _let_go(self) -> None:
        atexit.unregister(self._at_exit)
        if self._heartbeat is not None:
            self._heartbeat.end()

    def _at_exit(self) -> None:
        """Ends the run when the process ends without `close`; a forked process leaves its parent's run alone."""
        if os.getpid() != self._process:
            return
        error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)  # of a prompt it ended nothing
        try:
            self._end_at_exit(_state_after(error) if error is not None else self._at_end)
        except HyperdatasetsError as problem:
            sys.stderr.write(f"experiment `{self.name}` could not be ended: {problem.message}\n")

    def _end_at_exit(self, state: str) -> None:
        self.set_state(state, timeout_s=5, tries=1)

    def _end(self, state: str) -> None:
        self.set_state(state)

    def _replaced(self, view: DataView, name: str) -> bool:
        """Puts a clone's replacement, if there is one, in the place of the view."""
        replaced = name in {each.name for each in self._message.views if each.replacement}
        if replaced:
            view.stand_for(self.view(name))
        return replaced

    def _name(self, view: DataView, name: str) -> None:
        """Keeps and publishes the view, and names it in the experiment."""
        if not view.published:
            self._keep(view, name)
            with suppress(VersionNotPublished):
                view.publish()
        named = self._client.send(pb.ConnectViewRequest(experiment=self.id, name=name, view=view.id)).view
        if named.unpinned:
            message = (
                f"`{self.name}` is unpinned: {named.unpinned} (data view `{view.name}`); take a snapshot to pin it"
            )
            warnings.warn(message, UnpinnedWarning, stacklevel=4)
        self.refresh()

    def _keep(self, view: DataView, name: str) -> None:
        """Stores the view; one of the same name that is the same already is used, a different one is left alone."""
        if not view.name:
            view.set(name=f"{self.name} {name}")
        try:
            view.store(project=self.project)
        except AlreadyExists:
            if view.take_same():
                return
            view.set(name=f"{view.name} {self.id}")
            view.store(project=self.project)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process in {0, os.getpid()}:  # a forked process that leaves the block does not end the run
            self._end("completed" if error is None else _state_after(error))

    def __getstate__(self) -> dict[str, Any]:
        """A copy, such as one in another process, does not keep the run alive and does not end it at its exit."""
        return {**self.__dict__, "_heartbeat": None, "_process": 0}


def _state_after(error: BaseException) -> str:
    """The state of a run that an error ended; Ctrl-C and `sys.exit()` stop it."""
    stopped = isinstance(error, KeyboardInterrupt) or (isinstance(error, SystemExit) and not error.code)
    return "stopped" if stopped else "failed"


def _number(name: str, value: Any) -> float:
    """A metric's value; raises InvalidArgument: it is no number, or several."""
    try:
        if not isinstance(value, str):  # "1" is none, either
            return float(value)
    except (TypeError, ValueError, RuntimeError):  # the last one of a tensor of several numbers
        pass
    raise InvalidArgument(f"metrics: `{name}` is no number: {str(value)[:60]!r}")
