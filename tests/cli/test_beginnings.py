"""The beginning of an id is enough for every command that takes one; several candidates are named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.cli.given import beginning
from hyperdatasets.cli.main import run
from hyperdatasets.core.errors import InvalidArgument

Said = Callable[..., str]


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[testing.Deployment]:
    with testing.deployment(tmp_path) as running:
        draft = hd.DatasetVersion.create_new_dataset("cells", dataset_project="clinic")
        assert not draft.write([{"id": f"0abc{n}", "sources": [{"uri": f"u/{n}"}]} for n in range(3)])
        draft.publish_version("v1")
        hd.DatasetVersion.create_version(dataset_name="clinic/cells", version_name="next", parent_version_names=["v1"])
        view = hd.DataView("all")
        view.add_query(dataset_name="clinic/cells", version_name="v1")
        view.publish()
        with hd.Experiment.start(project="clinic", name="run") as experiment:
            experiment.connect(view, name="data")
        yield running


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def told(*arguments: str) -> str:
        code = run(list(arguments))
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    return told


def test_every_command_takes_the_beginning_of_an_id(deployment: testing.Deployment, said: Said, tmp_path: Path) -> None:
    dataset = hd.Dataset.get("clinic/cells").id[:6]
    first, draft = (each.id[:6] for each in hd.DatasetVersion.get_versions("clinic/cells"))
    view, experiment = hd.DataView.get(name="all").id[:6], hd.Experiment.get("run").id[:6]
    checks = tmp_path / "checks.yaml"
    checks.write_text("checks:\n  - name: some\n    count: {min: 1}\n")
    for command in (
        ("dataset", "show", dataset), ("dataset", "tag", dataset, "--add", "x"), ("dataset", "metadata", dataset),
        ("dataset", "archive", dataset), ("dataset", "archive", dataset, "--undo"),
        ("dataset", "schema", dataset, "--version", first), ("version", "list", dataset), ("version", "tree", dataset),
        ("version", "diff", dataset, first, draft), ("version", "rename", dataset, draft, "later"),
        ("version", "stats", dataset, "id", first), ("version", "export", dataset, first),
        ("version", "create", dataset, "third", "--parent", first), ("version", "revert", dataset, draft),
        ("check", "show", dataset, "--version", first), ("check", "gate", dataset),
        ("frames", "list", dataset, "--version", first), ("frames", "find", dataset, "--version", first),
        ("frames", "show", dataset, "0abc1", "--version", first),
        ("frames", "copy", dataset, dataset, "--from-version", first, "--version", draft),
        ("frames", "delete", dataset, "0abc1", "--version", draft),
        ("view", "show", view), ("view", "resolve", view), ("view", "verify", view), ("view", "export", view),
        ("view", "clone", view, "other"), ("view", "compare", view, "other"), ("view", "archive", view),
        ("view", "archive", view, "--undo"), ("view", "edit", view, "--rename", "every"),
        ("experiment", "show", experiment), ("experiment", "archive", experiment),
        ("experiment", "archive", experiment, "--undo"), ("experiment", "compare", experiment, experiment),
        ("experiment", "clone", experiment, "--view", f"data={view}"), ("experiment", "delete", experiment),
        ("version", "publish", dataset, draft), ("version", "snapshot", dataset),
        ("admin", "export", str(deployment.folder / "service"), dataset, str(tmp_path / "moved")),
    ):  # fmt: skip
        assert said(*command, *(() if "export" in command else ("--json",))), command
    fourth = json.loads(said("version", "create", dataset, "fourth", "--parent", first, "--json"))["id"]
    said("version", "delete", dataset, fourth[:8])
    assert fourth not in {each.id for each in hd.DatasetVersion.get_versions("clinic/cells")}
    clone = hd.DataView.get(name="other").id[:7]
    said("view", "delete", clone)
    said("dataset", "rename", dataset, "renamed")
    assert hd.Dataset.get("clinic/renamed").id.startswith(dataset)


def test_a_frame_by_the_beginning_of_its_id(
    deployment: testing.Deployment, capsys: pytest.CaptureFixture[str], said: Said
) -> None:
    assert json.loads(said("frames", "show", "clinic/cells", "0abc1"))["id"] == "0abc1"
    assert run(["frames", "show", "clinic/cells", "0abc"]) == 1
    assert "`0abc`: 0abc0, 0abc1, 0abc2; give more of it" in capsys.readouterr().err
    assert run(["frames", "delete", "clinic/cells", "0abc", "--version", "next"]) == 1
    assert "0abc0, 0abc1, 0abc2" in capsys.readouterr().err
    assert run(["frames", "delete", "clinic/cells", "0abd", "--version", "next"]) == 3
    capsys.readouterr()
    assert hd.DatasetVersion.get_version(dataset_name="clinic/cells", version_name="next").frame_count == 3


def test_a_beginning_of_several_ids_names_them() -> None:
    known = [(f"abcd{n}", f"p/d{n}") for n in range(7)] + [("abce0", "")]
    with pytest.raises(InvalidArgument, match=r"several datasets .* `abcd`: abcd0 \(p/d0\), .* and 2 more; give more"):
        beginning("dataset", "abcd", known)
    assert beginning("dataset", "abcd3", known) == "abcd3"
    assert beginning("dataset", "abce", known) == "abce0"
    for none in ("abc", "xyzw", "ffff", "", "ABCD3", "abcd" * 4):
        assert beginning("dataset", none, known) == ""


def test_a_name_wins_over_the_beginning_of_an_id(deployment: testing.Deployment, said: Said) -> None:
    other = hd.Dataset.get("clinic/cells").id[:5]
    hd.Dataset.create(other)
    assert json.loads(said("dataset", "show", other, "--json"))["name"] == other


def test_what_is_not_there_is_told_with_the_nearest_name(
    deployment: testing.Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    for command, meant in (
        (["dataset", "show", "clinic/cell"], "clinic/cells"), (["view", "show", "al"], "all"),
        (["experiment", "show", "rum"], "run"), (["version", "publish", "clinic/cells", "nex"], "next"),
        (["dataset", "show", "ffffff"], "there is no dataset `ffffff`"),
    ):  # fmt: skip
        assert run(command) == 3
        assert meant in capsys.readouterr().err
