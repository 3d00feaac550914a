"""Names in all their forms: positional or by keyword, with the project in the name or beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

import hyperdatasets
from hyperdatasets import (
    Dataset,
    DatasetVersion,
    DataView,
    Experiment,
    SingleFrame,
    import_frames,
    register,
    testing,
)
from hyperdatasets.core.errors import REASONS, InvalidArgument, NotFound

PROJECT = "clinic/blood"
FIRST = {"dataset_name", "name", "frame_id", "project_name"}  # the natural names; ClearML's Task.init begins otherwise
MAKERS = ("get", "create", "start", "init", "delete")
CLASSES = [each for each in map(hyperdatasets.__getattr__, hyperdatasets._MODULES) if isinstance(each, type)]


@pytest.fixture(scope="module", autouse=True)
def _deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with testing.deployment(tmp_path_factory.mktemp("deployed")):
        Dataset.create("bccd", dataset_project=PROJECT)
        Dataset.create("bccd", dataset_project="other")
        version = DatasetVersion.get_version("clinic/blood/bccd")
        version.add_frames([SingleFrame("s3://b/1", id="f1")])
        version.publish_version("v1")
        DatasetVersion.create_version("clinic/blood/bccd", "v2", parent_version_names=["v1"])
        view = DataView("train", project=PROJECT)
        view.add_query("clinic/blood/bccd", "v1")
        view.publish()
        with Experiment.start("run", project=PROJECT):
            pass
        yield


def forms(name: str, prefix: str) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """All ways to say the same thing."""
    full, apart = f"{PROJECT}/{name}", {f"{prefix}project": PROJECT}
    return [
        ((full,), {}), ((name,), apart), ((full,), apart),
        ((), {f"{prefix}name": full}), ((), {f"{prefix}name": name} | apart), ((), {f"{prefix}name": full} | apart),
    ]  # fmt: skip


def rules_of(*args: str, **named: str) -> Any:
    view = DataView()
    for add in (view.add_query, view.add_multi_query):
        add(*args, **named)
    view.add_mapping_rule(*args, **named, from_labels="a", to_label="b")
    return [{each["dataset"] for each in [*view.get_queries(), *view.spec["mapping"]]}]


def add_version(*args: str, **named: str) -> Any:
    view = DataView()
    view.add_version(*args, **named, version_name="v1")
    return view.spec["versions"]


DATASETS: dict[str, Callable[..., Any]] = {
    "Dataset.get": lambda *a, **k: Dataset.get(*a, **k).id,
    "Dataset.create": lambda *a, **k: Dataset.create(*a, **k).id,
    "DatasetVersion.get_version": lambda *a, **k: DatasetVersion.get_version(*a, **k).id,
    "DatasetVersion.get_version of a name": lambda *a, **k: DatasetVersion.get_version(*a, **k, version_name="v1").id,
    "DatasetVersion.create_version": lambda *a, **k: DatasetVersion.create_version(*a, **k, version_name="v2").id,
    "DatasetVersion.create_new_dataset": lambda *a, **k: DatasetVersion.create_new_dataset(*a, **k).id,
    "DatasetVersion.get_current": lambda *a, **k: DatasetVersion.get_current(*a, **k).id,
    "DatasetVersion.get_versions": lambda *a, **k: [each.id for each in DatasetVersion.get_versions(*a, **k)],
    "DataView.add_query": rules_of,
    "DataView.add_version": add_version,
}


@pytest.mark.parametrize("call", DATASETS.values(), ids=DATASETS)
def test_all_forms_of_a_dataset_mean_the_same(call: Callable[..., Any]) -> None:
    first, *others = (call(*args, **named) for args, named in forms("bccd", "dataset_"))
    assert first
    assert others == [first] * 5
    with pytest.raises(InvalidArgument, match="dataset_name='clinic/blood/bccd' says another project"):
        call("clinic/blood/bccd", dataset_project="other")


@pytest.mark.parametrize(("call", "name"), [(DataView.get, "train"), (Experiment.get, "run")])
def test_all_forms_of_a_view_and_an_experiment_mean_the_same(call: Callable[..., Any], name: str) -> None:
    ids = {call(*args, **named).id for args, named in [*forms(name, ""), ((name,), {})]}
    assert len(ids) == 1
    with pytest.raises(InvalidArgument, match=f"name='{PROJECT}/{name}' says another project than project='other'"):
        call(f"{PROJECT}/{name}", project="other")
    with pytest.raises(NotFound, match=f"Did you mean .*{name}"):
        call(f"clinic/{name}")


def test_a_view_with_project_and_digest_is_that_view() -> None:
    reference = DataView.get("train").reference
    assert DataView.get(f"{PROJECT}/{reference}").reference == reference
    with pytest.raises(NotFound, match="there is no view `other/train`"):
        DataView.get(f"other/{reference}")


def test_new_views_and_experiments_go_where_their_names_say() -> None:
    for args, named in forms("made", ""):
        view = DataView(*args, **named)
        with Experiment.start(*args, **named) as run:
            pass
        view.add_query("clinic/blood/bccd", "v1")
        assert view.spec["name"] == "made"
        assert (run.project, run.name) == (PROJECT, "made")
        view.store()
        assert DataView.get(f"{PROJECT}/made").id == view.id
        view.delete()


def test_create_snapshot_and_delete_take_the_project_in_the_name() -> None:
    for number, (args, named) in enumerate(forms("short", "dataset_")):
        Dataset.create("clinic/blood/short")
        assert DatasetVersion.create_snapshot(*args, **named, publish_name=f"s{number}").name == f"s{number}"
        with pytest.raises(InvalidArgument, match="says another project"):
            Dataset.delete("clinic/blood/short", dataset_project="other")
        Dataset.delete(*args, **named, delete_all_versions=True, show_progress=False)
        assert not Dataset.list(name="short")


def test_import_frames_takes_the_project_in_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"a")
    for args, named in forms("imported", "dataset_"):
        import_frames(tmp_path, *args, **named, format="files")
    assert [
        (each.address, DatasetVersion.get_version(each.address).frame_count) for each in Dataset.list(name="import")
    ] == [("clinic/blood/imported", 1)]


@pytest.mark.parametrize("call", [import_frames, register])
def test_the_dataset_is_the_second_argument_of_what_reads_a_folder(call: Callable[..., Any]) -> None:
    first, second, *others = signature(call).parameters.values()
    assert (first.name, second.name) == ("path", "dataset_name")
    assert {each.kind for each in others} == {Parameter.KEYWORD_ONLY}
    with pytest.raises(InvalidArgument, match="says another project"):
        call("folder", "clinic/blood/bccd", dataset_project="other")


def makers() -> list[tuple[str, Callable[..., Any]]]:
    return [
        (f"{each.__name__}.{name}", getattr(each, name))
        for each in CLASSES
        for name, kept in vars(each).items()
        if isinstance(kept, classmethod) and name.startswith((*MAKERS, "list"))
    ]


@pytest.mark.parametrize(("name", "call"), makers())
def test_the_first_argument_is_the_natural_name(name: str, call: Callable[..., Any]) -> None:
    parameters = list(signature(call).parameters.values())
    places = [each.name for each in parameters if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    assert not [each for each in parameters if each.kind is Parameter.POSITIONAL_ONLY]
    assert len(places) <= 2
    if name.endswith((".list", ".get_datasets")):  # these filter, and name nothing
        assert not places
    else:
        assert places[0] in FIRST


@pytest.mark.parametrize(("name", "call"), makers())
def test_a_project_stands_beside_every_name(name: str, call: Callable[..., Any]) -> None:
    names = set(signature(call).parameters)
    assert (
        name == "Task.init"
        or {"dataset_name", "dataset_project"} <= names
        or not names & {"dataset_name", "name"}
        or ({"name", "project"} <= names)
    )


def test_a_private_kind_of_an_error_does_not_travel() -> None:
    with pytest.raises(NotFound) as raised:
        Dataset.get("nothing")
    assert type(raised.value) is NotFound
    assert all(not kind.__name__.startswith("_") for kind in REASONS.values())
