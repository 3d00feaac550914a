"""A site's node as its clients see it: its state, registration, and sessions over published views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from hyperdatasets import allocator
from hyperdatasets.client.config import load
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.session import Session
from hyperdatasets.client.unreachable import NODE
from hyperdatasets.core import reference as references
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig
from hyperdatasets.core.names import not_found
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub


class NodeClient:
    """A node at `host:port`; certificates are needed unless it is an open one on loopback."""

    def __init__(
        self, address: str, *, ca: str = "", cert: str = "", key: str = "", timeout_s: float = 60,
        stream_timeout_s: float = 86_400, reconnect_s: float = 300, site: str = "",
    ) -> None:  # fmt: skip
        """`stream_timeout_s`, `reconnect_s`: see ClientConfig. `site`: a node of another site is an error."""
        self._connection = Connection(
            address, ca=ca, cert=cert, key=key, timeout_s=timeout_s, stream_timeout_s=stream_timeout_s, what="node",
            settings=NODE,
        )  # fmt: skip
        self._reconnect_s, self.wanted_site = reconnect_s, site

    def __repr__(self) -> str:
        return f"NodeClient({self._connection.address!r})"

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
            InvalidConfig: the node is that of another site than configured.
            Refused: unknown, or not allowed at this site; its operator sees the reason.
        """
        references.parse(view)
        rank, ranks = checked_part(partition)
        if epoch is not None and (not isinstance(epoch, int) or epoch < 0):
            raise InvalidArgument(f"epoch: expected a whole number from 0, or None for the whole order; got {epoch!r}")
        request = pb.OpenSessionRequest(
            view=view, purpose=purpose, experiment=experiment, partition=rank, partitions=ranks, epoch=epoch,
        )  # fmt: skip
        session = Session(self._connection, request, reconnect_s=self._reconnect_s)
        if self.wanted_site not in {"", session.site}:
            session.close()
            raise self._of_other_site(session.site)
        return session

    @property
    def site(self) -> str:
        """The name of the node's site, which the node is asked for.

        Raises:
            InvalidConfig: the node is configured for another site.
        """
        found = str(self.status().site)
        if self.wanted_site not in {"", found}:
            raise self._of_other_site(found)
        return found

    @property
    def address(self) -> str:
        return self._connection.address

    def status(self) -> pb.GetStatusResponse:
        """How the node is: its site and state, frames, sessions, what it served."""
        answer: pb.GetStatusResponse = self._connection.call(
            lambda channel: NodeServiceStub(channel).GetStatus, pb.GetStatusRequest()
        )
        return answer

    def register(self, request: pb.RegisterRequest, *, operator_secret: str = "") -> Iterator[pb.RegisterResponse]:
        """Progress of a registration, as the node's operator; a strict node asks for its `operator.secret`."""
        more = [("hd-operator", operator_secret)] if operator_secret else []
        return self._connection.stream(lambda channel: NodeServiceStub(channel).Register, request, metadata=more)

    def close(self) -> None:
        self._connection.close()

    def _of_other_site(self, found: str) -> InvalidConfig:
        return InvalidConfig(
            f"the node at {self.address}, configured for site `{self.wanted_site}`, is that of site `{found}`; correct "
            "the address"
        )


def local_nodes(address: str = "") -> list[NodeClient]:
    """The nodes at the given addresses (comma-separated), or those that are configured, or the one on loopback."""
    config = load(node=address)
    return [NodeClient(**asdict(each), reconnect_s=config.reconnect_s) for each in config.site_nodes]


Nodes = str | NodeClient | Iterable[NodeClient | str] | None
"""The nodes to read from: clients and addresses, one or several, also with commas between; None: those configured."""


def listed_nodes(given: Nodes) -> list[NodeClient]:
    """The clients of the nodes that are given, or of those that are configured."""
    found: list[NodeClient] = []
    for each in [given or ""] if given is None or isinstance(given, str | NodeClient) else given:
        if not isinstance(each, NodeClient | str):
            raise InvalidArgument(f"node: expected a NodeClient or an address, got {each!r:.60}")
        found += [each] if isinstance(each, NodeClient) else local_nodes(each)
    return found


def local_node(address: str = "", *, site: str = "") -> NodeClient:
    """One node: the only one that is given or configured, or that of a site.

    Raises:
        InvalidConfig: several are configured, and it is not said which.
        NotFound: none of them is that of the site.
    """
    nodes = local_nodes(address)
    if site:
        asked = by_site(each for each in nodes if each.wanted_site in {"", site})
        if site not in asked:
            others = filter(None, (each.wanted_site for each in nodes))
            raise not_found("configured node of site", site, [*asked, *others])
        return asked[site]
    if len(nodes) > 1:
        known = ", ".join(f"`{each.wanted_site or each.address}`" for each in nodes)
        raise InvalidConfig(f"there are several nodes ({known}): say which, by `site=` or by the address in `node=`")
    return nodes[0]


def by_site(nodes: Iterable[NodeClient]) -> dict[str, NodeClient]:
    """The nodes by their sites; each node is asked for its own.

    Raises:
        InvalidConfig: two are of the same site, or one is configured for another site.
        Unavailable: one does not answer; names its address.
    """
    found: dict[str, NodeClient] = {}
    for node in nodes:
        other = found.setdefault(node.site, node)
        if other is not node:
            raise InvalidConfig(
                f"the nodes at {other.address} and {node.address} are both of site `{node.site}`; give each site once"
            )
    return found


def checked_part(partition: tuple[int, int]) -> tuple[int, int]:
    """The part (i, n) of an order that a reader asks for.

    Raises:
        InvalidArgument: it is not two such numbers.
    """
    match partition:
        case (int(part), int(parts)) if 0 <= part < parts:
            return part, parts
    raise InvalidArgument(f"partition: expected (i, n) with 0 <= i < n, got {partition!r:.100}")


allocator.tune()  # here, since it has to be done before threads are started
