"""`python -m hyperdatasets.wire.health PORT [CA [CLIENT]]`: whether a server on this machine serves; for health checks.

CA is a file, used if it is there; CLIENT a folder with `client.pem` and `client.key`. A node that asks for a
certificate which is not there counts as healthy as soon as it listens.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_S = 4


def serves(port: int, ca: Path | None = None, client: Path | None = None) -> bool:
    """Asks gRPC's standard health service."""
    if ca is not None and ca.exists() and client is not None and not (client / "client.pem").exists():
        with socket.socket() as probe:
            probe.settimeout(_TIMEOUT_S)
            return probe.connect_ex(("127.0.0.1", port)) == 0
    with _channel(port, ca, client) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _channel(port: int, ca: Path | None, client: Path | None) -> grpc.Channel:
    if ca is None or not ca.exists():
        return grpc.insecure_channel(f"127.0.0.1:{port}")
    key, cert = ((client / name).read_bytes() if client else None for name in ("client.key", "client.pem"))
    return grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(ca.read_bytes(), key, cert))


def main(arguments: list[str]) -> int:
    port, *paths = arguments
    return 0 if serves(int(port), *(Path(path) for path in paths)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
