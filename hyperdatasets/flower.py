"""The data of a site inside of a Flower ClientApp: `site_view(context, "train")`.

The node's address and certificates come from `node_config` (`node-address`, `node-ca`, `node-cert`, `node-key`), the
view from `run_config` (`view-train = "name@sha256:…"`, `experiment`, `purpose`). So the data of a run is changed by
changing its configuration, never its code.
"""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from hyperdatasets.client.node import open_session
from hyperdatasets.client.opened_view import OpenedView
from hyperdatasets.client.session import Session
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.core.names import did_you_mean, nearest

_NODE_KEYS = ("address", "ca", "cert", "key")


class ClientContext(Protocol):
    """What is used of `flwr.app.Context`."""

    node_config: Any
    run_config: Any


def site_view(context: ClientContext, name: str, *, epoch: int | None = None) -> SiteView:
    """The frames of this site that the run's data view `name` selects.

    Args:
        context: of the ClientApp.
        name: as in the run's configuration: `view-<name>`.
        epoch: read exactly this epoch of a repeating view, such as `server_round - 1`.

    Raises:
        InvalidConfig: the run or the node configuration lacks something.
        Refused: the site's policy does not allow it; its operator sees why.
    """
    run = context.run_config
    reference = run.get(f"view-{name}")
    if not reference:
        there = [key.removeprefix("view-") for key in run if key.startswith("view-") and run[key]]
        close = did_you_mean(nearest(name, there)) or f" It names: {', '.join(there) or 'none'}."
        raise InvalidConfig(f"the run configuration names no data view `{name}` (key `view-{name}`).{close}")
    settings = {
        "view": str(reference), "experiment": str(run.get("experiment", "")), "purpose": str(run.get("purpose", "")),
    }  # fmt: skip
    return SiteView(_node(context), settings, epoch)


class SiteView(OpenedView):
    """The frames of this site, in the view's order; each iteration reads from the node again, nothing is kept."""

    def __init__(self, node: Mapping[str, str], settings: Mapping[str, str], epoch: int | None) -> None:
        super().__init__(self._open)
        self.node, self.settings, self.epoch = node, settings, epoch

    @property
    def session(self) -> Session:
        """At the node; opened when it is first needed."""
        (session,) = self.readers
        return cast("Session", session)

    @property
    def digest(self) -> str:
        """Selection digest of this site."""
        return self.session.digest

    def _open(self) -> list[Session]:
        session = open_session(self.node, self.settings, self.epoch)
        if session.without_site:
            warnings.warn(
                f"{session.without_site} frames of `{self.settings['view']}` have no site, so they are left out here; "
                "`DataView.open` reads them by their URIs",
                stacklevel=4,
            )
        return [session]


def _node(context: ClientContext) -> dict[str, str]:
    """Address and certificates: on the deployment engine from the node's configuration, in simulation from a file."""
    own = context.node_config
    if own.get("node-address"):
        return {key: str(own.get(f"node-{key}", "")) for key in _NODE_KEYS}
    path = context.run_config.get("nodes")
    if not path:
        raise InvalidConfig(
            "the SuperNode's configuration has no `node-address`; in simulation the run configuration needs `nodes`, "
            "a TOML file with the address of each site's node"
        )
    try:
        listed = tomllib.loads(Path(str(path)).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"nodes: {path} cannot be read: {error}") from None
    sites = sorted(listed)
    number = int(own.get("partition-id", 0))
    if number >= len(sites):
        raise InvalidConfig(f"nodes: {path} names {len(sites)} sites, this is simulated client {number}")
    return {key: str(listed[sites[number]].get(key, "")) for key in _NODE_KEYS}
