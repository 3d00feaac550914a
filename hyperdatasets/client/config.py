"""Settings of a client: arguments, then the environment, then `client.toml` in the home folder, the first wins."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from hyperdatasets.client.site_nodes import SiteNode, from_tables
from hyperdatasets.core.address import host_and_port
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.core.section import Section

_LOOPBACK_NODE = "127.0.0.1:7410"
_SECONDS = {"timeout_s": 30.0, "stream_timeout_s": 3_600.0, "reconnect_s": 300.0}
_NAMES = ("service", "ca", "token", *_SECONDS, "experiment", "node", "node_ca", "node_cert", "node_key")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Where the service and the node of this site are, and how a client shows who it is.

    Attributes:
        service: `host:port` of the metadata service.
        ca: file with the certificate of the service's CA; empty = plaintext, on loopback only.
        token: of a user; empty on loopback.
        timeout_s: deadline of a single call, in seconds.
        stream_timeout_s: deadline of a stream, in seconds; a read that takes longer goes on in a new stream.
        reconnect_s: how long, in seconds, a read that has begun waits for a server that does not answer.
        experiment: id of the experiment, as a rule a clone, that a run takes up instead of making a new one.
        node: `host:port` of the node at this site, or of several nodes, with commas between.
        node_ca, node_cert, node_key: files for a node that asks for certificates.
        nodes: the nodes of several sites, each with its own certificates; only in the file, as tables `[nodes.<site>]`.
    """

    service: str = "127.0.0.1:7400"
    ca: str = ""
    token: str = field(default="", repr=False)
    timeout_s: float = _SECONDS["timeout_s"]
    stream_timeout_s: float = _SECONDS["stream_timeout_s"]
    reconnect_s: float = _SECONDS["reconnect_s"]
    experiment: str = ""
    node: str = ""
    node_ca: str = ""
    node_cert: str = ""
    node_key: str = ""
    nodes: tuple[SiteNode, ...] = ()

    @property
    def site_nodes(self) -> tuple[SiteNode, ...]:
        """The nodes to ask: those at the addresses in `node`, or else in `nodes`, or else the one on loopback.

        An address that `nodes` has too is asked with the certificates there.
        """
        if self.nodes and not self.node:
            return self.nodes
        known = {each.address: each for each in self.nodes}
        addresses = dict.fromkeys(each.strip() for each in (self.node or _LOOPBACK_NODE).split(",") if each.strip())
        return tuple(
            known.get(each) or SiteNode(each, ca=self.node_ca, cert=self.node_cert, key=self.node_key)
            for each in addresses
        )


def home(environment: Mapping[str, str] = os.environ) -> Path:
    return Path(environment.get("HYPERDATASETS_HOME") or Path.home() / ".hyperdatasets")


def debugging(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether reports of errors show the frames of this package, too."""
    return environment.get("HYPERDATASETS_DEBUG", "") not in {"", "0"}


def load(environment: Mapping[str, str] = os.environ, **arguments: Any) -> ClientConfig:
    """Settings from all three places.

    Raises:
        InvalidConfig: names the setting and what was expected.
    """
    found: dict[str, Any] = _from_file(home(environment) / "client.toml")
    found |= {name: text for name in _NAMES if (text := environment.get(f"HYPERDATASETS_{name.upper()}"))}
    found |= {name: value for name, value in arguments.items() if value not in {None, ""}}
    for name in _SECONDS & found.keys():
        found[name] = _seconds(name, found[name])
    return ClientConfig(**found)


def _seconds(name: str, given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0
    if not 0 < seconds < math.inf:
        raise InvalidConfig(f"{name}: expected seconds, a number above 0, got {given!r}")
    return seconds


def _in_file(path: Path, message: str) -> InvalidConfig:
    return InvalidConfig(f"{path}: {message}")


def _tables(found: Mapping[str, Any], path: Path) -> tuple[SiteNode, ...]:
    if not isinstance(found["nodes"], Mapping) or not found["nodes"]:
        raise _in_file(path, "nodes: expected a table for each site, such as `[nodes.north]` with its `address`")
    if "node" in found:
        raise _in_file(path, "node, nodes: give the node of one site as `node`, or those of several as `nodes`")
    return from_tables(found["nodes"], "nodes", partial(_in_file, path))


def _check_addresses(path: Path, name: str, given: str) -> None:
    """Of the node several, with commas between; an empty text stands for the default."""
    for each in given.split(",") if name == "node" else [given]:
        try:
            host_and_port(each.strip() or _LOOPBACK_NODE)
        except InvalidConfig as error:
            raise _in_file(path, f"{name}: {error.message}") from None


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"{path}: cannot be read: {error}") from None
    section = Section(plain, "", partial(_in_file, path), [each.name for each in fields(ClientConfig)])
    found = {name: section.raw(name) for name in plain if name in _SECONDS or name == "nodes"}
    found |= {name: section.text(name) for name in plain if name not in found}
    if "nodes" in found:
        found["nodes"] = _tables(found, path)
    for name in {"service", "node"} & found.keys():
        _check_addresses(path, name, found[name])
    return found | {name: _seconds(f"{path}: {name}", found[name]) for name in _SECONDS & found.keys()}
