"""Commands that fail leave nothing behind, and can be repeated; folders that are none of ours are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.cli.main import run
from hyperdatasets.client import admin
from node import config as node_config
from node import setup

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def told(*arguments: object) -> tuple[int, str]:
        code = run([str(each) for each in arguments])
        captured = capsys.readouterr()
        assert "error: unexpected " not in captured.err
        return code, captured.out + captured.err

    return told


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[testing.Deployment]:
    (tmp_path / "raw").mkdir()
    with testing.deployment(tmp_path / "d") as running:
        draft = hd.DatasetVersion.create_new_dataset("cells", dataset_project="p")
        assert not draft.write([{"id": "f", "sources": [{"uri": "u"}]}])
        yield running


NOT_A_NODE = (
    ("files",), ("status",), ("audit",), ("audit", "--verify"), ("serve",), ("policy", "check"), ("client", "add", "x"),
    ("client", "revoke", "x"), ("enrol", "--token", "x"), ("backup", "b.tgz"), ("register", "a", "--dataset", "x"),
)  # fmt: skip


@pytest.mark.parametrize("command", NOT_A_NODE, ids=" ".join)
def test_a_folder_that_is_no_node_is_refused_and_stays_empty(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    at = 2 if command[0] in {"policy", "client"} else 1
    for folder in ("empty", "nowhere"):
        code, text = said("node", *command[:at], folder, *command[at:])
        assert code == 1
        assert f"{folder} is no node's folder (no node.toml); make one with `hyperdatasets node init`" in text
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.parametrize("command", [
    ("check",), ("compact",), ("rebuild-index",), ("backup", "new"), ("restore", "new"), ("export", "d", "new"),
])  # fmt: skip
def test_a_folder_that_is_no_data_folder_is_refused_and_stays_empty(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        code, text = said("admin", command[0], folder, *command[1:])
        assert code == 3
        assert f"{folder} is no data folder of a service" in text
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def _init(folder: object, **changed: object) -> list[object]:
    options = {"site": "s", "service": "localhost:1", "root": "a=raw", **changed}
    return ["node", "init", folder, *(part for name, value in options.items() for part in (f"--{name}", value))]


def test_a_node_is_made_whole_or_not_at_all(tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "file").touch()
    for changed, message in (
        ({"site": "a/b"}, "separates projects"), ({"service": "nonsense"}, "host:port"),
        ({"root": "a"}, "alias=folder"),
        ({"root": "a=nowhere"}, "no folder nowhere"), ({"profile": "closed"}, "strict, open"),
        ({"listen": "x"}, "host:port"), ({"service-ca": "none.pem"}, "no file none.pem; it is `keys/ca.pem`"),
    ):  # fmt: skip
        code, text = said(*_init("new", **changed))
        assert (code, message in text) == (1, True), (changed, text)
        assert not (tmp_path / "new").exists()
    for folder in ("file", "file/below"):
        code, text = said(*_init(folder))
        assert (code, "no node's folder can be made there" in text) == (1, True)
    assert said(*_init("new", **{"service-ca": "file"}))[0] == 0
    assert node_config.load(tmp_path / "new").service_ca == str(tmp_path / "file")
    assert said(*_init("new"))[0] == 5


def test_a_node_that_cannot_be_filled_is_taken_away_again(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "keys").touch()  # in the way of the folder of the keys
    code, text = said(*_init("mine"))
    assert (code, "no node's folder can be made there" in text) == (1, True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["keys"]
    (tmp_path / "mine" / "keys").unlink()
    assert said(*_init("mine"))[0] == 0


def test_a_policy_is_judged_by_todays_date(tmp_path: Path, said: Said) -> None:
    (tmp_path / "raw").mkdir()
    for profile, message in (("open", "as an open node it serves"), ("strict", "no policy.toml: nothing is served")):
        folder = tmp_path / profile
        setup.init(folder, site="s", service="localhost:1", profile=profile, roots={"a": tmp_path / "raw"})
        assert message in said("node", "policy", "check", folder)[1]
    file = tmp_path / "strict" / "policy.toml"
    file.write_text("")
    assert "policy.toml has no rules: nothing is served" in said("node", "policy", "check", tmp_path / "strict")[1]
    today = datetime.now(UTC).date()
    rule = '[[allow]]\ndatasets = ["d"]\nprincipals = ["p"]\npurposes = ["*"]\nexpires = '
    file.write_text(f"{rule}{today - timedelta(days=1)}\n{rule}{today + timedelta(days=2)}\n")
    first, second = said("node", "policy", "check", tmp_path / "strict")[1].splitlines()
    assert first.endswith(f"until {today - timedelta(days=1)} 00:00 (it has expired, and allows nothing)")
    assert second.endswith(f"until {today + timedelta(days=2)} 00:00")


def test_what_fails_at_the_service_leaves_nothing(
    deployment: testing.Deployment, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / "a.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong.yaml").write_text('name: w\nrules: [{dataset: p/cells, version: none, frame_query: "*"}]\n')
    (tmp_path / "unread.yaml").write_text("name: [")
    for command in (
        ("version", "create", "p/cells", "v", "--parent", "none"),
        ("version", "create", "p/cells", "v", "--parent", "Current"),
        ("version", "create", "p/cells", "v", "--on-collision", "x"),
        ("version", "create", "p/cells", "a/b"),
        ("version", "snapshot", "p/cells", "--name", "a/b"), ("version", "snapshot", "p/cells", "--child", "a/b"),
        ("version", "publish", "p/cells", "--name", "a/b"),
        ("dataset", "create", "q/a//b"), ("dataset", "create", "q/" + "n" * 200), ("dataset", "create", "q/.."),
        ("dataset", "metadata", "p/cells", "--description", "new", "--set", "{"),
        ("dataset", "metadata", "p/cells", "--description", "new", "--set", "[1]"),
        ("view", "create", "wrong.yaml", "--publish"), ("view", "create", "unread.yaml", "--publish"),
        ("view", "create", "--name", "w", "--dataset", "p/cells", "--version", "Current", "--publish"),
        ("view", "create", "--name", "w", "--dataset", "p/none", "--version", "v", "--publish"),
        ("experiment", "clone", "none"), ("user", "add", "u", "--role", "boss"),
        ("user", "add", "u", "--project", "a//b"),
        ("site", "add", "s", "--project", "a//b"), ("site", "add", "a/b", "--project", "p"),
        ("import", "nowhere", "--dataset", "q/i"), ("import", "empty", "--dataset", "q/i"),
        ("import", "pictures", "--dataset", "q/i", "--format", "vok"), ("import", "pictures", "--dataset", "q/.."),
        ("import", "pictures", "--dataset", "q/i", "--limit", "-1"),
        ("import", "pictures", "--dataset", "q/i", "--report", "nowhere/report.json"),
    ):  # fmt: skip
        code, text = said(*command)
        assert code != 0, (command, text)
    assert [each.address for each in hd.Dataset.list()] == ["p/cells"]
    (version,) = hd.DatasetVersion.get_versions("p/cells")
    assert (version.name, version.published, hd.Dataset.get("p/cells").description) == ("Current", False, "")
    assert hd.DataView.list() == []
    assert admin.users() == {}
    assert admin.sites() == []
