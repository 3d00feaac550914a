"""A real service for each test that asks for one: SQLite in a temporary folder, gRPC on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from metadata_service.config import ServiceConfig
from metadata_service.server import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(ServiceConfig(data=tmp_path / "service", port=0)) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[MetadataClient]:
    made = MetadataClient(ClientConfig(service=service.address))
    yield made
    made.close()
