"""Every method that the protos declare is answered by a real server, or says that it is not built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

from hyperdatasets import testing
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.node import NodeClient
from hyperdatasets.core.errors import NotBuilt, ProtocolMismatch
from hyperdatasets.v1.event_service_pb2 import WatchRequest
from hyperdatasets.v1.event_service_pb2_grpc import EventServiceStub
from hyperdatasets.wire.absent import NOT_BUILT
from metadata_service.config import ServiceConfig
from metadata_service.server import SERVICES, Service

_PROTOS = sorted((Path(__file__).parents[2] / "protos").rglob("*.proto"))
_SAID = "Not built yet"


def _declared() -> Iterator[tuple[str, str, str]]:
    """Service, method and comment of every method in the protos."""
    for proto in _PROTOS:
        service, comment = "", ""
        for line in map(str.strip, proto.read_text().splitlines()):
            if found := re.match(r"service (\w+)", line):
                service = found[1]
            elif found := re.match(r"rpc (\w+)\(", line):
                yield service, found[1], comment
            comment = f"{comment} {line}" if line.startswith("//") else ""


_METHODS = list(_declared())


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "data").mkdir()
    with testing.deployment(folder) as running:
        running.add_site("north", {"data": folder / "data"})
        yield running


def _status(address: str, path: str) -> tuple[grpc.StatusCode, str, str]:
    """Code, reason and message that a method answers to an empty request."""
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream(path)(iter([b""]), timeout=10)
        try:
            for _ in call:
                break
        except grpc.RpcError as error:
            info = error_details_pb2.ErrorInfo()
            status = rpc_status.from_call(error)
            if status is not None and status.details:
                status.details[0].Unpack(info)
            return error.code(), info.reason, error.details() or ""
        finally:
            call.cancel()
    return grpc.StatusCode.OK, "", ""


@pytest.mark.parametrize(("service", "method", "comment"), _METHODS, ids=[f"{each[0]}.{each[1]}" for each in _METHODS])
def test_a_method_is_answered_or_says_that_it_is_not_built(
    deployment: testing.Deployment, service: str, method: str, comment: str
) -> None:
    path = f"/hyperdatasets.v1.{service}/{method}"
    centre, node = deployment.service.address, deployment.nodes["north"].node.address
    at_home, elsewhere = (node, centre) if service == "NodeService" else (centre, node)
    code, reason, message = _status(at_home, path)
    assert "Method not found" not in message
    assert (path in NOT_BUILT) == (_SAID in comment)
    if path in NOT_BUILT:
        assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_BUILT")
        assert f"`{service}.{method}` is declared, but not built yet; instead, " in message
    else:
        assert code != grpc.StatusCode.UNIMPLEMENTED
        code, reason, message = _status(elsewhere, path)
        assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_SERVED_HERE")
        assert f"`{service}.{method}` is answered by the " in message


def test_there_is_no_path_that_is_not_declared() -> None:
    assert set(NOT_BUILT) <= {f"/hyperdatasets.v1.{service}/{method}" for service, method, _ in _METHODS}


@pytest.mark.parametrize(
    "path", ["/other.Service/Method", "/hyperdatasets.v1.FrameService/Newer", "/hyperdatasets.v1.NodeService/Newer"]
)
def test_a_method_that_nobody_declares_is_named(deployment: testing.Deployment, path: str) -> None:
    for address in (deployment.service.address, deployment.nodes["north"].node.address):
        code, reason, message = _status(address, path)
        assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_SERVED_HERE")
        assert path.rpartition(".")[2].replace("/", ".") in message


def test_a_python_client_gets_the_error_of_the_reason(deployment: testing.Deployment) -> None:
    connection = Connection(deployment.service.address)
    with pytest.raises(NotBuilt, match=r"`EventService\.Watch` is declared"):
        list(connection.stream(lambda channel: EventServiceStub(channel).Watch, WatchRequest()))
    connection.close()
    client = NodeClient(deployment.service.address)
    with pytest.raises(ProtocolMismatch, match=r"is no hyperdatasets node .* answered by the node of a site"):
        client.status()
    client.close()


def _reflected(address: str, version: str, **request: str) -> reflection_pb2.ServerReflectionResponse:
    """The answer of a raw client of one version of reflection."""
    with grpc.insecure_channel(address) as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        return next(iter(ask(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=10)))


def _files(answer: reflection_pb2.ServerReflectionResponse) -> list[descriptor_pb2.FileDescriptorProto]:
    given = answer.file_descriptor_response.file_descriptor_proto
    return [descriptor_pb2.FileDescriptorProto.FromString(each) for each in given]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_both_versions_of_reflection_list_and_describe_all(tmp_path: Path, version: str) -> None:
    with Service(ServiceConfig(data=tmp_path, port=0, reflection=True)) as service:
        listed = _reflected(service.address, version, list_services="").list_services_response.service
        names = {each.name for each in listed}
        assert names == {f"hyperdatasets.v1.{name}" for name in SERVICES} | {
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        }  # fmt: skip
        for name in names:
            file = _files(_reflected(service.address, version, file_containing_symbol=name))[0]
            assert name in {f"{file.package}.{each.name}" for each in file.service}
            assert _files(_reflected(service.address, version, file_by_filename=file.name))[0] == file
        assert _reflected(service.address, version, file_by_filename="x").error_response.error_code == 5


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_that_is_off_says_how_to_have_it(deployment: testing.Deployment, version: str) -> None:
    code, reason, message = _status(
        deployment.service.address, f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    )
    assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_SERVED_HERE")
    assert "`option reflection`" in message


def test_health_is_answered_by_both(deployment: testing.Deployment) -> None:
    for address in (deployment.service.address, deployment.nodes["north"].node.address):
        with grpc.insecure_channel(address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
