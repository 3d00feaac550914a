"""Addresses of servers: `host:port`."""

from __future__ import annotations

import re

from hyperdatasets.core.errors import InvalidConfig

MAX_PORT = 65_535
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):(?P<port>[0-9]{1,5})")


def host_and_port(address: str, *, free: bool = False) -> tuple[str, int]:
    """Both parts of an address; an IPv6 host stays in its brackets. `free`: port 0 asks for any free one.

    Raises:
        InvalidConfig: it is no address.
    """
    found = _ADDRESS.fullmatch(address)
    if found is not None and (0 if free else 1) <= int(found["port"]) <= MAX_PORT:
        return found["host"], int(found["port"])
    hint = ", without http:// or a path" if "/" in address else f"; ports go up to {MAX_PORT}" if found else ""
    raise InvalidConfig(f"{address!r} is no address; expected host:port, such as 127.0.0.1:7400{hint}")
