"""Commands that change what is stored: data views, metadata of datasets, records of experiments, roles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hyperdatasets
from hyperdatasets import testing
from hyperdatasets.cli.main import run
from hyperdatasets.client.config import home, load
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.query_warnings import QueryWarning
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidConfig, NotFound

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def service(tmp_path: Path) -> Iterator[None]:
    with testing.deployment(tmp_path):
        draft = DatasetVersion.create_new_dataset("cells", dataset_project="clinic")
        draft.write([{"id": f"f{n}", "sources": [{"uri": f"u/{n}"}], "meta": {"n": n}} for n in range(3)])
        draft.publish_version("v1")
        yield


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def told(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return told


def specification(path: Path, query: str, **more: object) -> str:
    rule = {"dataset": "clinic/cells", "version": "v1", "frame_query": query}
    path.write_text(json.dumps({"name": "few", "rules": [rule]} | more))
    return str(path)


def test_a_view_is_edited_renamed_moved_and_deleted(said: Said, tmp_path: Path) -> None:
    first = specification(tmp_path / "first.yaml", "meta.n:0", output_rois="only_filtered")
    second = specification(tmp_path / "second.yaml", "meta.n:>0")
    assert said("view", "create", first)[0] == 0
    assert said("view", "edit", "few", second, "--rename", "more")[0] == 0
    view = DataView.get(name="more")
    assert [frame.id for frame in view] == ["f1", "f2"]
    assert "output_rois" not in view.spec
    assert said("view", "move", "more", "clinic/blood")[0] == 0
    assert [each.name for each in DataView.list(project="clinic/blood")] == ["more"]
    assert said("view", "publish", "more")[0] == 0
    code, _, err = said("view", "edit", "more", first)
    assert (code, "clone it" in err) == (5, True)
    code, _, err = said("view", "edit", "more")
    assert (code, "say what changes" in err) == (1, True)
    code, _, err = said("view", "delete", "more")
    assert (code, "with force" in err) == (5, True)
    assert said("view", "delete", "more", "--force")[0] == 0
    with pytest.raises(NotFound):
        DataView.get(name="more")


def test_a_view_that_cannot_be_published_leaves_nothing(said: Said, tmp_path: Path) -> None:
    wrong = specification(tmp_path / "view.yaml", "saved:*")
    code, _, err = said("view", "create", wrong, "--publish")
    assert (code != 0, "differs between deployments" in err) == (True, True)
    right = specification(tmp_path / "view.yaml", "meta.n:0")
    assert said("view", "create", right, "--publish")[0] == 0


def test_metadata_of_a_dataset(said: Said) -> None:
    assert said("dataset", "metadata", "clinic/cells", "--set", '{"stain": "giemsa"}', "--description", "blood")[0] == 0
    code, out, _ = said("dataset", "metadata", "clinic/cells", "--json")
    assert (code, json.loads(out)) == (0, {"description": "blood", "metadata": {"stain": "giemsa"}})
    assert Dataset.get("clinic/cells").metadata == {"stain": "giemsa"}


def test_an_experiment_is_deleted(said: Said) -> None:
    made = Experiment.start(project="clinic", name="run")
    made.set_state("completed")
    assert said("experiment", "delete", made.id)[0] == 0
    assert Experiment.list(project="clinic") == []


def test_a_role_that_does_not_exist(said: Said) -> None:
    code, _, err = said("user", "add", "ann", "--role", "boss")
    assert code == 1
    assert "role: there is no role `boss`; expected viewer, editor, runner, admin, or an empty one for none" in err


def test_a_command_that_does_not_exist_is_suggested_once(said: Said) -> None:
    assert said("datset", "list")[2].count("Did you mean") == 1
    assert said("view", "publsh", "x")[2].count("Did you mean") == 1


def test_sorting_by_an_unknown_field_is_told() -> None:
    version = DatasetVersion.get_version(dataset_name="clinic/cells")
    with pytest.warns(QueryWarning, match="order_by: meta.m: no frame has such a field. Did you mean meta.n"):
        assert len(list(version.frames(order_by="-meta.m"))) == 3


def test_a_version_is_its_frames() -> None:
    version = DatasetVersion.get_version(dataset_name="clinic/cells")
    assert (len(version), bool(version), [frame.id for frame in version]) == (3, True, ["f0", "f1", "f2"])
    assert version["f1"].meta == {"n": 1}
    with pytest.raises(NotFound, match="no frame `f9`"):
        version["f9"]
    assert len(DatasetVersion.create_new_dataset("empty")) == 0
    assert bool(DatasetVersion.get_version(dataset_name="empty"))


def test_yaml_is_text_or_a_file(tmp_path: Path) -> None:
    path = specification(tmp_path / "view.yaml", "meta.n:0")
    specs = [DataView.from_yaml(given).spec for given in (path, Path(path), Path(path).read_text())]
    assert specs[0] == specs[1] == specs[2]
    with pytest.raises(NotFound, match=r"there is no file nothing\.yaml"):
        DataView.from_yaml("nothing.yaml")


def test_the_package_shows_its_names() -> None:
    assert dir(hyperdatasets) == sorted(hyperdatasets.__all__)


def test_settings_that_cannot_be_read_are_named_with_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setenv("HYPERDATASETS_HOME", str(tmp_path / "home"))
    path = home({"HYPERDATASETS_HOME": str(tmp_path / "home")}) / "client.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    for text in ('servce = "x"\n', "timeout_s = 'soon'\n", "= 5"):
        path.write_text(text)
        with pytest.raises(InvalidConfig, match=r"client\.toml: "):
            load()
