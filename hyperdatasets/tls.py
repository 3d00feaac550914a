"""TLS 1.3 alone in processes of servers and of the command line."""

from __future__ import annotations

import os


def refuse_older() -> None:
    """Lets this process' gRPC speak TLS 1.3 only; to be called before gRPC is imported, which reads it then.

    gRPC for Python has no setting for the least version. But the cipher suites of TLS 1.2 can be chosen, and those of
    1.3 are not concerned: our certificates have EC keys, so with suites for RSA keys alone no 1.2 handshake succeeds.
    """
    os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")
