"""The metadata service as the node sees it. The node calls; nobody calls the node from outside of its site."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.unreachable import NODE_TOML
from node.config import NodeConfig


class Centre:
    """A connection with the node's own credential."""

    def __init__(self, config: NodeConfig, credential: str) -> None:
        client_config = ClientConfig(service=config.service, ca=config.service_ca, token=credential)
        self.client = MetadataClient(client_config, named=NODE_TOML)

    def send(self, request: Any, *, timeout_s: float | None = None) -> Any:
        return self.client.send(request, timeout_s=timeout_s)

    def stream(self, request: Any) -> Iterator[Any]:
        return self.client.stream(request)

    def close(self) -> None:
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
