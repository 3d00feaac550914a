"""The service put together: the one place that names its parts."""

from __future__ import annotations

import errno
import logging
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from hyperdatasets.core.address import MAX_PORT
from hyperdatasets.core.errors import HyperdatasetsError, InvalidConfig
from hyperdatasets.private_folder import make_private
from hyperdatasets.v1 import (
    check_service_pb2_grpc,
    dataset_service_pb2_grpc,
    dataview_service_pb2_grpc,
    experiment_service_pb2_grpc,
    frame_service_pb2_grpc,
    site_service_pb2_grpc,
    user_service_pb2_grpc,
    version_service_pb2_grpc,
)
from hyperdatasets.wire.authority import Authority
from metadata_service import reflection
from metadata_service.access import Gate
from metadata_service.catalog import users
from metadata_service.catalog.caller import LOCAL_ADMIN
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.hidden import SecretKey
from metadata_service.catalog.indexes import Indexes
from metadata_service.catalog.records import Signer
from metadata_service.catalog.vector_indexes import VectorIndexes
from metadata_service.config import ServiceConfig
from metadata_service.data_folder import Hold
from metadata_service.servicers.checks import CheckServicer
from metadata_service.servicers.datasets import DatasetServicer
from metadata_service.servicers.experiments import ExperimentServicer
from metadata_service.servicers.frames import FrameServicer
from metadata_service.servicers.sites import SiteServicer
from metadata_service.servicers.users import UserServicer
from metadata_service.servicers.versions import VersionServicer
from metadata_service.servicers.views import DataViewServicer
from metadata_service.store.protocol import Store
from metadata_service.store.sqlite import SqliteStore

MAX_MESSAGE = 64 << 20  # bytes
SERVICES = (
    "DatasetService",
    "VersionService",
    "FrameService",
    "DataViewService",
    "CheckService",
    "SiteService",
    "ExperimentService",
    "UserService",
)
_LOG = logging.getLogger("metadata_service")


