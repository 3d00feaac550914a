"""`serve --with-node`: the node of one machine, through changes of its folders, its service and its port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets.cli import local_node
from hyperdatasets.cli.main import run
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.node import NodeClient
from hyperdatasets.core.errors import InvalidConfig
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from node import config as node_config
from node import setup
from node.server import Node


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYPERDATASETS_HOME", str(tmp_path / "home"))
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(f"the text of {name}")
    return tmp_path / "home"


@contextmanager
def served(data: Path, root: Path) -> Iterator[Node]:
    """A service with its local node, as `serve --with-node` runs them; free ports."""
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        use(client)
        with local_node.running(root, service=service.address, port=0) as node:
            yield node
        client.close()


def register(node: Node, path: Path, dataset: str) -> dict[str, int]:
    return hd.register(path, dataset_name=dataset, dataset_project="home", node=node.address).frames


def texts(node: Node, dataset: str) -> set[bytes]:
    """The contents of all files of a dataset, read through the node."""
    if not hd.DatasetVersion.get_versions(f"home/{dataset}")[0].published:
        hd.DatasetVersion.create_snapshot(f"home/{dataset}", publish_name="v1")
    view = hd.DataView(f"view-{dataset}-{node.address.rpartition(':')[2]}")
    view.add_query(dataset_name=f"home/{dataset}", version_name="v1")
    view.publish()
    client = NodeClient(node.address)
    try:
        with client.open(view=view.reference) as session:
            return {bytes(sample.parts[0]) for sample in session}
    finally:
        client.close()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return f"{captured.out}{captured.err}".replace("\n", " ")


def test_the_same_folder_twice_says_nothing_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, a = tmp_path / "s", tmp_path / "a"
    with served(data, a) as node:
        assert register(node, a, "a")["added"] == 1
    assert f"site `local` is new at this service: its node is in {tmp_path / 'home' / 'node-local'}" in said(capsys)
    with served(data, a) as node:
        assert "new" not in said(capsys)
        assert register(node, a, "a")["unchanged"] == 1
        assert texts(node, "a") == {b"the text of a"}


def test_another_folder_is_added_and_the_first_one_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, a, b = tmp_path / "s", tmp_path / "a", tmp_path / "b"
    with served(data, a) as node:
        register(node, a, "a")
    said(capsys)
    with served(data, b) as node:
        assert f"root `data-2` is new: {b}" in said(capsys)
        assert register(node, b, "b")["added"] == 1
        assert texts(node, "a") == {b"the text of a"}
        assert texts(node, "b") == {b"the text of b"}
    with served(data, a) as node:
        assert f"roots data = {a}, data-2 = {b}" in said(capsys)
        assert texts(node, "b") == {b"the text of b"}


def test_a_folder_that_contains_the_old_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, a = tmp_path / "s", tmp_path / "a"
    with served(data, a) as node:
        register(node, a, "a")
    said(capsys)
    with served(data, tmp_path) as node:
        text = said(capsys)
        assert f"{tmp_path} and root `data` ({a}) overlap" in text
        assert f"root `data-2` is new: {tmp_path}" in text
        assert register(node, a, "a")["unchanged"] == 1
        assert texts(node, "a") == {b"the text of a"}


def test_a_folder_that_is_gone_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, a, b = tmp_path / "s", tmp_path / "a", tmp_path / "b"
    with served(data, a) as node:
        register(node, a, "a")
    a.rename(tmp_path / "moved")
    with served(data, b) as node:
        assert f"root `data` is not there any more ({a})" in said(capsys)
        assert register(node, b, "b")["added"] == 1


def test_another_service_has_a_node_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    with served(tmp_path / "s", a) as node:
        register(node, a, "a")
    said(capsys)
    with served(tmp_path / "other", b) as node:
        text = said(capsys)
        assert f"its node is in {tmp_path / 'home' / 'node-local.2'}, enrolled and approved" in text
        assert "nodes of other services stay in theirs" in text
        assert register(node, b, "b")["added"] == 1
    with served(tmp_path / "s", a) as node:
        assert "new" not in said(capsys)
        assert texts(node, "a") == {b"the text of a"}
    with served(tmp_path / "other", b) as node:
        assert "new" not in said(capsys)
        assert texts(node, "b") == {b"the text of b"}


def test_a_service_whose_data_folder_was_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, a = tmp_path / "s", tmp_path / "a"
    with served(data, a) as node:
        register(node, a, "a")
    shutil.rmtree(data)
    said(capsys)
    with served(data, a) as node:
        assert "site `local` is new at this service" in said(capsys)
        assert register(node, a, "a")["added"] == 1
        assert texts(node, "a") == {b"the text of a"}


def test_a_node_whose_folder_was_deleted(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, a = tmp_path / "s", tmp_path / "a"
    with served(data, a) as node:
        register(node, a, "a")
    shutil.rmtree(home / "node-local")
    said(capsys)
    with served(data, a) as node:
        assert "site `local-2` is new at this service" in (text := said(capsys))
        assert "the node of site `local` is not here, so register your folders again" in text
        assert register(node, a, "again")["added"] == 1
        assert texts(node, "again") == {b"the text of a"}


def test_a_node_that_did_not_come_to_enrol_is_finished(tmp_path: Path, home: Path) -> None:
    with Service(ServiceConfig(data=tmp_path / "s", port=0)) as service:
        setup.init(
            home / "node-local", site="local", service=service.address, profile="open", roots={"data": tmp_path / "a"}
        )
    with served(tmp_path / "s", tmp_path / "a") as node:
        assert node.config.site == "local"
        assert register(node, tmp_path / "a", "a")["added"] == 1
    assert [path.name for path in home.iterdir()] == ["node-local"]


def test_a_port_in_use_names_the_option(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Service(ServiceConfig(data=tmp_path / "s", port=0)) as service,
        pytest.raises(InvalidConfig, match=r"in use by another program; choose another by --node-port, or 0"),
        local_node.running(tmp_path / "a", service=service.address, port=taken.getsockname()[1]),
    ):
        pass


@pytest.mark.parametrize(("arguments", "message"), [
    (["--node-port", "7411"], "--with-node FOLDER"),
    (["--with-node", "nowhere"], "there is no folder nowhere"),
    (["--with-node", ".", "--node-port", "70000"], "expected 0 to 65535, got 70000"),
    (["--with-node", ".", "--host", "0.0.0.0"], "hyperdatasets node init"),
])  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["serve", "--data", str(tmp_path / "s"), *arguments]) == 1
    assert message in said(capsys)
    assert not (tmp_path / "s").exists()


def test_settings_that_people_wrote_into_node_toml_stay(tmp_path: Path, home: Path) -> None:
    with served(tmp_path / "s", tmp_path / "a"):
        pass
    file = home / "node-local" / node_config.FILE
    file.write_text(file.read_text().replace('hostname = ""', 'hostname = "box"'))
    with served(tmp_path / "s", tmp_path / "b"):
        pass
    assert node_config.load(home / "node-local").hostname == "box"


@pytest.mark.slow
def test_the_command_with_a_port_for_the_node(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from hyperdatasets.cli.main import main; main()", "serve", "--port", "0"]
    server = subprocess.Popen(
        [*command, "--data", str(tmp_path / "s"), "--with-node", str(tmp_path / "a"), "--node-port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if "press Ctrl-C" in line:
            break
    try:
        assert f"node `local`: 127.0.0.1:{port}, roots data = {tmp_path / 'a'} (profile open)\n" in lines
        assert f"set HYPERDATASETS_NODE=127.0.0.1:{port} where you use it\n" in lines
        client = NodeClient(f"127.0.0.1:{port}")
        assert client.status().site == "local"
        client.close()
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        server.stdout.close()
