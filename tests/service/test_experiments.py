"""Experiments and tasks through the SDK and a real service: what is pinned, what a clone replaces."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment, UnpinnedWarning
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.task import Task
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    VersionNotPublished,
    ViewNotPublished,
    ViewPublished,
)
from hyperdatasets.formats.media.pixels import RULES
from hyperdatasets.v1 import experiment_service_pb2 as pb
from metadata_service.server import Service

PAGE = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text()


@pytest.fixture(autouse=True)
def _cells(client: MetadataClient) -> None:
    """Twenty frames published as v1, two more in the draft."""
    use(client)
    Dataset.create("cells", dataset_project="clinic")
    draft = DatasetVersion.get_current("cells")
    draft.add_frames(SingleFrame(f"s3://b/{n}", id=f"f{n}", metadata={"n": n}) for n in range(20))
    DatasetVersion.create_snapshot("cells", publish_name="v1")
    current = DatasetVersion.get_current("cells")
    current.add_frames(SingleFrame(f"s3://b/{n}", id=f"f{n}", metadata={"n": n}) for n in range(20, 22))


def view_of(name: str = "", *, query: str = "*", version: str = "v1") -> DataView:
    view = DataView(name)
    view.add_query(dataset_name="clinic/cells", version_name=version, frame_query=query)
    return view


def unpinned(name: str = "look") -> Experiment:
    with Experiment.start(project="clinic", name=name) as run, pytest.warns(UnpinnedWarning, match="`Current` is a"):
        run.connect(view_of("open", version="Current"), name="train")
    return run


def taking_up(clone: Experiment, client: MetadataClient) -> MetadataClient:
    """A client as a process has it that was started with HYPERDATASETS_EXPERIMENT."""
    return MetadataClient(replace(client.config, experiment=clone.id))


def test_an_experiment_records_the_rules_of_its_decoder(client: MetadataClient) -> None:
    with Experiment.start(project="lab", name="run", client=client) as experiment:
        assert experiment.environment["decoder_rules"] == RULES == 2


def test_over_a_draft_an_experiment_runs_unpinned_and_says_why() -> None:
    run = unpinned()
    found = Experiment.get("look")
    assert found.state == "completed"
    assert found.unpinned == {"train": "version `Current` is a draft"}
    assert (found.views, found.frame_counts) == ({"train": "open"}, {"train": 22})
    view = run.view("train")
    assert (view.status, view.digest, len(view)) == ("draft", "", 22)
    with pytest.raises(VersionNotPublished, match="snapshot"):
        next(iter(view.open()))


def test_a_draft_view_over_published_versions_is_published_not_left_open(client: MetadataClient) -> None:
    view = view_of("left open").store()
    run = Experiment.start(project="clinic", name="run")
    with pytest.raises(ViewNotPublished, match="publish it first"):
        client.send(pb.ConnectViewRequest(experiment=run.id, name="train", view=view.id))
    run.connect(view, name="train")
    assert (view.status, run.unpinned) == ("published", {})
    assert run.views == {"train": view.reference}
    run.close()


def test_a_clone_with_a_published_view_is_pinned_again() -> None:
    run = unpinned()
    kept, pinned = run.clone(name="kept"), run.clone(views={"train": view_of("closed").publish()})
    assert kept.unpinned == run.unpinned
    assert (pinned.unpinned, pinned.frame_counts) == ({}, {"train": 20})
    compared = run.compare(pinned)
    assert compared["unpinned.train"] == ("version `Current` is a draft", None)
    assert compared["views.train"] == ("open", pinned.views["train"])


def test_what_is_published_later_does_not_make_the_run_pinned() -> None:
    run = unpinned()
    DatasetVersion.get_current("cells").publish_version()
    run.view("train").publish()
    assert run.refresh().views == {"train": "open"}
    assert run.unpinned
    assert run.clone().unpinned == {}


def test_a_view_that_is_changed_after_it_was_connected_is_recorded_as_it_is_used() -> None:
    run = Experiment.start(project="clinic", name="run")
    view = view_of("open", query="meta.n:>=20", version="Current")
    with pytest.warns(UnpinnedWarning):
        run.connect(view, name="train")
    assert run.frame_counts == {"train": 2}
    view.add_query(dataset_name="clinic/cells", version_name="Current", frame_query="meta.n:1")
    with pytest.warns(UnpinnedWarning):
        assert len(view) == 3
    assert (run.frame_counts, len(run.view("train"))) == ({"train": 3}, 3)
    run.close()


def test_a_script_can_run_again() -> None:
    references = set()
    for query in ("meta.n:<3", "meta.n:<3", "meta.n:<4"):
        with Experiment.start(project="clinic", name="run") as run:
            run.connect(view_of("mine", query=query), name="train")
        references.add(run.views["train"])
    assert len(references) == 2
    assert {name.split("@")[0] for name in references} == {"mine", f"mine {run.id}"}
    assert run.view("train").name == f"mine {run.id}"
    assert {each.id for each in DataView.list(project="clinic")} == {each.id for each in DataView.list()}


def test_a_view_that_was_there_already_is_frozen_like_any_published_one() -> None:
    for _ in range(2):
        with Experiment.start(project="clinic", name="run") as run:
            view = run.connect(view_of("mine", query="meta.n:<3"), name="train")
            with pytest.raises(ViewPublished):
                view.add_query(dataset_name="cells", version_name="v1")
    assert len(view) == 3


def test_a_task_as_a_block_names_its_views_at_the_end() -> None:
    with Task.init("clinic", "my task") as task:
        task.connect(view_of("mine"))
    assert (task.state, list(Experiment.get("my task").views)) == ("completed", ["mine"])
    with pytest.raises(ZeroDivisionError), Task.init("clinic", "my task") as task:
        _ = 1 / 0
    assert task.state == "failed"
    with pytest.raises(NotFound), Task.init("clinic", "my task") as task:
        task.connect(view_of("mine", version="v9"))
    assert task.state == "failed"


def test_a_task_takes_a_view_before_its_queries() -> None:
    task = Task.init("clinic", "my task")
    view = DataView()
    task.connect(view)
    view.add_query(dataset_name="cells", version_name="v1", frame_query="meta.n:<5")
    view.add_query(dataset_name="cells", version_name="v1", frame_query="meta.n:>18")
    assert view.status == "local"
    assert sorted(frame.id for frame in view) == ["f0", "f1", "f19", "f2", "f3", "f4"]
    assert view.status == "published"
    with pytest.raises(ViewPublished):
        view.add_query(dataset_name="cells")
    assert {name: each.reference for name, each in task.get_dataviews().items()} == {"view 1": view.reference}
    unused = view_of("unused")
    task.connect(unused)
    task.close()
    assert (task.state, Experiment.get("my task").views["unused"]) == ("completed", unused.reference)


def test_a_task_leaves_out_a_view_without_a_query() -> None:
    task = Task.init("clinic", "my task")
    task.connect(DataView("empty"))
    with pytest.warns(UserWarning, match="`empty` has no query"):
        task.close()
    assert (task.state, task.views) == ("completed", {})


def test_in_a_clone_the_replacement_and_the_clones_parameters_win(client: MetadataClient) -> None:
    def script(client: MetadataClient) -> tuple[Task, dict[str, Any], int]:
        task = Task.init(project_name="clinic", task_name="my task", client=client)
        parameters = {"lr": 0.1, "model": {"depth": 3, "width": 8}}
        assert task.connect(parameters) is parameters
        task.connect({"seed": 1}, name="data")
        view = DataView("train", client=client)
        task.connect(view)
        view.add_query(dataset_name="cells", version_name="v1", frame_query="meta.n:<5")
        view.publish()
        count = len(view)
        task.close()
        return task, parameters, count

    task, parameters, count = script(client)
    assert (parameters, count) == ({"lr": 0.1, "model": {"depth": 3, "width": 8}}, 5)
    assert task.parameters == {"lr": 0.1, "model": {"depth": 3, "width": 8}, "data": {"seed": 1}}
    clone = task.clone(views={"train": view_of("other", query="meta.n:<7").publish()}, parameters={"lr": 0.5, "wd": 1})
    run, parameters, count = script(taking_up(clone, client))
    assert (run.id, run.state, count) == (clone.id, "completed", 7)
    assert (parameters["lr"], parameters["wd"], parameters["model"]) == (0.5, 1, {"depth": 3, "width": 8})
    assert run.views == clone.views
    with pytest.raises(FailedPrecondition, match="is completed; clone it"):
        script(taking_up(clone, client))


def test_what_cannot_be_connected() -> None:
    task = Task.init("clinic", "my task")
    with pytest.raises(InvalidArgument, match="not int"):
        task.connect(5)  # type: ignore[type-var]
    with pytest.raises(InvalidArgument, match="JSON"):
        task.connect({"where": object()})
    task.close()


@pytest.mark.slow
@pytest.mark.parametrize(("last", "state"), [("", "completed"), ("raise ValueError('no')", "failed")])
def test_a_script_that_ends_ends_its_task(service: Service, tmp_path: Path, last: str, state: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"import hyperdatasets as hd\nhd.Task.init('clinic', 'a script')\n{last}\n")
    environment = {**os.environ, "HYPERDATASETS_SERVICE": service.address, "HYPERDATASETS_HOME": str(tmp_path)}
    subprocess.run([sys.executable, script], env=environment, timeout=60, check=False, capture_output=True)
    assert Experiment.get("a script").state == state


@pytest.mark.filterwarnings("ignore::hyperdatasets.client.experiment.UnpinnedWarning")
def test_the_page_about_experiments_runs(capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(example, known)  # the page is ours
    printed = capsys.readouterr().out
    assert printed.startswith("small-numbers@sha256:")
    assert "'parameters.lr': (0.1, 0.2)" in printed
    assert "{'train': 'version `Current` is a draft'}" in printed
    assert printed.endswith(" 3\n")
