"""A node with pictures, enrolled and approved at a real service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from hyperdatasets.client import admin
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.registering import ledger_of
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import node_service_pb2 as pb
from metadata_service.server import Service
from node import setup
from node.server import Node


@dataclass
class SiteUnderTest:
    folder: Path
    data: Path
    node: Node
    client: MetadataClient

    @property
    def reader(self) -> NodeClient:
        return NodeClient(self.node.address)

    def register(self, dataset: str = "clinic/cells", **more: object) -> Ledger:
        """The ledger at the end; raises what the node answers."""
        return ledger_of(self.reader.register(pb.RegisterRequest(path="scans", dataset=dataset, **more)))

    def published_view(self, name: str = "all", **rule: object) -> DataView:
        versions = DatasetVersion.get_versions("clinic/cells", client=self.client)
        if not versions[-1].published:
            DatasetVersion.create_snapshot("clinic/cells", publish_name=f"v{len(versions)}", client=self.client)
            versions = DatasetVersion.get_versions("clinic/cells", client=self.client)
        newest = [version for version in versions if version.published][-1]
        view = DataView(name, project="clinic", client=self.client)
        view.add_rule(dataset="clinic/cells", version=newest.name, **rule)
        return view.publish()


def pictures(folder: Path, count: int = 12) -> None:
    (folder / "raw").mkdir(parents=True, exist_ok=True)  # for files that are no pictures
    for number in range(count):
        path = folder / ("wbc" if number % 3 == 0 else "rbc") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32 + number, 24), (number * 20, 0, 0)).save(path)


def made(
    tmp_path: Path, service: Service, client: MetadataClient, *, profile: str, site: str = "north",
    publish: tuple[str, ...] = (),
) -> SiteUnderTest:  # fmt: skip
    data, folder = tmp_path / f"{site}-data", tmp_path / site
    pictures(data)
    _, token = admin.add_site(site, projects=["clinic"], client=client)
    setup.init(folder, site=site, service=service.address, profile=profile, roots={"scans": data}, listen="127.0.0.1:0")
    if publish:
        settings = (folder / "node.toml").read_text()
        listed = ", ".join(f'"{name}"' for name in publish)
        (folder / "node.toml").write_text(settings.replace("publish_fields = []", f"publish_fields = [{listed}]"))
    fingerprint = setup.enrol(folder, token=token)
    admin.approve_site(site, fingerprint=fingerprint, client=client)
    return SiteUnderTest(folder, data, Node(folder), client)


@pytest.fixture
def site(tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    """An open node on loopback."""
    under_test = made(tmp_path, service, client, profile="open")
    with under_test.node:
        yield under_test
