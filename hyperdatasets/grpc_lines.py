"""The lines that gRPC's core writes to standard error; our own exceptions and messages say the same better."""

from __future__ import annotations

import os


def silence() -> None:
    """Silences them unless the environment asks for some; call it before gRPC is imported, which reads it then."""
    if "GRPC_TRACE" not in os.environ:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
