"""The command line: `hyperdatasets`. Built on the client alone; `serve`, `node` and `demo` start the servers."""

from __future__ import annotations

import sys
from typing import Annotated

import click
import typer

from hyperdatasets.cli import (
    admin,
    check,
    dataset,
    experiment,
    frames,
    importing,
    node,
    serve,
    site,
    user,
    version,
    view,
)
from hyperdatasets.cli.output import INTERRUPTED, errors, fail, say_error, warnings_as_lines
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.version import __version__

app = typer.Typer(
    name="hyperdatasets", no_args_is_help=True, suggest_commands=False, pretty_exceptions_enable=False,
    help="Versioned, queryable metadata for federated learning; raw data stays at its site.",
)  # fmt: skip
app.command()(serve.serve)
app.command()(serve.demo)
app.command("import")(importing.import_command)
for name, part in (
    ("dataset", dataset.app), ("version", version.app), ("frames", frames.app), ("view", view.app),
    ("check", check.app), ("experiment", experiment.app), ("site", site.app), ("user", user.app), ("node", node.app),
    ("admin", admin.app),
):  # fmt: skip
    app.add_typer(part, name=name)


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
        use(MetadataClient(service=service, ca=ca))


def main() -> None:
    """Runs a command and exits with its code: see `docs/operations.md`."""
    warnings_as_lines()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        code = app(arguments, standalone_mode=False)
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
