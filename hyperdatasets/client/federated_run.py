"""The settings of one client of a federated run: its node, its data view, its purpose.

They are in three places, and the first wins: the arguments of a call, the configuration in the message that the client
answers, the configuration of the run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hyperdatasets.client.site_nodes import KEYS, SiteNode, from_tables
from hyperdatasets.core import reference as references
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig
from hyperdatasets.core.names import did_you_mean, nearest


class ClientContext(Protocol):
    """The attributes of `flwr.app.Context` that are used here."""

    node_config: Any
    run_config: Any


class ClientMessage(Protocol):
    """The attributes of `flwr.app.Message` that are used here."""

    content: Any


def said(context: ClientContext, message: ClientMessage | None) -> dict[str, Any]:
    """The configuration of the run, updated by the configuration in the message."""
    found = dict(context.run_config)
    if message is not None:
        for record in message.content.config_records.values():
            found |= record
    return found


def view_reference(run: Mapping[str, Any], name: str, given: str) -> str:
    """The reference that was given, or else that of the view which the run calls `name`.

    Raises:
        InvalidConfig: the run names no such view.
        InvalidReference: the reference has no whole digest.
    """
    if given:
        return _checked(given, "reference")
    if not name:
        raise InvalidArgument("say which data view: its name in the run configuration, or `reference=`")
    found = str(run.get(f"view-{name}") or "")
    if not found:
        there = [key.removeprefix("view-") for key in run if key.startswith("view-") and run[key]]
        close = did_you_mean(nearest(name, there)) or f" It names: {', '.join(there) or 'none'}."
        raise InvalidConfig(f"the run configuration names no data view `{name}` (key `view-{name}`).{close}")
    return _checked(found, f"run configuration, `view-{name}`")


def node_of(context: ClientContext, part: tuple[int, int] | None) -> SiteNode:
    """The node of this client: the SuperNode's configuration names it, or in a simulation a file names all.

    Args:
        part: (i, n) if this client reads a part of its site only; see `simulated`.

    Raises:
        InvalidConfig: no node is named, or the simulation has another number of clients than there are sites.
    """
    own = context.node_config
    if own.get("node-address"):
        return SiteNode(**{key: str(own.get(f"node-{key}", "")) for key in KEYS})
    path = context.run_config.get("nodes")
    if not path or "partition-id" not in own or "num-partitions" not in own:
        raise InvalidConfig(
            "the SuperNode's configuration has no `node-address`; in a simulation the run configuration needs `nodes`, "
            "a TOML file with the address of each site's node"
        )
    return simulated(_listed(Path(str(path))), int(own["partition-id"]), int(own["num-partitions"]), part)


def simulated(sites: tuple[SiteNode, ...], client: int, clients: int, part: tuple[int, int] | None = None) -> SiteNode:
    """The node of a simulated client, so that every site is read, and no frame is read twice.

    With as many clients as sites, client k reads site k in the order of the sites' names. With n clients for each site
    client k reads site k // n, and has to say that it reads part (k % n, n) of it.

    Raises:
        InvalidConfig: the numbers do not fit; names the setting to change.
    """
    if not 0 <= client < clients:
        raise InvalidConfig(f"this is simulated client {client} of {clients}: they are numbered from 0")
    if clients == len(sites):
        return sites[client]
    if part is not None and clients == len(sites) * part[1]:
        if part[0] != client % part[1]:
            raise InvalidConfig(
                f"simulated client {client} of {clients} reads part {client % part[1]} of its site: "
                f"partition=({client % part[1]}, {part[1]}), not {part}"
            )
        return sites[client // part[1]]
    names = ", ".join(f"`{each.site}`" for each in sites)
    share = f"; for {part[1]} clients at each site, to {len(sites) * part[1]}" if part is not None else ""
    raise InvalidConfig(
        f"`nodes` names {len(sites)} sites ({names}), and the simulation has {clients} clients: "
        f"{_amiss(sites, clients)}. Set `options.num-supernodes` of the simulation to {len(sites)}{share}"
    )


def _amiss(sites: tuple[SiteNode, ...], clients: int) -> str:
    if clients < len(sites):
        return f"nobody would read {', '.join(f'`{each.site}`' for each in sites[clients:])}"
    return "some sites would be read twice; give `partition=(i, n)` to let n clients share each site"


def _listed(path: Path) -> tuple[SiteNode, ...]:
    def error(message: str) -> InvalidConfig:
        return InvalidConfig(f"nodes: {path}: {message}")

    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise error(f"cannot be read: {problem}") from None
    if not plain:
        raise error("there is no site in it")
    return from_tables(plain, "", error)


def _checked(text: str, where: str) -> str:
    references.parse(text, where)
    return text
