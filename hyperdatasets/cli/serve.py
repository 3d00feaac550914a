"""`serve` and `demo`: the commands that run servers on this machine."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyperdatasets.cli import local_node
from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import console, say
from hyperdatasets.client.config import home
from hyperdatasets.core.address import MAX_PORT
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.log_lines import to_stderr
from hyperdatasets.private_folder import keep_new_files_private
from hyperdatasets.stopping import told_to_stop
from metadata_service.config import ServiceConfig, load

if TYPE_CHECKING:
    from metadata_service import server
else:
    server = LazyModule("metadata_service.server")


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
        Path | None, typer.Option(help="Also run a node `local` (profile open) with this folder among its roots.")
    ] = None,
    node_port: Annotated[
        int | None, typer.Option(help=f"Port of that node; 0 takes a free one; default: {local_node.PORT}.")
    ] = None,
) -> None:
    """Run the metadata service until Ctrl-C."""
    keep_new_files_private()
    to_stderr(logging.WARNING)
    arguments = {"data": data or home() / "service", "host": host, "port": port, "hostname": hostname,
                 "reflection": reflection}  # fmt: skip
    settings = load(file=config, arguments=arguments)
    node_port = _node_port(settings, with_node, node_port)
    with server.Service(settings) as service:
        if service.first_token:
            say(f"token of the first admin, shown this once: {service.first_token}")
        say(f"metadata service: {service.address}")
        if service.address.startswith(("127.0.0.1", "localhost")):
            say("on loopback without keys: everybody on this machine is admin")
        if with_node is None:
            _until_stopped()
        else:
            with local_node.running(with_node, service=service.address, port=node_port):
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


def _node_port(settings: ServiceConfig, folder: Path | None, given: int | None) -> int:
    """The port of the node; refuses what cannot be, before anything is started."""
    if folder is None and given is not None:
        raise InvalidConfig("--node-port: give the folder of the node's data too, --with-node FOLDER")
    if folder is not None and not folder.is_dir():
        raise InvalidConfig(f"--with-node: there is no folder {folder}")
    if folder is not None and not settings.loopback:
        raise InvalidConfig(
            f"--with-node is for one machine, and --host {settings.host} serves others too: run the node by itself, "
            "with `hyperdatasets site add`, `hyperdatasets node init` and `hyperdatasets node serve`"
        )
    port = local_node.PORT if given is None else given
    if not 0 <= port <= MAX_PORT:
        raise InvalidConfig(f"--node-port: expected 0 to {MAX_PORT}, got {port}")
    return port


def _until_stopped() -> None:
    with told_to_stop() as wait:
        gc.freeze()
        gc.set_threshold(1_000_000, 50, 50)  # bulk writes make many short-lived objects and no cycles
        say("press Ctrl-C to stop")
        wait()
