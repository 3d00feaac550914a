"""Calls to a server: channels that are opened when first used, deadlines, retries, errors as our own."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc

from hyperdatasets.client.unreachable import SERVICE, Endpoint, Settings, check_files, reason
from hyperdatasets.core.address import host_and_port
from hyperdatasets.core.errors import (
    HyperdatasetsError,
    InvalidConfig,
    NotServedHere,
    ProtocolMismatch,
    Unavailable,
    Unimplemented,
)
from hyperdatasets.wire.errors import from_rpc_error

PROTOCOL = "1"
MAX_MESSAGE = 64 << 20  # bytes
_TRIES = 4
_FIRST_WAIT_S = 0.2
_TELLING_S = 1.0
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Response = TypeVar("Response")


class Connection:
    """A server at `host:port`; usable after a fork (a new channel per process) and from several threads."""

    def __init__(
        self, address: str, *, ca: str = "", cert: str = "", key: str = "", token: str = "", timeout_s: float = 30,
        stream_timeout_s: float = 3_600, what: str = "service",
        settings: Settings = SERVICE,
    ) -> None:  # fmt: skip
        """`timeout_s`, `stream_timeout_s`: deadlines of a call with one answer, and of a stream.

        Args:
            ca, cert, key: paths of files; without `ca` there is no TLS.
            settings: what errors call the settings.
        """
        host_and_port(address)
        self.address, self._what = address, what
        files = (str(Path(each).expanduser()) if each else "" for each in (ca, cert, key))
        self._endpoint = Endpoint(what, address, settings, *files)
        self.timeout_s, self.stream_timeout_s = timeout_s, stream_timeout_s
        self._metadata = [("hd-protocol", PROTOCOL)]
        if token:
            self._metadata.append(("authorization", f"Bearer {token}"))
        self._channels: dict[int, grpc.Channel] = {}
        self._lock = threading.Lock()

    @property
    def channel(self) -> grpc.Channel:
        with self._lock:
            found = self._channels.get(os.getpid())
            if found is None:
                found = self._channels[os.getpid()] = self._open()
            return found

    def call(
        self, method: Callable[[grpc.Channel], Any], request: Any, *, timeout_s: float | None = None,
        tries: int = _TRIES,
    ) -> Any:  # fmt: skip
        """One answer; a server that cannot be reached is tried again for a few seconds.

        Mutations carry a request id, so that trying again cannot do them twice.
        """
        for attempt in range(tries):
            try:
                return method(self.channel)(request, timeout=timeout_s or self.timeout_s, metadata=self._metadata)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or attempt == tries - 1:
                    raise self._translated(error) from None
                time.sleep(_FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  # jitter, no secret
        raise AssertionError("the loop ends by an answer or an error")

    def tell(self, method: Callable[[grpc.Channel], Any], request: Any) -> None:
        """One try within a second, for what the server finds out by itself in the end."""
        method(self.channel)(request, timeout=_TELLING_S, metadata=self._metadata)

    def stream(
        self,
        method: Callable[[grpc.Channel], Any],
        request: Any,
        *,
        timeout_s: float | None = None,
        metadata: Iterable[tuple[str, str]] = (),
    ) -> Iterator[Any]:
        """Messages of a stream; ending the iteration early cancels the call."""
        timeout_s = timeout_s or self.stream_timeout_s
        call = method(self.channel)(request, timeout=timeout_s, metadata=[*self._metadata, *metadata])
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._translated(error) from None
        finally:
            call.cancel()

    def close(self) -> None:
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def __getstate__(self) -> dict[str, Any]:
        """To be sent to another process, which opens a channel of its own; a token is not sent with it."""
        state = {name: value for name, value in self.__dict__.items() if name not in {"_channels", "_lock"}}
        return state | {"_metadata": [each for each in self._metadata if each[0] != "authorization"]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _channels={}, _lock=threading.Lock())

    def _translated(self, error: grpc.RpcError) -> HyperdatasetsError:
        found = from_rpc_error(error)
        if isinstance(found, Unavailable):
            return Unavailable(reason(self._endpoint) or self._cut_off(found), address=self.address)
        if error.code() == grpc.StatusCode.CANCELLED:  # by the server; who iterates and stops sees no error
            return Unavailable(f"the {self._what} at {self.address} ended the call", address=self.address)
        if isinstance(found, NotServedHere) or (isinstance(found, Unimplemented) and found.fields.get("code")):
            said = f": {found.message}" if isinstance(found, NotServedHere) else ""
            return ProtocolMismatch(
                f"the server at {self.address} is no hyperdatasets {self._what} of protocol {PROTOCOL}{said}"
            )
        return found

    def _cut_off(self, error: Unavailable) -> str:
        """Said where a connection can be made, and yet the call was not answered."""
        if "HTTP/2" in error.message:  # which whatever listens there does not speak
            return (
                f"what answers at {self.address} is no hyperdatasets {self._what}, but another program; check "
                f"{self._endpoint.settings.address}"
            )
        return f"the {self._what} at {self.address} cannot be reached ({error.message[:200]}); is it running there?"

    def _open(self) -> grpc.Channel:
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 500),  # within our own tries
        ]  # fmt: skip
        check_files(self._endpoint)
        end = self._endpoint
        if not end.ca:
            if not self.address.startswith(_LOOPBACK):
                raise InvalidConfig(
                    f"{self.address} is not on this machine: give the CA of the {self._what} (`ca`); set "
                    f"{end.settings.ca} to {end.ca_file}"
                )
            return grpc.insecure_channel(self.address, options)
        ca, cert, key = (Path(path).read_bytes() if path else None for path in (end.ca, end.cert, end.key))
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(ca, key, cert), options)
