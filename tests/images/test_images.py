"""The container images: built, and a frame registered and streamed through a service and a node that run from them.

Needs buildah and the base image (or the means to fetch it); `make test-images`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.demo.processes import free_ports
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.wire.health import serves
from node import clients, setup

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.11-slim-bookworm"
ENVIRONMENT = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
pytestmark = [
    pytest.mark.images,
    pytest.mark.timeout(1_500),
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed"),
]


def buildah(*arguments: str) -> str:
    done = subprocess.run(
        ["buildah", *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def images() -> dict[str, str]:
    have = subprocess.run(["buildah", "images", "-q", BASE], env=ENVIRONMENT, capture_output=True, check=False)
    pull = "--pull-never" if have.returncode == 0 and have.stdout else "--pull"
    made = {}
    for name in ("service", "node"):
        made[name] = f"localhost/hyperdatasets-{name}"
        buildah("bud", pull, "-q", "-f", f"docker/{name}.Dockerfile", "-t", made[name], ".")
    return made


@contextmanager
def running(image: str, *command: str, volumes: dict[Path, str]) -> Iterator[None]:
    container = buildah("from", "--pull-never", image)
    mounts = [part for host, inside in volumes.items() for part in ("--volume", f"{host}:{inside}:rw")]
    process = subprocess.Popen(
        ["buildah", "run", *mounts, container, "--", *command], env=ENVIRONMENT, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        buildah("rm", container)


def test_images_run_as_an_unprivileged_user(images: dict[str, str]) -> None:
    for image in images.values():
        user = buildah("inspect", "--type", "image", "--format", "{{.OCIv1.Config.User}}", image)
        assert user.split(":")[0].isdigit()
        assert user.split(":")[0] != "0"


def test_a_frame_through_both(images: dict[str, str], tmp_path: Path) -> None:
    service_port, node_port = free_ports(2)
    data, raw, folder = tmp_path / "service", tmp_path / "raw" / "cat", tmp_path / "node"
    for each in (data, raw):
        each.mkdir(parents=True)
    Image.new("RGB", (32, 32), (9, 9, 9)).save(raw / "one.png")
    os.chown(data, 10_001, 10_001)
    command = ("python", "-m", "metadata_service", "--data", "/data", "--port", str(service_port))
    with running(images["service"], *command, volumes={data: "/data"}):
        _wait(service_port)
        client = MetadataClient(ClientConfig(service=f"127.0.0.1:{service_port}"))
        _, token = admin.add_site("ward", projects=["p"], client=client)
        setup.init(
            folder, site="ward", service=f"127.0.0.1:{service_port}", roots={"scans": raw.parent},
            listen=f"127.0.0.1:{node_port}",
        )  # fmt: skip
        admin.approve_site("ward", fingerprint=setup.enrol(folder, token=token), client=client)
        paths = clients.add(folder, "trainer")
        (folder / "policy.toml").write_text('[[allow]]\ndatasets = ["p/*"]\nprincipals = ["*"]\npurposes = ["*"]\n')
        text = (folder / "node.toml").read_text().replace(str(raw.parent), "/scans")
        (folder / "node.toml").write_text(text)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, 10_002, 10_002)
        with running(images["node"], "python", "-m", "node", "/node", volumes={folder: "/node", raw.parent: "/scans"}):
            _wait(node_port, folder / "keys" / "clients" / "ca.pem", folder / "clients" / "trainer")
            node = NodeClient(
                f"127.0.0.1:{node_port}", ca=str(paths["ca"]), cert=str(paths["cert"]), key=str(paths["key"])
            )
            secret = (folder / "operator.secret").read_text()
            last = list(node.register(pb.RegisterRequest(path="scans", dataset="p/cats"), operator_secret=secret))[-1]
            assert last.added == 1
            DatasetVersion.create_snapshot("p/cats", publish_name="v1", client=client)
            view = DataView("cats", project="p", client=client)
            view.add_query(dataset_name="p/cats", version_name="v1")
            (sample,) = node.open(view=view.publish().reference)
            assert sample.content() == (raw / "one.png").read_bytes()


def _wait(port: int, *certificates: Path) -> None:
    deadline = time.monotonic() + 60
    while not serves(port, *certificates):
        assert time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.2)
