"""The container images: a site is set up from an empty folder with the containers alone, and a frame is read.

Users, mounts and commands are those of `docker/compose.yaml`, and the steps those of `docker/README.md`. Needs buildah
and the base image (or the means to fetch it); `make test-images`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hyperdatasets.demo import cells
from hyperdatasets.demo.processes import free_ports

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.11-slim-bookworm"
ENVIRONMENT = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
POLICY = '[[allow]]\ndatasets = ["clinic/cells"]\nprincipals = ["trainer"]\npurposes = ["research"]\n'
VIEW = "name: all\nversions: [{dataset: clinic/cells, version: v1}]\nrules: [{}]\n"
READ = """
import sys, tomllib
from hyperdatasets.client.node import NodeClient
named = tomllib.load(open("/config/supernode.toml", "rb"))
assert named["node-address"] == "node-north:7410", named
node = NodeClient(sys.argv[1], ca=named["node-ca"], cert=named["node-cert"], key=named["node-key"])
print(sorted(len(frame.content()) for frame in node.open(view=sys.argv[2], purpose="research")))
"""
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
    for name in ("service", "node", "flower"):
        made[name] = f"localhost/hyperdatasets-{name}"
        buildah("bud", pull, "-q", "-f", f"docker/{name}.Dockerfile", "-t", made[name], ".")
    return made


@contextmanager
def container(image: str, volumes: dict[str, str], *, user: str = "") -> Iterator[list[str]]:
    """The beginning of a command that runs in a container of its own."""
    name = buildah("from", "--pull-never", image)
    for declared in ("/data", "/node"):
        buildah("config", "--volume", f"{declared}-", name)  # else it hides the mount; Docker's mounts come first
    mounts = [part for place, inside in volumes.items() for part in ("--volume", f"{place}:{inside}")]
    try:
        yield ["buildah", "run", *(("--user", user) if user else ()), *mounts, name, "--"]
    finally:
        buildah("rm", name)


def run(begin: list[str], *command: str, text: str | None = None) -> str:
    done = subprocess.run(
        [*begin, *command], env=ENVIRONMENT, capture_output=True, text=True, input=text, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def running(begin: list[str], *command: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen([*begin, *command], env=ENVIRONMENT, stdout=out, stderr=out, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def healthy(begin: list[str], *check: str) -> None:
    """Wait until the health check of the image's Dockerfile is content."""
    deadline = time.monotonic() + 60
    command = [*begin, "python", "-m", "hyperdatasets.wire.health", *check]
    while subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.2)


def test_images_run_as_an_unprivileged_user(images: dict[str, str]) -> None:
    for image in images.values():
        user = buildah("inspect", "--type", "image", "--format", "{{.OCIv1.Config.User}}", image)
        assert user.split(":")[0].isdigit()
        assert user.split(":")[0] != "0"


def test_images_have_the_extras_of_their_work(images: dict[str, str]) -> None:
    needed = {"service": "pyarrow, usearch", "node": "pyarrow, openpyxl, pydicom, nibabel, av", "flower": "flwr"}
    for name, modules in needed.items():
        with container(images[name], {}) as inside:
            run(inside, "python", "-c", f"import {modules}")


def prepare(image: str, data: Path) -> None:
    """As root, with the few rights that the compose file leaves it."""
    volumes = {str(data): "/folders:rw", str(ROOT / "docker" / "prepare.sh"): "/prepare.sh:ro"}
    with container(image, volumes, user="0:0") as inside:
        run(inside, "setpriv", "--bounding-set=-all,+chown,+dac_override,+fowner", "sh", "/prepare.sh", "/folders")


def test_a_site_from_an_empty_folder_to_a_frame(images: dict[str, str], tmp_path: Path) -> None:
    service_port, node_port = free_ports(2)
    data, address = tmp_path / "data", f"localhost:{service_port}"
    cells.write(data / "raw-north")
    (data / "raw-north" / cells.TABLE).unlink()
    prepare(images["service"], data)
    at_service, at_node = {str(data / "service"): "/data:rw"}, {
        str(data / "node-north"): "/node:rw", str(data / "raw-north"): "/scans:ro",
    }  # fmt: skip
    with container(images["service"], at_service) as service, container(images["node"], at_node) as node:
        serve = ("python", "-m", "metadata_service", "--data", "/data", "--host", "0.0.0.0", "--port",
                 str(service_port), "--hostname", "service")  # fmt: skip
        with running(service, *serve, log=tmp_path / "service.log"):
            healthy(service, str(service_port), "/data/keys/ca.pem")
            prepare(images["service"], data)
            assert (data / "ca.pem").stat().st_mode & 0o777 == 0o644
            token = (tmp_path / "service.log").read_text().partition("shown this once: ")[2].split()[0]
            admin = [*service, "env", f"HYPERDATASETS_TOKEN={token}", f"HYPERDATASETS_SERVICE={address}",
                     "HYPERDATASETS_CA=/data/keys/ca.pem", "hyperdatasets"]  # fmt: skip
            at = [*node, "hyperdatasets", "node"]
            added = json.loads(run(admin, "site", "add", "north", "--project", "clinic", "--json"))
            run(at, "init", "/node", "--site", "north", "--service", address, "--service-ca", "/node/service-ca.pem",
                "--root", "scans=/scans", "--listen", f"0.0.0.0:{node_port}", "--hostname", "node-north")  # fmt: skip
            enrolled = json.loads(run(at, "enrol", "/node", "--token", added["token"], "--json"))
            run(admin, "site", "approve", "north", "--fingerprint", enrolled["fingerprint"])
            run(at, "client", "add", "/node", "trainer")
            run(node, "sh", "-c", "cat > /node/policy.toml", text=POLICY)
            with running(node, "python", "-m", "node", "/node", log=tmp_path / "node.log"):
                healthy(node, str(node_port), "/node/keys/clients/ca.pem", "/node/clients/operator")
                register = ("register", "/node", "scans", "--dataset", "clinic/cells", "--json")
                assert json.loads(run(at, *register))["added"] == cells.PICTURES
                run(admin, "version", "publish", "clinic/cells", "--name", "v1")
                run(service, "sh", "-c", "cat > /tmp/view.yaml", text=VIEW)
                made = json.loads(
                    run(admin, "view", "create", "/tmp/view.yaml", "--project", "clinic", "--publish", "--json")
                )
                prepare(images["service"], data)
                with container(images["flower"], {str(data / "supernode-north"): "/config:ro"}) as supernode:
                    read = json.loads(run(supernode, "python", "-c", READ, f"localhost:{node_port}", made["reference"]))
    sizes = sorted(path.stat().st_size for path in (data / "raw-north" / "JPEGImages").iterdir())
    assert read == sizes
