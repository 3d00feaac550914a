"""A service and nodes in this process, for tests of your own code: real SQLite, real gRPC, free ports.

with testing.deployment(tmp_path) as deployment:
    node = deployment.add_site("north", {"scans": folder})
    node.register("scans", dataset="clinic/scans")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.ledgers import untold
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.registering import register
from hyperdatasets.formats.ledger import Ledger
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from node import setup
from node.server import Node


@dataclass(frozen=True)
class RunningNode:
    """A running node with profile open; `client` reads from it."""

    node: Node
    client: NodeClient

    def register(self, path: str | Path, *, dataset: str, format: str = "") -> Ledger:  # noqa: A002  # the SDK's name
        """Registers a folder (`<root alias>/…`); returns the ledger, with everything that was not kept."""
        with untold():
            return register(path, dataset_name=dataset, format=format, node=self.client)


@dataclass
class Deployment:
    """A running service; its client is the default of all objects while the deployment runs."""

    folder: Path
    service: Service
    client: MetadataClient
    stack: ExitStack
    nodes: dict[str, RunningNode] = field(default_factory=dict)

    def add_site(self, name: str, roots: Mapping[str, str | Path], *, projects: tuple[str, ...] = ("",)) -> RunningNode:
        """A site with a running, approved node."""
        folder = self.folder / f"node-{name}"
        _, token = admin.add_site(name, projects=projects, client=self.client)
        setup.init(folder, site=name, service=self.service.address, profile="open", roots=roots, listen="127.0.0.1:0")
        admin.approve_site(name, fingerprint=setup.enrol(folder, token=token), client=self.client)
        node = self.stack.enter_context(Node(folder))
        client = NodeClient(node.address)
        self.stack.callback(client.close)
        self.nodes[name] = RunningNode(node, client)
        return self.nodes[name]


@contextmanager
def deployment(folder: str | Path) -> Iterator[Deployment]:
    """Starts a service in a folder; everything is stopped at the end."""
    folder = Path(folder)
    with ExitStack() as stack:
        service = stack.enter_context(Service(ServiceConfig(data=folder / "service", port=0)))
        client = MetadataClient(ClientConfig(service=service.address))
        stack.callback(client.close)
        use(client)
        yield Deployment(folder, service, client, stack)
