"""A node whose site is not approved yet: what it says, and what an admin is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hyperdatasets.cli.main import run
from hyperdatasets.client import admin
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.core.errors import InvalidArgument, SiteNotApproved
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from metadata_service.server import Service
from node import setup
from node.config import load
from node.server import Node
from tests.node.conftest import pictures


def seen(node: NodeClient, state: sites_pb.SiteState.ValueType) -> bool:
    """Waits until the node has heard of a state."""
    end = time.monotonic() + 30
    while node.status().state != state and time.monotonic() < end:
        time.sleep(0.1)
    return node.status().state == state


@pytest.mark.slow
@pytest.mark.parametrize("exists", [False, True])
def test_a_site_that_waits_for_approval_is_told_so(
    tmp_path: Path, service: Service, client: MetadataClient, capsys: pytest.CaptureFixture[str], *, exists: bool
) -> None:
    if exists:
        Dataset.create("cells", dataset_project="clinic", client=client)
    pictures(tmp_path / "data", 1)
    _, token = admin.add_site("north", projects=["clinic"], client=client)
    folder = tmp_path / "north"
    setup.init(
        folder, site="north", service=service.address, profile="open", roots={"scans": tmp_path / "data"},
        listen="127.0.0.1:0",
    )  # fmt: skip
    fingerprint = setup.enrol(folder, token=token)
    with pytest.raises(InvalidArgument, match="differs") as caught:
        admin.approve_site("north", fingerprint="0" * len(fingerprint), client=client)
    assert fingerprint not in str(caught.value)
    with Node(folder) as node:
        settings = (folder / "node.toml").read_text()
        (folder / "node.toml").write_text(settings.replace(load(folder).listen, node.address))
        reader = NodeClient(node.address)
        request = pb.RegisterRequest(path="scans", dataset="clinic/cells")
        with pytest.raises(
            SiteNotApproved,
            match=r"is not approved yet: an admin runs `hyperdatasets.client.admin.approve_site\(.north.\)`",
        ):
            list(reader.register(request))
        assert seen(reader, sites_pb.SITE_STATE_ENROLLED)
        assert run(["node", "status", str(folder)]) == 0
        assert "not approved yet" in capsys.readouterr().out
        admin.approve_site("north", fingerprint=fingerprint, client=client)
        assert list(reader.register(request))[-1].added == 1
        assert seen(reader, sites_pb.SITE_STATE_APPROVED)
