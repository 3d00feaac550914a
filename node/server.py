"""The node put together: the one place that names its parts."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from hyperdatasets.core.address import host_and_port
from hyperdatasets.core.errors import HyperdatasetsError, InvalidConfig, Unavailable
from hyperdatasets.private_folder import make_private
from hyperdatasets.v1 import site_service_pb2 as pb
from hyperdatasets.version import __version__
from hyperdatasets.wire.absent import Absent
from hyperdatasets.wire.authority import Authority
from node import clients, keys
from node.admission import OUTDATED, Admission
from node.audit import Audit
from node.centre import Centre
from node.config import load
from node.content import Contents
from node.servicer import NodeServicer, Site, handlers
from node.sessions import Session, Sessions
from node.sources.local import LocalRoot
from node.store import NodeStore
from node.streaming import Streaming
from node.streams import Streams

MAX_MESSAGE = 64 << 20  # bytes that are sent at once
MAX_REQUEST = 1 << 20  # bytes; what a client asks for is short
_WATCH_S = 0.5  # between looks at policy and revoked clients
_HEARTBEAT_S = 30
_UNAPPROVED_S = 3  # between heartbeats of a site that waits for approval
_LOG = logging.getLogger("node")


class Node:
    """A running node; use as a context manager, or `start` and `stop`."""

    def __init__(self, folder: Path) -> None:
        self.config = load(folder)
        make_private(folder)
        own = keys.load(folder)
        store = NodeStore(folder / "node.db")
        centre = Centre(self.config, own.credential)
        roots = {alias: LocalRoot(alias, path) for alias, path in self.config.roots.items()}
        self._reached_s = 0.0
        self._state: pb.SiteState.ValueType = pb.SITE_STATE_UNSPECIFIED
        self._stopping = threading.Event()
        self._site = Site(
            folder, self.config, own, store, roots, centre,
            Admission(folder, self.config.site, own, store, centre), Sessions(),
            Streaming(store, Contents(roots), own), Streams(), Audit(folder), self._is_connected,
            lambda: self._state, self._ended,
        )  # fmt: skip
        self._health = health.HealthServicer()
        self._server = self._built()
        self._threads = [
            threading.Thread(target=self._watch, name="watch", daemon=True),
            threading.Thread(target=self._report, name="report", daemon=True),
        ]
        self.address = ""

    def start(self) -> Self:
        host, port = host_and_port(self.config.listen, free=True)
        try:
            self.address = f"{host}:{self._bound(host, port)}"
        except HyperdatasetsError:
            self.stop()
            raise
        self._server.start()
        for name in ("", "hyperdatasets.v1.NodeService"):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        for thread in self._threads:
            thread.start()
        return self

    def stop(self, grace_s: float = 5) -> None:
        """Lets running streams end, reports what was served, closes everything; a second time it does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        for session in self._site.sessions.all():
            self._try(self._ended, session)
        for thread in filter(threading.Thread.is_alive, self._threads):
            thread.join(timeout=10)
        self._try(self._send_reports)
        self._site.centre.close()
        for root in self._site.roots.values():
            root.close()
        self._site.store.close()

    def wait(self) -> None:
        self._server.wait_for_termination()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _built(self) -> grpc.Server:
        server = grpc.server(
            ThreadPoolExecutor(48, thread_name_prefix="call"),
            options=[
                ("grpc.max_receive_message_length", MAX_REQUEST), ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=128,
        )  # fmt: skip
        server.add_generic_rpc_handlers((handlers(NodeServicer(self._site)),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        server.add_generic_rpc_handlers((Absent("node"),))
        return server

    def _bound(self, host: str, port: int) -> int:
        address = f"{host}:{port}"
        try:
            if self.config.plaintext:
                return self._server.add_insecure_port(address)
            authority = Authority(self._site.folder / "keys" / "clients", name=f"clients of site {self.config.site}")
            names = [host, socket.gethostname(), "localhost", "127.0.0.1"]
            names += [each.strip() for each in self.config.hostname.split(",") if each.strip()]
            credentials = grpc.ssl_server_credentials(
                [authority.server_pair(list(dict.fromkeys(names)))],
                root_certificates=authority.certificate_pem.encode(), require_client_auth=True,
            )  # fmt: skip
            return self._server.add_secure_port(address, credentials)
        except RuntimeError:
            raise InvalidConfig(f"cannot listen on {address} (is it in use?); change `listen` in node.toml") from None

    def _watch(self) -> None:
        """Ends sessions of clients that were revoked, that a changed policy forbids, and of outdated grants."""
        while not self._stopping.wait(_WATCH_S):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001  # whatever it is, nobody may go on reading unwatched
                _LOG.error("policy and clients cannot be read; nothing is served", exc_info=error)
                self._site.sessions.stop_where(lambda _: "policy and clients cannot be read")
            for session in self._site.sessions.ended():
                self._try(self._ended, session)
            self._site.streams.cut_stalled()

    def _look(self) -> None:
        rules = self._site.rules()
        known = None if self.config.plaintext else clients.active(self._site.folder)

        def reason(session: Session) -> str:
            client = session.client
            if known is not None and known.get(client.name) != client.certificate:
                return "the client was revoked"
            decision = self._site.admission.decided_again(session.grant, client.name, session.purpose, rules)
            if not decision.allowed:
                return f"the policy: {decision.reason}"
            is_current = self._site.admission.is_current(session.grant)
            return "" if is_current else OUTDATED

        self._site.sessions.stop_where(reason)

    def _ended(self, session: Session) -> None:
        """Notes and signs what a session served; the report waits on disk until the centre has it."""
        payload = session.report(self.config.site, time.time_ns() // 1_000_000)
        self._site.store.queue_report(session.id, payload, self._site.keys.sign("session", payload))
        self._site.store.count("frames_served", session.frames)
        self._site.store.count("bytes_served", session.size_bytes)
        self._site.audit.add(
            "served", session=session.id, client=session.client.name, view=session.view, frames=session.frames,
            bytes=session.size_bytes, mismatched=len(session.mismatched), stopped=session.stopped,
        )  # fmt: skip

    def _report(self) -> None:
        since = _HEARTBEAT_S
        while not self._stopping.wait(1):
            since += 1
            if since >= (_HEARTBEAT_S if self._state == pb.SITE_STATE_APPROVED else _UNAPPROVED_S):
                since = 0
                self._try(self._beat)
            self._try(self._send_reports)

    def _try(self, work: Callable[..., None], *arguments: Any) -> None:
        """Work that a thread does again and again: a failure, such as a full disk, must not end the thread."""
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001
            _LOG.error("work beside the calls failed", exc_info=error)

    def _beat(self) -> None:
        try:
            request = pb.HeartbeatRequest(node_version=__version__, frame_count=self._site.store.frame_count())
            self._state = self._site.centre.send(request).state
            self._reached_s = time.monotonic()
        except HyperdatasetsError as error:
            _LOG.warning("the service was not reached", extra={"reason": error.reason})

    def _send_reports(self) -> None:
        try:
            for row in self._site.store.unsent_reports():
                self._site.centre.send(pb.ReportSessionRequest(report=pb.SessionReport(**row)))
                self._site.store.report_sent(row["session_id"], row["payload"])
        except Unavailable:
            return
        except HyperdatasetsError as error:
            _LOG.warning("a report was not taken", extra={"reason": error.reason})

    def _is_connected(self) -> bool:
        return bool(self._reached_s) and time.monotonic() - self._reached_s < 2 * _HEARTBEAT_S
