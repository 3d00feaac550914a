"""Commands and modules that are loaded when they are used, so that help and completion answer at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

import click
import typer
from typer.core import TyperGroup


class LazyModule:
    """A module that is loaded when one of its names is first used.

    A command module names it so what its commands call; type checkers see the import itself:

        if TYPE_CHECKING:
            from hyperdatasets.client import admin
        else:
            admin = LazyModule("hyperdatasets.client.admin")
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


class LazyCommand(click.Command):
    """A command, or a group of commands, that is known by its name and what it does.

    Args:
        place: `module:name` below `hyperdatasets.cli`, of a function or of a Typer app.
        help: the first sentence of its help.
    """

    def __init__(self, name: str, place: str, help: str) -> None:  # noqa: A002  # as click calls it
        super().__init__(name, help=help)
        self._place = place

    @cached_property
    def command(self) -> click.Command:
        """What is behind the name."""
        module, _, name = self._place.partition(":")
        found = getattr(import_module(f"hyperdatasets.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command()(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = self.name
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self.command.make_context(info_name, args, parent, **extra)


def lazily(commands: Mapping[str, tuple[str, str]]) -> type[TyperGroup]:
    """The class of a group with these commands: name -> place and help, as `LazyCommand` takes them."""
    known = {name: LazyCommand(name, *each) for name, each in commands.items()}

    class LazyGroup(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**{**attributes, "commands": known})

    return LazyGroup
