"""A service and an open node as processes, for the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import server
from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from node import setup


@contextmanager
def site(folder: Path, data: Path) -> Iterator[tuple[MetadataClient, NodeClient]]:
    with server("metadata_service", "--data", str(folder / "service"), "--port", "0") as address:
        client = MetadataClient(ClientConfig(service=address))
        _, token = admin.add_site("here", projects=["bench"], client=client)
        setup.init(
            folder / "node", site="here", service=address, profile="open", roots={"data": data}, listen="127.0.0.1:0"
        )
        admin.approve_site("here", fingerprint=setup.enrol(folder / "node", token=token), client=client)
        with server("node", str(folder / "node")) as node_address:
            node = NodeClient(node_address)
            yield client, node
            node.close()
            client.close()