class Service:
    """A running service; use as a context manager, or `start` and `stop`."""

    def __init__(self, config: ServiceConfig, *, now_ms: Callable[[], int] | None = None) -> None:
        """`now_ms`: another clock than the machine's, in milliseconds since 1970."""
        self._config = config
        self._hold = _held(config.data)
        self._store, self._deployment = opened(config.data, now_ms=now_ms, silence_s=config.experiment_seconds)
        self._authority = None if config.loopback else Authority(config.data / "keys", name="hyperdatasets service")
        self._health = health.HealthServicer()
        self._server = self._built()
        self.address = ""
        self._stopped = False
        self.first_token = "" if config.loopback else self._first_token()

    def start(self) -> Self:
        try:
            port = self._bound()
        except HyperdatasetsError:
            self.stop()
            raise
        self.address = f"{self._config.host}:{port}"
        self._server.start()
        self._deployment.indexes.start()
        self._deployment.vectors.start()
        for name in ("", *(f"hyperdatasets.v1.{service}" for service in SERVICES)):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        _LOG.info("serving", extra={"address": self.address})
        return self

    def stop(self, grace_s: float = 5) -> None:
        """Lets running calls end, then closes everything; a second time it does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        self._deployment.indexes.stop()
        self._deployment.vectors.stop()
        self._store.close()
        self._hold.let_go()

    def wait(self) -> None:
        self._server.wait_for_termination()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _built(self) -> grpc.Server:
        streams = max(1, self._config.threads * 3 // 4)
        gate = Gate(self._store, self._deployment.now_ms, open_to_all=self._config.loopback, streams=streams,
                    query_s=self._config.query_seconds)  # fmt: skip
        server = grpc.server(
            ThreadPoolExecutor(self._config.threads, thread_name_prefix="call"),
            interceptors=[gate],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=4 * self._config.threads,
        )  # fmt: skip
        dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(DatasetServicer(self._deployment), server)
        version_service_pb2_grpc.add_VersionServiceServicer_to_server(VersionServicer(self._deployment), server)
        frame_service_pb2_grpc.add_FrameServiceServicer_to_server(FrameServicer(self._deployment), server)
        dataview_service_pb2_grpc.add_DataViewServiceServicer_to_server(DataViewServicer(self._deployment), server)
        check_service_pb2_grpc.add_CheckServiceServicer_to_server(CheckServicer(self._deployment), server)
        experiment_service_pb2_grpc.add_ExperimentServiceServicer_to_server(
            ExperimentServicer(self._deployment), server
        )
        sites = SiteServicer(self._deployment, self._authority)  # type: ignore[abstract]  # less `wire.absent.NOT_BUILT`
        site_service_pb2_grpc.add_SiteServiceServicer_to_server(sites, server)
        user_service_pb2_grpc.add_UserServiceServicer_to_server(UserServicer(self._deployment), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._config.reflection:
            names = [f"hyperdatasets.v1.{name}" for name in SERVICES]
            reflection.serve(server, [*names, health.SERVICE_NAME])
        return server

    def _bound(self) -> int:
        host, port = self._config.host, self._config.port
        _check_free(host, port)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._authority is None:
                return self._server.add_insecure_port(address)
            names = [host, socket.gethostname(), "localhost", "127.0.0.1"]
            names += [each.strip() for each in self._config.hostname.split(",") if each.strip()]
            pair = self._authority.server_pair(list(dict.fromkeys(names)))
            return self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        except RuntimeError:
            raise InvalidConfig(f"cannot listen on {address}; choose another `port`, or 0 for a free one") from None

    def _first_token(self) -> str:
        """Off loopback somebody must be admin: the first start makes `admin` and shows a token this once."""
        with self._store.writing() as writing:
            if writing.rows("users"):
                return ""
            now = self._deployment.now_ms()
            row = users.create(writing, LOCAL_ADMIN, now, name="admin", roles={"": "admin"})
            token = users.new_secret("hd_user")
            users.add_token(writing, LOCAL_ADMIN, now, row, days=0, token=token)
            return token


def _held(data: Path) -> Hold:
    try:
        make_private(data)
        return Hold(data)
    except OSError as error:
        raise InvalidConfig(f"the data folder {data} cannot be used: {error.strerror}") from None


def opened(data: Path, *, now_ms: Callable[[], int] | None = None, silence_s: int = 90) -> tuple[Store, Deployment]:
    """What a data folder holds, made if it is new; no thread runs yet."""
    now_ms = now_ms or _now_ms
    try:
        make_private(data)
        store = SqliteStore(data / "metadata.db")
    except OSError as error:
        raise InvalidConfig(f"the data folder {data} cannot be used: {error.strerror}") from None
    except HyperdatasetsError as error:
        raise InvalidConfig(f"the data folder {data} cannot be used: {error.message}") from error
    with store.writing() as writing:
        settings = {row["name"]: row["value"] for row in writing.rows("settings")}
        for name in ("deployment_id", "page_key"):
            if name not in settings:
                settings[name] = secrets.token_hex(16)
                writing.insert("settings", {"name": name, "value": settings[name]})
    deployment = Deployment(
        id=settings["deployment_id"], store=store, indexes=Indexes(data / "index", store),
        vectors=VectorIndexes(data / "index" / "vectors", store),
        signer=Signer.open(data / "keys" / "records.key"), page_key=bytes.fromhex(settings["page_key"]),
        secret_key=SecretKey.open(data / "keys" / "secrets.key"),
        now_ms=now_ms, silence_ms=1_000 * silence_s,
    )  # fmt: skip
    return store, deployment


def _check_free(host: str, port: int) -> None:
    if not 0 <= port <= MAX_PORT:
        raise InvalidConfig(f"port: expected 0 to {MAX_PORT}, got {port}")
    if not port:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = (
                "is in use by another program"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used ({error.strerror})"
            )
            raise InvalidConfig(f"port {port} on {host} {why}; choose another, or 0 for a free one") from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
