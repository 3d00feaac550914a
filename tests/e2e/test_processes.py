"""Real processes: killed without warning, stopped politely, run as the README says."""

from __future__ import annotations

import queue
import signal
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hyperdatasets.client import admin, bulk
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.demo.processes import free_ports
from hyperdatasets.v1 import node_service_pb2 as pb
from node import setup
from tests.e2e.processes import end, start

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


def frames(count: int) -> Iterator[SingleFrame]:
    for number in range(count):
        frame = SingleFrame(f"s3://b/{number}", id=f"f{number:05}")
        frame.add_annotation(box2d_xywh=(1, 1, 2, 2), labels=["car"])
        yield frame


def test_kill_9_during_a_bulk_write_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = ("metadata_service", "--data", str(tmp_path / "s"), "--port", str(port))
    process, address = start(*command)
    client = MetadataClient(ClientConfig(service=address, timeout_s=10))
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    acknowledged: queue.SimpleQueue[int] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        plain = (frame.plain for frame in frames(20_000))
        writer = pool.submit(
            bulk.write, client, plain, dataset=draft.dataset_id, version=draft.id, progress=acknowledged.put
        )
        for _ in range(3):
            acknowledged.get(timeout=60)
            end(process, signal.SIGKILL)
            process, _ = start(*command)
        result = writer.result(120)
    assert not result
    assert (result.added, result.updated) == (20_000, 0)
    draft.refresh()
    assert draft.frame_count == 20_000
    assert draft.count(roi_query="car") == 20_000
    assert len({frame.id for frame in draft.frames(projection=["id"])}) == 20_000
    assert end(process) == 0
    client.close()


def test_kill_9_of_a_node_during_registration(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(1_500):
        (data / f"{number}.txt").write_text(f"text {number}")
    service, address = start("metadata_service", "--data", str(tmp_path / "s"), "--port", "0")
    client = MetadataClient(ClientConfig(service=address))
    _, token = admin.add_site("ward", projects=["p"], client=client)
    folder = tmp_path / "node"
    setup.init(folder, site="ward", service=address, profile="open", roots={"r": data}, listen="127.0.0.1:0")
    admin.approve_site("ward", fingerprint=setup.enrol(folder, token=token), client=client)
    node, node_address = start("node", str(folder))
    stream = NodeClient(node_address).register(pb.RegisterRequest(path="r", dataset="p/texts"))
    next(stream)
    end(node, signal.SIGKILL)
    node, node_address = start("node", str(folder))
    last = list(NodeClient(node_address).register(pb.RegisterRequest(path="r", dataset="p/texts")))[-1]
    assert (last.scanned, last.done) == (1_500, True)
    assert last.added < 1_500
    assert DatasetVersion.get_current("p/texts", client=client).frame_count == 1_500
    assert end(node) == 0
    assert end(service) == 0
    client.close()


def test_a_million_is_not_needed_to_see_that_a_restart_is_quick(tmp_path: Path) -> None:
    command = ("metadata_service", "--data", str(tmp_path / "s"), "--port", "0")
    process, address = start(*command)
    client = MetadataClient(ClientConfig(service=address))
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    draft.add_frames(frames(3_000))
    assert draft.count(roi_query="car") == 3_000
    assert end(process) == 0
    index = tmp_path / "s" / "index" / draft.dataset_id
    assert list(index.glob("*.segment"))
    for path in index.glob("*.segment"):
        path.write_bytes(path.read_bytes()[:1000])
    process, address = start(*command)
    client = MetadataClient(ClientConfig(service=address))
    again = DatasetVersion.get_current("d", client=client)
    assert again.count(roi_query="car") == 3_000
    assert end(process) == 0


def test_only_tls_1_3_is_spoken(tmp_path: Path) -> None:
    service, address = start(
        "metadata_service", "--data", str(tmp_path / "service"), "--port", "0", "--host", "0.0.0.0"
    )
    _handshakes(int(address.rpartition(":")[2]), tmp_path / "service" / "keys" / "ca.pem")
    end(service)


def _handshakes(port: int, ca: Path) -> None:
    for version, spoken in ((ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)):
        context = ssl.create_default_context(cafile=str(ca))
        context.set_alpn_protocols(["h2"])
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("localhost", port), timeout=10) as raw:
            if spoken:
                with context.wrap_socket(raw, server_hostname="localhost") as wrapped:
                    assert wrapped.version() == "TLSv1.3"
            else:
                with pytest.raises(OSError):  # noqa: PT011  # which one depends on who closes first
                    context.wrap_socket(raw, server_hostname="localhost")
