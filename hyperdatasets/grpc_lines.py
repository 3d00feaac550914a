"""Lines that gRPC's core writes to standard error; errors are told by exceptions and messages of our own."""

from __future__ import annotations

import os


def silence() -> None:
    """Keeps them back, unless the environment asks for some; gRPC reads it when it is imported."""
    if "GRPC_TRACE" not in os.environ:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
