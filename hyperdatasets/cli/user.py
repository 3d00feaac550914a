"""`user`: users, roles and tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from hyperdatasets.cli.output import Json, say, show
from hyperdatasets.client import admin

app = typer.Typer(no_args_is_help=True, help="Users: roles per project, and tokens.")
Role = Annotated[str, typer.Option(help="viewer, editor, runner or admin.")]


@app.command()
def add(name: str, role: Role = "viewer", project: str = "") -> None:
    """Add a user with a role in a project (and below it)."""
    admin.add_user(name, roles={project: role})
    say(f"user `{name}` is {role} of {project or 'everything'}")


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List users."""
    found = [{"name": name, "roles": {each or "(all)": role for each, role in roles.items()}}
             for name, roles in admin.users().items()]  # fmt: skip
    show(found, as_json=as_json)


@app.command()
def role(name: str, role: Role, project: str = "") -> None:
    """Give a user another role in a project; an empty role takes it away."""
    admin.set_role(name, project=project, role=role)
    say(f"user `{name}`: {role or 'no role'} in {project or 'everything'}")


@app.command()
def token(
    name: str, days: Annotated[int, typer.Option(help="How long it is valid; 0 = 90.")] = 0, revoke: bool = False
) -> None:
    """Make a token (shown this once), or revoke all tokens of a user."""
    if revoke:
        say(f"{admin.revoke_tokens(name)} tokens are revoked")
    else:
        say(admin.create_token(name, days=days))
