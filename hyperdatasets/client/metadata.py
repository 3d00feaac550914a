"""The metadata service as clients see it; objects such as Dataset and DataView are built on this."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import grpc

from hyperdatasets.client.config import ClientConfig, load
from hyperdatasets.client.connection import PROTOCOL, Connection
from hyperdatasets.client.unreachable import SERVICE, Settings
from hyperdatasets.v1 import check_service_pb2 as checks_pb
from hyperdatasets.v1 import dataset_service_pb2 as datasets_pb
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import experiment_service_pb2 as experiments_pb
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from hyperdatasets.v1 import user_service_pb2 as users_pb
from hyperdatasets.v1 import version_service_pb2 as versions_pb
from hyperdatasets.v1.check_service_pb2_grpc import CheckServiceStub
from hyperdatasets.v1.dataset_service_pb2_grpc import DatasetServiceStub
from hyperdatasets.v1.dataview_service_pb2_grpc import DataViewServiceStub
from hyperdatasets.v1.experiment_service_pb2_grpc import ExperimentServiceStub
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub
from hyperdatasets.v1.site_service_pb2_grpc import SiteServiceStub
from hyperdatasets.v1.user_service_pb2_grpc import UserServiceStub
from hyperdatasets.v1.version_service_pb2_grpc import VersionServiceStub

_SERVICES: tuple[tuple[Any, Callable[[grpc.Channel], Any]], ...] = (
    (datasets_pb, DatasetServiceStub),
    (versions_pb, VersionServiceStub),
    (frames_pb, FrameServiceStub),
    (views_pb, DataViewServiceStub),
    (checks_pb, CheckServiceStub),
    (sites_pb, SiteServiceStub),
    (experiments_pb, ExperimentServiceStub),
    (users_pb, UserServiceStub),
)
_METHODS = {
    method.name: stub
    for module, stub in _SERVICES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class MetadataClient:
    """A connection to one deployment; `send` takes any request message of the protos."""

    def __init__(self, config: ClientConfig | None = None, *, named: Settings = SERVICE, **settings: Any) -> None:
        """`named`: what errors call the settings of the connection."""
        self.config, self._named = config or load(**settings), named
        self.connection = self._connection()

    def send(self, request: Any, **how: Any) -> Any:
        """The response to a request; a request id is added where there is room for one. `how`: see Connection.call."""
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = new_request_id()
        return self.connection.call(_method(request), request, **how)

    def stream(self, request: Any, *, timeout_s: float | None = None) -> Iterator[Any]:
        return self.connection.stream(_method(request), request, timeout_s=timeout_s)

    def who_am_i(self) -> users_pb.WhoAmIResponse:
        """Also tells whether there is a service of this protocol at all."""
        answer: users_pb.WhoAmIResponse = self.send(users_pb.WhoAmIRequest(protocol=int(PROTOCOL)))
        return answer

    def close(self) -> None:
        self.connection.close()

    def __getstate__(self) -> dict[str, Any]:
        """To be sent to another process, without the token: that one has settings of its own, and takes theirs."""
        return {"config": replace(self.config, token=""), "_named": self._named}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.config = replace(self.config, token=load().token)
        self.connection = self._connection()

    def _connection(self) -> Connection:
        each = self.config
        return Connection(
            each.service, ca=each.ca, token=each.token, timeout_s=each.timeout_s,
            stream_timeout_s=each.stream_timeout_s, settings=self._named,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"MetadataClient({self.config.service!r})"


def new_request_id() -> str:
    return secrets.token_hex(16)


class _Default:
    """The client that objects use when they are given none."""

    def __init__(self) -> None:
        self._client: MetadataClient | None = None
        self._lock = threading.Lock()

    def get(self) -> MetadataClient:
        with self._lock:
            if self._client is None:
                self._client = MetadataClient()
            return self._client

    def set(self, client: MetadataClient | None) -> None:
        with self._lock:
            self._client = client


_DEFAULT = _Default()


def connect(service: str = "", *, ca: str = "", token: str = "", timeout_s: float | None = None) -> MetadataClient:
    """Makes a connection the default of all objects; checks that the service answers.

    Args:
        service: `host:port`; default: HYPERDATASETS_SERVICE, the client config file, 127.0.0.1:7400.

    Raises:
        Unavailable: nobody answers there.
        ProtocolMismatch: another server, or another version of the protocol.
    """
    client = MetadataClient(service=service, ca=ca, token=token, timeout_s=timeout_s)
    client.who_am_i()
    _DEFAULT.set(client)
    return client


def use(client: MetadataClient) -> None:
    """Makes a connection the default of all objects."""
    _DEFAULT.set(client)


def current(client: MetadataClient | None = None) -> MetadataClient:
    return client or _DEFAULT.get()


def pages(client: MetadataClient, request: Any) -> Iterator[Any]:
    """The responses to a request for a list, page after page; the request's page token goes on with them."""
    while True:
        answer = client.send(request)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _method(request: Any) -> Callable[[grpc.Channel], Any]:
    name = request.DESCRIPTOR.name.removesuffix("Request")
    stub = _METHODS[name]
    return lambda channel: getattr(stub(channel), name)
