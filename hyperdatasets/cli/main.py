"""The command line: `hyperdatasets`. Built on the client alone; `serve`, `node` and `demo` start the servers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import click
import typer

from hyperdatasets.cli.lazy import LazyModule, lazily
from hyperdatasets.cli.output import INTERRUPTED, errors, fail, say_error, warnings_as_lines
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.version import __version__

if TYPE_CHECKING:
    from hyperdatasets.client import metadata
else:
    metadata = LazyModule("hyperdatasets.client.metadata")

COMMANDS = {
    "serve": ("serve:serve", "Run the metadata service until Ctrl-C."),
    "demo": ("serve:demo", "Three hospitals train one model on data that never leaves them (about a minute)."),
    "example": ("example:app", "Example data: small data sets to try things out with."),
    "import": (
        "importing:import_command",
        "Write the metadata of a folder as frames without a site; run again it goes on where it was.",
    ),
    "dataset": ("dataset:app", "Datasets: named lines of versions."),
    "version": ("version:app", "Versions: sets of frames, drafts or frozen for ever."),
    "frames": ("frames:app", "Frames: find, show, change, copy, delete."),
    "view": ("view:app", "Data views: the data of an experiment as a query."),
    "check": ("check:app", "Checks: what must hold of a version, and what was found."),
    "experiment": ("experiment:app", "Experiments: parameters, metrics, named data views."),
    "site": ("site:app", "Sites: places that own raw data, each with a node."),
    "user": ("user:app", "Users: roles per project, and tokens."),
    "node": ("node:app", "The node of this site: raw data, policy, clients, audit."),
    "admin": ("admin:app", "Check, back up and repair a service's data folder."),
}
"""Name -> where it is, and what it does."""

app = typer.Typer(
    name="hyperdatasets", cls=lazily(COMMANDS), no_args_is_help=True, suggest_commands=False,
    pretty_exceptions_enable=False,
    help="Versioned, queryable metadata for federated learning; raw data stays at its site.",
)  # fmt: skip


def _tell_version(wanted: bool) -> None:  # as click calls it
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    service: Annotated[
        str, typer.Option(help="host:port of the metadata service.", envvar="HYPERDATASETS_SERVICE")
    ] = "",
    ca: Annotated[str, typer.Option(help="File with the service's CA.", envvar="HYPERDATASETS_CA")] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
    version_wanted: Annotated[  # noqa: ARG001  # its callback comes first
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and exit.")
    ] = False,
) -> None:
    if service or ca:
        metadata.use(metadata.MetadataClient(service=service, ca=ca))


def main() -> None:
    """Runs a command and exits with its code: see `docs/operations.md`."""
    warnings_as_lines()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        code = app(arguments, prog_name="hyperdatasets", standalone_mode=False)
    except HyperdatasetsError as error:
        if debug:
            errors.print_exception()
        return fail(error)
    except click.NoSuchOption as error:
        if error.option_name == "--version":  # behind a command that has no option of this name
            typer.echo(__version__)
            return 0
        error.show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  # a person gets a sentence; --debug shows the rest
        if debug:
            errors.print_exception()
        say_error(f"unexpected {type(error).__name__}: {error}; run again with --debug to see where")
        return 1
    if code == INTERRUPTED:
        errors.print("interrupted")
    return int(code or 0)
