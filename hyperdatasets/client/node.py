"""A site's node as its clients see it: its state, registration, and sessions over published views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hyperdatasets import allocator
from hyperdatasets.client.config import load
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.session import Session
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub


class NodeClient:
    """A node at `host:port`; certificates are needed unless it is an open one on loopback."""

    def __init__(
        self, address: str, *, ca: str = "", cert: str = "", key: str = "", timeout_s: float = 60,
        stream_timeout_s: float = 86_400, reconnect_s: float = 300,
    ) -> None:  # fmt: skip
        """`stream_timeout_s`, `reconnect_s`: see ClientConfig."""
        self._connection = Connection(
            address, ca=ca, cert=cert, key=key, timeout_s=timeout_s, stream_timeout_s=stream_timeout_s, what="node"
        )
        self._reconnect_s = reconnect_s

    def open(
        self,
        *,
        view: str,
        experiment: str = "",
        purpose: str = "",
        partition: tuple[int, int] = (0, 1),
        epoch: int | None = None,
    ) -> Session:
        """Opens a session over the frames of this site that a published view selects.

        Args:
            view: `name@sha256:<digest>`.
            purpose: what the frames are for; the site's policy may ask for it.
            partition: (rank, ranks): this reader's part of the order.
            epoch: read exactly this epoch; None = the whole order.

        Raises:
            Refused: unknown, or not allowed at this site; its operator sees the reason.
        """
        request = pb.OpenSessionRequest(
            view=view, purpose=purpose, experiment=experiment, partition=partition[0], partitions=partition[1],
            epoch=epoch,
        )  # fmt: skip
        return Session(self._connection, request, reconnect_s=self._reconnect_s)

    def status(self) -> pb.GetStatusResponse:
        answer: pb.GetStatusResponse = self._call("GetStatus", pb.GetStatusRequest())
        return answer

    def register(self, request: pb.RegisterRequest, *, operator_secret: str = "") -> Iterator[pb.RegisterResponse]:
        """Progress of a registration, as the node's operator; a strict node asks for its `operator.secret`."""
        more = [("hd-operator", operator_secret)] if operator_secret else []
        return self._connection.stream(lambda channel: NodeServiceStub(channel).Register, request, metadata=more)

    def close(self) -> None:
        self._connection.close()

    def _call(self, method: str, request: Any, **more: Any) -> Any:
        return self._connection.call(lambda channel: getattr(NodeServiceStub(channel), method), request, **more)


def local_node(address: str = "") -> NodeClient:
    """The node of this site: as given, as configured, or on loopback."""
    config = load(node=address)
    return NodeClient(
        config.node, ca=config.node_ca, cert=config.node_cert, key=config.node_key, reconnect_s=config.reconnect_s
    )


def open_session(node: Mapping[str, str], settings: Mapping[str, str], epoch: int | None) -> Session:
    """A session from plain settings, which can be sent to another process.

    Args:
        node: `address`, `ca`, `cert`, `key`.
        settings: `view`, `experiment`, `purpose`.
    """
    client = NodeClient(node["address"], ca=node["ca"], cert=node["cert"], key=node["key"])
    return client.open(
        view=settings["view"], experiment=settings["experiment"], purpose=settings["purpose"], epoch=epoch
    )


allocator.tune()  # here, since it has to be done before threads are started
