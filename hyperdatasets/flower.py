"""The data of a site inside of a Flower ClientApp: `site_view(context, "train")`.

The node's address and certificates come from `node_config` (`node-address`, `node-ca`, `node-cert`, `node-key`), the
view from `run_config` (`view-train = "name@sha256:…"`, `experiment`, `purpose`). So the data of a run is changed by
changing its configuration, never its code.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Required, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.client import federated_run
from hyperdatasets.client.federated_run import ClientContext, ClientMessage
from hyperdatasets.client.frame_supply import FrameSupply
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.node import NodeClient, checked_part
from hyperdatasets.client.opened_view import OpenedView
from hyperdatasets.client.session import Session
from hyperdatasets.client.site_nodes import SiteNode
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.media.pixels import Mode


def site_view(
    context: ClientContext,
    name: str = "",
    *,
    message: ClientMessage | None = None,
    reference: str = "",
    partition: tuple[int, int] | None = None,
    experiment: str | None = None,
    purpose: str | None = None,
    epoch: int | None = None,
) -> SiteView:
    """The frames of this site that a data view of the run selects.

    An argument wins over the configuration in the message, which wins over the run configuration.

    Args:
        context: of the ClientApp.
        name: as in the configuration: `view-<name>`.
        message: that the ClientApp answers; its configuration may say `view-<name>`, `experiment` and `purpose`, as
            `ConfigRecord(experiment.run_config)` does.
        reference: `name@sha256:…` of a published view, instead of a name.
        partition: (i, n): only part i of n of this site's order. In a simulation with n clients for each site (so
            `options.num-supernodes` = n times the sites) client k reads site k // n, in the order of the sites' names,
            with `partition=(k % n, n)`; together they read each frame once. Without it a simulation has one client for
            each site.
        experiment: id of the experiment that the node's report names.
        purpose: what the frames are for.
        epoch: read exactly this epoch of a repeating view, such as `server_round - 1`.

    Raises:
        InvalidConfig: the run or the node configuration lacks something, or a simulation has not one client, or n
            clients with their partitions, for each site.
        InvalidReference: the view is not named with its whole digest.
        Refused: the site's policy does not allow it; its operator sees why.
    """
    part = None if partition is None else checked_part(partition)
    run = federated_run.said(context, message)
    settings: SessionSettings = {
        "view": federated_run.view_reference(run, name, reference),
        "experiment": str(run.get("experiment", "")) if experiment is None else experiment,
        "purpose": str(run.get("purpose", "")) if purpose is None else purpose,
        "partition": part or (0, 1),
        "epoch": epoch,
    }
    return SiteView(federated_run.node_of(context, part), settings)


class SessionSettings(TypedDict, total=False):
    """The arguments with which `NodeClient.open` opens the session of a site view."""

    view: Required[str]
    experiment: str
    purpose: str
    partition: tuple[int, int]
    epoch: int | None


def picture(frame: AnyFrame, *, mode: Mode = "default") -> NDArray[np.generic]:
    """The first source of a frame as an array, as shown: `frame.array(mode=mode)`."""
    return frame.array(mode=mode)


class SiteView(OpenedView):
    """The frames of this site, in the view's order; each iteration reads from the node again, nothing is kept."""

    def __init__(self, node: SiteNode | Mapping[str, str], settings: SessionSettings, epoch: int | None = None) -> None:
        """`node`: with `address`, `ca`, `cert`, `key`; `epoch`: read exactly this one, unless the settings say it."""
        self.node = node if isinstance(node, SiteNode) else SiteNode(**node)
        self.settings: SessionSettings = {"epoch": epoch, **settings}
        opening = partial(_opened, self.node, self.settings)  # not a method: so the session ends with the view at once
        super().__init__(opening, f"{settings['view']!r} at {self.node.address}")

    @property
    def session(self) -> Session:
        """At the node; opened when it is first needed."""
        (session,) = self.readers
        return cast("Session", session)

    @property
    def digest(self) -> str:
        """Selection digest of this site."""
        return self.session.digest

    def _supply(self, epoch: int | None) -> FrameSupply:
        own = self.settings.get("epoch")
        if epoch is not None and own not in {None, epoch}:
            raise InvalidArgument(f"epoch: this view was opened for epoch {own}, so it cannot read epoch {epoch}")
        return super()._supply(epoch)


def _opened(node: SiteNode, settings: SessionSettings) -> list[Session]:
    session = NodeClient(**asdict(node)).open(**settings)
    if session.without_site:
        warnings.warn(
            f"{session.without_site} frames of `{settings['view']}` have no site, so they are left out here; "
            "`DataView.open` reads them by their URIs",
            stacklevel=4,
        )
    return [session]
