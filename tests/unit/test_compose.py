"""The compose file and what it needs, without images: files, folders and their owners, extras, options."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from metadata_service.config import ServiceConfig

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
SERVICES: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
MOUNTS = [
    (name, *mount.split(":")[:2])
    for name, service in SERVICES.items() for mount in service.get("volumes", ())
]  # fmt: skip


def dockerfile(name: str) -> str:
    build = SERVICES[name]["build"]
    path: Path = (DOCKER / build["context"] / build["dockerfile"]) if "build" in SERVICES[name] else Path()
    return path.read_text()


def user_of(name: str) -> int:
    (user,) = re.findall(r"^USER (\d+):\1$", dockerfile(name), re.MULTILINE)
    return int(user)


@pytest.mark.parametrize("name", SERVICES)
def test_what_an_image_is_built_from_is_there(name: str) -> None:
    text = dockerfile(name)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (asked,) = re.findall(r"pip install .*'\.\[([a-z,]+)\]'", text)
    assert not set(asked.split(",")) - extras.keys()
    for source in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / each).exists() for each in source.split())


@pytest.mark.parametrize("name", SERVICES)
def test_who_is_waited_for_exists_and_can_be_what_is_waited_for(name: str) -> None:
    after = SERVICES[name].get("depends_on", {})
    for other, how in after.items():
        checked = "HEALTHCHECK" in dockerfile(other)
        assert how["condition"] != "service_healthy" or checked, other
        assert how["condition"] != "service_completed_successfully" or "restart" not in SERVICES[other], other


def test_the_service_is_given_settings_that_it_has() -> None:
    options = {f"--{each.name}" for each in fields(ServiceConfig)}
    assert set(SERVICES["service"]["command"][::2]) <= options


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_each_container_owns_the_folders_that_it_writes(tmp_path: Path) -> None:
    """Docker makes a folder that is missing as root's, which an unprivileged user cannot write to."""
    for _ in range(2):
        subprocess.run(["sh", DOCKER / "prepare.sh", tmp_path], check=True)
    for name, place, inside in MOUNTS:
        if place.startswith("./data/"):
            owner = (tmp_path / place.removeprefix("./data/")).stat().st_uid
            assert owner == (0 if inside == "/scans" else user_of(name)), place
        elif place != "./data":
            assert (DOCKER / place).exists(), place


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_certificates_are_handed_over_readable(tmp_path: Path) -> None:
    subprocess.run(["sh", DOCKER / "prepare.sh", tmp_path], check=True)
    made = {"service/keys/ca.pem": "the service's"}
    made |= {f"node-north/clients/trainer/{name}": name for name in ("ca.pem", "client.pem", "client.key")}
    for path, text in made.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    subprocess.run(["sh", DOCKER / "prepare.sh", tmp_path], check=True)
    handed = {"ca.pem": (0, 0o644), "node-north/service-ca.pem": (10_002, 0o644),
              "node-west/service-ca.pem": (10_002, 0o644), "supernode-north/client.key": (10_003, 0o600)}  # fmt: skip
    for path, (owner, mode) in handed.items():
        found = (tmp_path / path).stat()
        assert (found.st_uid, found.st_mode & 0o777) == (owner, mode), path
    settings = tomllib.loads((tmp_path / "supernode-north" / "supernode.toml").read_text())
    assert settings.pop("node-address") == "node-north:7410"
    for path in settings.values():
        assert (tmp_path / "supernode-north" / Path(path).name).read_text() == Path(path).name
