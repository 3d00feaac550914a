"""Who may call what: tokens, roles per project, the map of methods, versions of the protocol."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hyperdatasets.client import admin, metadata
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import (
    InvalidArgument,
    InvalidConfig,
    InvalidPageToken,
    NotFound,
    PermissionDenied,
    ProtocolMismatch,
    Unauthenticated,
    Unavailable,
)
from hyperdatasets.v1 import dataset_service_pb2 as datasets_pb
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import frame_pb2
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub
from hyperdatasets.v1.user_service_pb2 import WhoAmIRequest
from hyperdatasets.v1.user_service_pb2_grpc import UserServiceStub
from hyperdatasets.wire.absent import NOT_BUILT
from metadata_service import access
from metadata_service.config import ServiceConfig
from metadata_service.server import SERVICES, Service


def with_token(service: Service, token: str) -> MetadataClient:
    return MetadataClient(ClientConfig(service=service.address, token=token))


def test_every_method_is_in_the_map() -> None:
    not_built = {path.rpartition("/")[2] for path in NOT_BUILT}
    assert set(metadata._METHODS) - not_built == set(access.METHODS)


def test_roles_hold_in_their_project_and_below(service: Service, client: MetadataClient) -> None:
    for project, name in (("a", "x"), ("b", "y")):
        Dataset.create(name, dataset_project=project, client=client)
    admin.add_user("ann", roles={"a": "editor"}, client=client)
    ann = with_token(service, admin.create_token("ann", client=client))
    assert [each.name for each in Dataset.list(client=ann)] == ["x"]
    Dataset.create("z", dataset_project="a/deep", client=ann)
    with pytest.raises(PermissionDenied, match="no editor of project `b`"):
        Dataset.create("z", dataset_project="b", client=ann)
    with pytest.raises(NotFound) as caught:
        Dataset.get("b/y", client=ann)
    assert "Did you mean b/y" not in str(caught.value)
    with pytest.raises(PermissionDenied):
        admin.users(client=ann)
    admin.set_role("ann", project="a", role="viewer", client=client)
    with pytest.raises(PermissionDenied):
        Dataset.create("w", dataset_project="a", client=ann)
    assert admin.revoke_tokens("ann", client=client) == 1
    with pytest.raises(Unauthenticated):
        Dataset.list(client=ann)


def test_off_loopback_tls_and_tokens_are_required(tmp_path: Path) -> None:
    config = ServiceConfig(data=tmp_path / "s", host="0.0.0.0", port=0)
    with Service(config) as service:
        port = service.address.rpartition(":")[2]
        ca = str(tmp_path / "s" / "keys" / "ca.pem")
        own = ClientConfig(service=f"localhost:{port}", ca=ca, token=service.first_token)
        assert MetadataClient(own).who_am_i().name == "admin"
        with pytest.raises(Unauthenticated):
            MetadataClient(ClientConfig(service=f"localhost:{port}", ca=ca)).who_am_i()
        with pytest.raises(Unavailable):
            MetadataClient(ClientConfig(service=f"localhost:{port}", timeout_s=2)).who_am_i()


def test_another_version_of_the_protocol_is_told(service: Service) -> None:
    connection = Connection(service.address)
    connection._metadata = [("hd-protocol", "2")]
    with pytest.raises(ProtocolMismatch, match="protocol 2"):
        connection.call(lambda channel: UserServiceStub(channel).WhoAmI, WhoAmIRequest())


def test_a_server_that_is_none_of_ours(client: MetadataClient) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(ProtocolMismatch, match="no hyperdatasets service"):
        MetadataClient(ClientConfig(service=f"127.0.0.1:{port}")).who_am_i()
    server.stop(0)


def test_nobody_there() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        MetadataClient(ClientConfig(service="127.0.0.1:1")).who_am_i()
    for address in (
        "nonsense",
        "http://127.0.0.1:7400",
        "127.0.0.1:99999",
        "127.0.0.1:0",
        ":7400",
        "a b:1",
        "::1:7400",
    ):
        with pytest.raises(InvalidConfig, match="expected host:port"):
            MetadataClient(ClientConfig(service=address))
    with pytest.raises(InvalidConfig, match="give the CA"):
        MetadataClient(ClientConfig(service="example.org:7400")).who_am_i()


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none(tmp_path: Path, port: int) -> None:
    with pytest.raises(InvalidConfig, match="port: expected 0 to 65535"):
        Service(ServiceConfig(data=tmp_path / "s", port=port)).start()


def test_a_port_in_use_and_a_folder_that_cannot_be_used(service: Service, tmp_path: Path) -> None:
    port = int(service.address.rpartition(":")[2])
    with pytest.raises(InvalidConfig, match="in use"):
        Service(ServiceConfig(data=tmp_path / "other", port=port)).start()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidConfig, match="cannot be used"):
        Service(ServiceConfig(data=tmp_path / "file", port=0))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "metadata.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InvalidConfig, match="no SQLite database"):
        Service(ServiceConfig(data=tmp_path / "bad", port=0))


def test_page_tokens_are_bound_to_their_query(client: MetadataClient) -> None:
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    draft.add_frames(SingleFrame(f"u{i}", id=f"f{i:03}") for i in range(250))
    request = frames_pb.ListFramesRequest(dataset="d", page_size=100)
    seen = []
    while True:
        answer = client.send(request)
        seen += [each.frame.id for each in answer.frames]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert seen == [f"f{i:03}" for i in range(250)]
    token = request.page_token
    for wrong in (token[:-4], "x", token[:5] + ("B" if token[5] == "A" else "A") + token[6:]):
        with pytest.raises(InvalidPageToken):
            client.send(frames_pb.ListFramesRequest(dataset="d", page_token=wrong))
    with pytest.raises(InvalidPageToken, match="another query"):
        client.send(datasets_pb.ListDatasetsRequest(page_token=token))


def test_a_revoked_token_ends_the_streams_that_are_open(service: Service, client: MetadataClient) -> None:
    Dataset.create("d", client=client)
    admin.add_user("ann", roles={"": "editor"}, client=client)
    ann = with_token(service, admin.create_token("ann", client=client))
    batches: queue.SimpleQueue[frames_pb.WriteFramesRequest | None] = queue.SimpleQueue()
    answers = ann.connection.stream(lambda channel: FrameServiceStub(channel).WriteFrames, iter(batches.get, None))

    def batch(name: str) -> frames_pb.WriteFramesRequest:
        frame = frame_pb2.Frame(id=name, sources=[frame_pb2.Source(uri="s3://b/1")])
        return frames_pb.WriteFramesRequest(
            dataset="d", version="Current", request_id=name, frames=[frames_pb.FrameWrite(frame=frame)]
        )

    batches.put(batch("one"))
    assert next(answers).added == 1
    admin.revoke_tokens("ann", client=client)
    batches.put(batch("two"))
    with pytest.raises(Unauthenticated):
        next(answers)
    batches.put(None)
    assert DatasetVersion.get_current("d", client=client).frame_count == 1


def test_a_revoked_token_ends_a_stream_that_is_read(
    service: Service, client: MetadataClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    draft.add_frames(SingleFrame("s3://b/1", id=f"f{n}", metadata={"text": "x" * 20_000}) for n in range(1_500))
    admin.add_user("ann", roles={"": "viewer"}, client=client)
    ann = with_token(service, admin.create_token("ann", client=client))
    monkeypatch.setattr(access, "_ASKED_AGAIN_MS", 0)
    read = ann.stream(frames_pb.QueryFramesRequest(dataset="d", version=draft.id))
    next(read)
    admin.revoke_tokens("ann", client=client)
    with pytest.raises(Unauthenticated):
        list(read)


def test_a_page_of_less_than_nothing(client: MetadataClient) -> None:
    for request in (datasets_pb.ListDatasetsRequest(page_size=-1), views_pb.ListDataViewsRequest(page_size=-5)):
        with pytest.raises(InvalidArgument, match="page_size: expected 0"):
            client.send(request)


def test_a_request_id_is_short(client: MetadataClient) -> None:
    for size in (201, 1 << 20):
        with pytest.raises(InvalidArgument, match="request_id: at most 200"):
            client.send(datasets_pb.CreateDatasetRequest(name="d", request_id="x" * size))
    assert Dataset.list(client=client) == []


def test_health_is_told(service: Service) -> None:
    channel = grpc.insecure_channel(service.address)
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", *(f"hyperdatasets.v1.{each}" for each in SERVICES)):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    channel.close()


def test_streams_that_wait_do_not_keep_others_from_being_answered(service: Service, client: MetadataClient) -> None:
    Dataset.create("d", client=client)
    stub, ended = FrameServiceStub(client.connection.channel), threading.Event()

    def waiting() -> Iterator[frames_pb.WriteFramesRequest]:
        ended.wait(60)
        yield from ()

    calls = [stub.WriteFrames(waiting(), timeout=30) for _ in range(40)]
    refused: queue.SimpleQueue[object] = queue.SimpleQueue()
    for call in calls:
        call.add_done_callback(refused.put)
    for _ in range(16):
        refused.get(timeout=20)
    assert [each.name for each in Dataset.list(client=client)] == ["d"]
    ended.set()
    answers = [call.code() for call in calls]
    assert answers.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 16
    assert answers.count(grpc.StatusCode.OK) == 24


def test_a_mode_that_does_not_exist(client: MetadataClient) -> None:
    stub = FrameServiceStub(client.connection.channel)
    request = frames_pb.WriteFramesRequest(dataset="d", version="v", mode=77)
    with pytest.raises(grpc.RpcError, match="no mode 77"):
        list(stub.WriteFrames(iter([request]), timeout=5))
