"""Another Unix user of the machine reads nothing of a service or a node, and no token lies in a database."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets.cli.main import run
from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.private_folder import make_private
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from hyperdatasets.v1 import user_service_pb2 as users_pb
from metadata_service.catalog.requests import KEPT_MS
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from node import setup
from node.server import Node

OTHERS = 0o077
STRANGER = 65_534  # `nobody`


def open_to_others(folder: Path) -> list[str]:
    """What others have any right to; names of files are relative to the folder."""
    found = [folder, *folder.rglob("*")]
    return sorted(str(path.relative_to(folder)) for path in found if path.lstat().st_mode & OTHERS)


def let_others_pass(folder: Path) -> None:
    """Opens the way to a test's folder, so that only what lies in it keeps others out."""
    for parent in [folder, *folder.parents]:
        if len(parent.parts) > 2:
            parent.chmod(parent.stat().st_mode | 0o055)


@contextmanager
def served(*command: str) -> Iterator[str]:
    """One of our servers as a process that began with the rights that most systems give new files."""
    command_line = [sys.executable, "-m", *command]
    with subprocess.Popen(
        command_line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, umask=0o022
    ) as process:
        assert process.stdout is not None
        try:
            ready = next(line for line in process.stdout if line.startswith("ready on "))
            yield ready.removeprefix("ready on ").strip()
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


@pytest.mark.slow
def test_nothing_that_servers_write_is_open_to_others(tmp_path: Path) -> None:
    data, folder, pictures = tmp_path / "data", tmp_path / "node", tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.txt").write_text("a patient")
    with served("metadata_service", "--data", str(data), "--port", "0") as address:
        client = MetadataClient(ClientConfig(service=address))
        _, token = admin.add_site("north", projects=["p"], client=client)
        setup.init(folder, site="north", service=address, profile="open", roots={"data": pictures},
                   listen="127.0.0.1:0")  # fmt: skip
        admin.approve_site("north", fingerprint=setup.enrol(folder, token=token), client=client)
        with served("node", str(folder)) as node:
            hd.register("data", dataset_name="texts", dataset_project="p", node=node)
            hd.DatasetVersion.create_snapshot("p/texts", publish_name="v1", client=client)
            assert hd.DatasetVersion.get_version("p/texts", version_name="v1", client=client).count() == 1
            assert open_to_others(folder) == []  # also while it runs: journals, locks
            assert open_to_others(data) == []
        client.close()
    assert open_to_others(data) == open_to_others(folder) == []


def test_folders_of_before_are_closed_when_they_are_opened(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "node"
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        _, token = admin.add_site("north", projects=["p"], client=client)
        setup.init(folder, site="north", service=service.address, profile="open", roots={}, listen="127.0.0.1:0")
        admin.approve_site("north", fingerprint=setup.enrol(folder, token=token), client=client)
        with Node(folder):
            pass
        client.close()
    for each in (data, folder):
        for path in (each, *each.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    with Service(ServiceConfig(data=data, port=0)):
        assert open_to_others(data) == []
        with Node(folder):
            assert open_to_others(folder) == []


def test_an_existing_folder_of_a_node_is_closed_too(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir(mode=0o755)
    setup.init(folder, site="north", service="127.0.0.1:1", profile="strict", roots={}, listen="127.0.0.1:0")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_backups_are_closed(tmp_path: Path) -> None:
    with Service(ServiceConfig(data=tmp_path / "data", port=0)):
        pass
    before = os.umask(0o022)
    try:
        assert run(["admin", "backup", str(tmp_path / "data"), str(tmp_path / "backup")]) == 0
        assert run(["admin", "restore", str(tmp_path / "backup"), str(tmp_path / "again")]) == 0
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "backup") == open_to_others(tmp_path / "again") == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_another_user_reads_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Service(ServiceConfig(data=data, port=0)):
        pass
    script = (
        "import os, sys, pathlib\n"
        f"os.setgid({STRANGER}); os.setuid({STRANGER})\n"
        f"for name in ('', 'metadata.db', 'keys', 'keys/records.key', 'index'):\n"
        "    try: list(os.scandir(p)) if (p := pathlib.Path(sys.argv[1], name)).is_dir() else p.read_bytes()\n"
        "    except PermissionError: continue\n"
        "    sys.exit(f'read {p}')\n"
    )
    let_others_pass(tmp_path)
    done = subprocess.run([sys.executable, "-c", script, str(data)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_a_folder_of_somebody_else_is_refused_with_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    let_others_pass(tmp_path)
    pid = os.fork()
    if pid == 0:
        os.setuid(STRANGER)
        try:
            make_private(folder)
        except InvalidConfig as error:
            os._exit(7 if f"chown -R {STRANGER}" in error.message and "chmod -R go-rwx" in error.message else 1)
        except BaseException:  # noqa: BLE001  # whatever it is, it is not what is wanted
            os._exit(2)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("not ours")
    (tmp_path / "outside").chmod(0o644)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "data" / "nowhere").symlink_to(tmp_path / "gone")
    make_private(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "outside").stat().st_mode) == 0o644


def test_no_token_lies_in_the_database_and_a_repeated_request_gets_it_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        client.send(users_pb.CreateUserRequest(name="eva"))
        asked = users_pb.CreateTokenRequest(user="eva", request_id="one")
        site = sites_pb.CreateSiteRequest(name="north", projects=["p"], request_id="one")
        token, enrolment = client.send(asked).token, client.send(site).token
        assert (client.send(asked).token, client.send(site).token) == (token, enrolment)
        other = client.send(users_pb.CreateTokenRequest(user="eva", request_id="two")).token
        client.close()
    with Service(ServiceConfig(data=data, port=0)) as service:  # also after a restart
        client = MetadataClient(ClientConfig(service=service.address))
        assert client.send(asked).token == token
        client.close()
    assert len({token, enrolment, other}) == 3
    assert token.startswith("hd_user_")
    assert enrolment.startswith("hd_site_")
    content = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    for secret in (token, enrolment, other):
        assert secret.encode() not in content


def test_answers_are_forgotten_daily(tmp_path: Path) -> None:
    now = [1_000_000]
    with Service(ServiceConfig(data=tmp_path / "data", port=0), now_ms=lambda: now[0]) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        client.send(users_pb.CreateUserRequest(name="eva", request_id="one"))
        now[0] += KEPT_MS + 1
        client.send(users_pb.CreateUserRequest(name="otto", request_id="two"))
        with service._store.reading() as reading:
            assert [row["request_id"] for row in reading.rows("requests")] == ["two"]
        client.close()
