"""A real service for each test that asks for one: SQLite in a temporary folder, gRPC on a free port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core import tracebacks
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

tracebacks.show_whole()  # a failing test of our own needs all frames

# Examples of each property: `make test`, `make check` and `make prove` choose one of these by --hypothesis-profile. An
# example has no deadline, since other tests run at the same time.
settings.register_profile("test", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("check", settings.get_profile("test"), max_examples=20)
settings.register_profile("nightly", settings.get_profile("test"), max_examples=2_100)
settings.load_profile("test")


def module_of_dev(name: str) -> Any:
    """Import a module that the extra `dev` installs; where it is missing skip the test, but fail in CI."""
    if os.environ.get("CI"):
        return import_module(name)
    return pytest.importorskip(name, reason=f"{name} is not installed: pip install 'hyperdatasets[dev]'")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(ServiceConfig(data=tmp_path / "service", port=0)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[MetadataClient]:
    made = MetadataClient(ClientConfig(service=service.address))
    yield made
    made.close()
