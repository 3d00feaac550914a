"""Settings of a client: arguments, then the environment, then `client.toml` in the home folder, the first wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.core.section import Section

_NAMES = ("service", "ca", "token", "timeout_s", "experiment", "node", "node_ca", "node_cert", "node_key")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Where the service and the node of this site are, and how a client shows who it is.

    Attributes:
        service: `host:port` of the metadata service.
        ca: file with the certificate of the service's CA; empty = plaintext, on loopback only.
        token: of a user; empty on loopback.
        timeout_s: deadline of a single call, in seconds.
        experiment: id of the experiment, as a rule a clone, that a run takes up instead of making a new one.
        node: `host:port` of the node at this site.
        node_ca, node_cert, node_key: files for a node that asks for certificates.
    """

    service: str = "127.0.0.1:7400"
    ca: str = ""
    token: str = ""
    timeout_s: float = 30
    experiment: str = ""
    node: str = "127.0.0.1:7410"
    node_ca: str = ""
    node_cert: str = ""
    node_key: str = ""


def home(environment: Mapping[str, str] = os.environ) -> Path:
    return Path(environment.get("HYPERDATASETS_HOME") or Path.home() / ".hyperdatasets")


def load(environment: Mapping[str, str] = os.environ, **arguments: Any) -> ClientConfig:
    """Settings from all three places.

    Raises:
        InvalidConfig: names the setting and what was expected.
    """
    found: dict[str, Any] = _from_file(home(environment) / "client.toml")
    found |= {name: text for name in _NAMES if (text := environment.get(f"HYPERDATASETS_{name.upper()}"))}
    found |= {name: value for name, value in arguments.items() if value not in {None, ""}}
    try:
        found["timeout_s"] = float(found.get("timeout_s", 30))
    except (TypeError, ValueError):
        raise InvalidConfig(f"timeout_s: expected seconds, got {found['timeout_s']!r}") from None
    return ClientConfig(**found)


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"{path}: cannot be read: {error}") from None
    section = Section(plain, "", InvalidConfig, [each.name for each in fields(ClientConfig)])
    return {name: section.raw(name) for name in plain}
