"""`serve` and `demo`: the commands that run servers on this machine."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import hyperdatasets as hd
from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import console, say
from hyperdatasets.client.config import ClientConfig, home
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.log_lines import to_stderr
from hyperdatasets.stopping import told_to_stop
from metadata_service.config import load
from node.config import FILE

if TYPE_CHECKING:
    from hyperdatasets.client import admin
    from metadata_service import server
    from node import server as node_server
    from node import setup
else:
    admin = LazyModule("hyperdatasets.client.admin")
    server = LazyModule("metadata_service.server")
    node_server = LazyModule("node.server")
    setup = LazyModule("node.setup")

LOCAL = "local"


def serve(
    data: Annotated[Path | None, typer.Option(help="Folder of the database, the index and the keys.")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; off loopback TLS and tokens are required.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    hostname: Annotated[str | None, typer.Option(help="Further names in the certificate, with commas between.")] = None,
    reflection: Annotated[bool | None, typer.Option(help="Let clients list the service's methods.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these settings.")] = None,
    with_node: Annotated[
        Path | None, typer.Option(help="Also run a node `local` (profile open) with this folder as its root.")
    ] = None,
) -> None:
    """Run the metadata service until Ctrl-C."""
    to_stderr(logging.WARNING)
    arguments = {"data": data or home() / "service", "host": host, "port": port, "hostname": hostname,
                 "reflection": reflection}  # fmt: skip
    with server.Service(load(file=config, arguments=arguments)) as service:
        if service.first_token:
            say(f"token of the first admin, shown this once: {service.first_token}")
        say(f"metadata service: {service.address}")
        if service.address.startswith(("127.0.0.1", "localhost")):
            say("on loopback without keys: everybody on this machine is admin")
        if with_node is None:
            _until_stopped()
        else:
            with _local_node(with_node, service.address) as node:
                say(f"node `local`: {node.address}, root {with_node.resolve()} (profile open)")
                _until_stopped()
    say("stopped")


def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Work in this (empty) folder and leave it; default: a temporary one.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the servers running, to look around.")] = False,
) -> None:
    """Three hospitals train one model on data that never leaves them (about a minute)."""
    try:
        from hyperdatasets.demo import story  # noqa: PLC0415  # an extra: Flower and scikit-learn
    except ImportError as error:
        raise InvalidConfig(f"the demo needs more packages ({error.name}): pip install 'hyperdatasets[demo]'") from None
    story.run(folder=folder, keep=keep, console=console)


def _local_node(root: Path, service: str) -> node_server.Node:
    """The node of one person on one laptop; made and approved on first use."""
    if not root.is_dir():
        raise InvalidConfig(f"--with-node: there is no folder {root}")
    folder = home() / f"node-{LOCAL}"
    if not (folder / FILE).exists():
        client = hd.MetadataClient(ClientConfig(service=service))
        _, token = admin.add_site(LOCAL, projects=[""], description="this machine", client=client)
        setup.init(folder, site=LOCAL, service=service, profile="open", roots={"data": root})
        admin.approve_site(LOCAL, fingerprint=setup.enrol(folder, token=token), client=client)
        client.close()
    setup.change(folder, service=service, roots={"data": root})
    return node_server.Node(folder)


def _until_stopped() -> None:
    with told_to_stop() as wait:
        gc.freeze()
        gc.set_threshold(1_000_000, 50, 50)  # bulk writes make many short-lived objects and no cycles
        say("press Ctrl-C to stop")
        wait()
