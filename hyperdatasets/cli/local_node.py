"""The node of one person on one machine, which `serve --with-node` runs: made, enrolled and approved by itself.

A node belongs to one deployment. So a service over another data folder gets a node of its own; what earlier nodes know
of their files stays in their folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import hyperdatasets as hd
from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import say, warn
from hyperdatasets.client.config import ClientConfig, home
from hyperdatasets.core.errors import InvalidConfig
from node.config import FILE, load

if TYPE_CHECKING:
    from hyperdatasets.client import admin
    from node import keys, server, setup
else:
    admin = LazyModule("hyperdatasets.client.admin")
    keys = LazyModule("node.keys")
    server = LazyModule("node.server")
    setup = LazyModule("node.setup")

SITE = "local"
PORT = 7410
_ALIAS = "data"


@contextmanager
def running(root: Path, *, service: str, port: int) -> Iterator[server.Node]:
    """Run a node with this folder among its roots, at the service with this address; print what is new.

    Args:
        port: 0 takes a free one.

    Raises:
        InvalidConfig: the port cannot be used.
    """
    with_client = hd.MetadataClient(ClientConfig(service=service))
    try:
        folder = _known(with_client) or _made(with_client, root, service)
    finally:
        with_client.close()
    roots = _with_root(load(folder).roots, root)
    setup.change(folder, service=service, roots=roots, listen=f"127.0.0.1:{port}")
    with _started(folder, port) as node:
        setup.change(folder, service=service, roots=roots, listen=node.address)  # the port that it got
        listed = ", ".join(f"{alias} = {path}" for alias, path in roots.items())
        say(f"node `{node.config.site}`: {node.address}, roots {listed} (profile open)")
        if port != PORT:
            say(f"set HYPERDATASETS_NODE={node.address} where you use it")
        yield node


@contextmanager
def _started(folder: Path, port: int) -> Iterator[server.Node]:
    node = server.Node(folder)
    try:
        node.start()
    except InvalidConfig:
        raise InvalidConfig(
            f"port {port} for the node is in use by another program; choose another by --node-port, or 0 for a free one"
        ) from None
    try:
        yield node
    finally:
        node.stop()


def _known(client: hd.MetadataClient) -> Path | None:
    """The folder of a node that has enrolled at this service and may work; a node that only enrolled is approved."""
    sites = {site.fingerprint: site for site in admin.sites(client=client) if site.state in {"enrolled", "approved"}}
    for path in sorted(home().glob(f"node-{SITE}*/{FILE}")):
        fingerprint = keys.load(path.parent, need_enrolment=False).fingerprint
        if fingerprint in sites:
            admin.approve_site(sites[fingerprint].name, fingerprint=fingerprint, client=client)
            return path.parent
    return None


def _made(client: hd.MetadataClient, root: Path, service: str) -> Path:
    """A new node, at a site that this service does not have yet."""
    taken = {site.name for site in admin.sites(client=client) if site.state != "added"}
    names = (SITE if number == 1 else f"{SITE}-{number}" for number in count(1))
    site = next(name for name in names if name not in taken)
    folder = next(each for each in _folders(site) if not each.exists() or _is_unfinished(each, site))
    if not folder.exists():
        setup.init(folder, site=site, service=service, profile="open", roots={_ALIAS: root})
    setup.change(folder, service=service, roots=load(folder).roots)
    _, token = admin.add_site(site, projects=[""], description="this machine", client=client)
    admin.approve_site(site, fingerprint=setup.enrol(folder, token=token), client=client)
    before = f"; the node of site `{SITE}` is not here, so register your folders again" if SITE in taken else ""
    others = "" if folder == home() / f"node-{site}" else "; nodes of other services stay in theirs"
    say(f"site `{site}` is new at this service: its node is in {folder}, enrolled and approved{before}{others}")
    return folder


def _folders(site: str) -> Iterator[Path]:
    return (home() / (f"node-{site}" if number == 1 else f"node-{site}.{number}") for number in count(1))


def _is_unfinished(folder: Path, site: str) -> bool:
    """Whether the folder holds a node that was made but has not enrolled."""
    return (
        (folder / FILE).exists()
        and load(folder).site == site
        and not keys.load(folder, need_enrolment=False).credential
    )


def _with_root(roots: Mapping[str, Path], added: Path) -> dict[str, Path]:
    """Return the roots with one more. Earlier roots stay, since frames are registered under their names."""
    added = added.resolve()
    for alias, path in roots.items():
        if path != added and (added in path.parents or path in added.parents):
            warn(f"{added} and root `{alias}` ({path}) overlap: a file that is registered under both is two frames")
        if not path.is_dir():
            warn(f"root `{alias}` is not there any more ({path}): its frames cannot be read until it is back")
    if added in roots.values():
        return dict(roots)
    names = (_ALIAS if number == 1 else f"{_ALIAS}-{number}" for number in count(1))
    alias = next(name for name in names if name not in roots)
    say(f"root `{alias}` is new: {added}")
    return {**roots, alias: added}
