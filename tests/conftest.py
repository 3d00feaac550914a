"""A real service for each test that asks for one: SQLite in a temporary folder, gRPC on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

# `make prove` (--hypothesis-profile=nightly) asks twenty times as much of those tests that scale with the profile.
settings.register_profile("nightly", max_examples=2_100)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(ServiceConfig(data=tmp_path / "service", port=0)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[MetadataClient]:
    made = MetadataClient(ClientConfig(service=service.address))
    yield made
    made.close()
