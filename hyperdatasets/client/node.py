"""A site's node as its clients see it: its state, registration, and sessions over published views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hyperdatasets import allocator
from hyperdatasets.client.config import load
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.session import Session
from hyperdatasets.client.unreachable import NODE
from hyperdatasets.core import reference as references
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig
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
            address, ca=ca, cert=cert, key=key, timeout_s=timeout_s, stream_timeout_s=stream_timeout_s, what="node",
            settings=NODE,
        )  # fmt: skip
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
            purpose: what the frames are for; a strict site asks for one, and the policy of others may.
            partition: (rank, ranks): this reader's part of the order.
            epoch: read exactly this epoch; None = the whole order.

        Raises:
            InvalidReference: the view is not named with its whole digest.
            InvalidArgument: a strict site was given no purpose; or partition or epoch is wrong.
            Refused: unknown, or not allowed at this site; its operator sees the reason.
        """
        references.parse(view)
        rank, ranks = checked_part(partition)
        if epoch is not None and (not isinstance(epoch, int) or epoch < 0):
            raise InvalidArgument(f"epoch: expected a whole number from 0, or None for the whole order; got {epoch!r}")
        request = pb.OpenSessionRequest(
            view=view, purpose=purpose, experiment=experiment, partition=rank, partitions=ranks, epoch=epoch,
        )  # fmt: skip
        return Session(self._connection, request, reconnect_s=self._reconnect_s)

    @property
    def address(self) -> str:
        return self._connection.address

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


def open_session(node: Mapping[str, str], settings: Mapping[str, Any], epoch: int | None) -> Session:
    """A session from plain settings.

    Args:
        node: `address`, `ca`, `cert`, `key`; `site`, if only the node of this site will do.
        settings: `view`, `experiment`, `purpose`; `partition`, if it is not (0, 1).

    Raises:
        InvalidConfig: the node at the address is that of another site.
    """
    client = NodeClient(node["address"], ca=node["ca"], cert=node["cert"], key=node["key"])
    session = client.open(
        view=settings["view"], experiment=settings["experiment"], purpose=settings["purpose"],
        partition=settings.get("partition", (0, 1)), epoch=epoch,
    )  # fmt: skip
    wanted = node.get("site", "")
    if wanted not in {"", session.site}:
        session.close()
        raise other_site(wanted, node["address"], session.site)
    return session


def other_site(wanted: str, address: str, found: str) -> InvalidConfig:
    """The error for an address that is configured for a site and belongs to the node of another."""
    return InvalidConfig(
        f"the node at {address}, configured for site `{wanted}`, is that of site `{found}`; correct the address"
    )


def checked_part(partition: tuple[int, int]) -> tuple[int, int]:
    """The part (i, n) of an order that a reader asks for.

    Raises:
        InvalidArgument: it is no such part.
    """
    match partition:
        case (int(part), int(parts)) if 0 <= part < parts:
            return part, parts
    raise InvalidArgument(f"partition: expected (i, n) with 0 <= i < n, got {partition!r:.100}")


allocator.tune()  # here, since it has to be done before threads are started
