"""`user`: users, roles and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import Json, commands, done, show
from hyperdatasets.core.wording import counted

if TYPE_CHECKING:
    from hyperdatasets.client import admin
else:
    admin = LazyModule("hyperdatasets.client.admin")

app = commands("Users: roles per project, and tokens.")
Role = Annotated[str, typer.Option(help="viewer, editor, runner or admin.")]
Name = Annotated[str, typer.Argument(help="Name of the user.")]
Project = Annotated[str, typer.Option(help="In this project and below it; default: everywhere.")]


@app.command()
def add(name: Name, role: Role = "viewer", project: Project = "", as_json: Json = False) -> None:
    """Add a user with a role in a project (and below it)."""
    admin.add_user(name, roles={project: role})
    text = f"user `{name}` is {role} of {project or 'everything'}"
    done(text, {"name": name, "project": project, "role": role}, as_json=as_json)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List users."""
    found = [{"name": name, "roles": {each or "(all)": role for each, role in roles.items()}}
             for name, roles in admin.users().items()]  # fmt: skip
    show(found, as_json=as_json)


@app.command()
def role(name: Name, role: Role, project: Project = "", as_json: Json = False) -> None:
    """Give a user another role in a project; an empty role takes it away."""
    admin.set_role(name, project=project, role=role)
    text = f"user `{name}`: {role or 'no role'} in {project or 'everything'}"
    done(text, {"name": name, "project": project, "role": role}, as_json=as_json)


@app.command()
def token(
    name: Name,
    days: Annotated[int, typer.Option(help="How long it is valid; 0 = 90.")] = 0,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke all tokens of the user instead.")] = False,
    as_json: Json = False,
) -> None:
    """Make a token (shown this once), or revoke all tokens of a user."""
    if revoke:
        count = admin.revoke_tokens(name)
        text = counted(count, "token is revoked", "tokens are revoked")
        done(text, {"name": name, "revoked": count}, as_json=as_json)
    else:
        made = admin.create_token(name, days=days)
        done(made, {"name": name, "token": made}, as_json=as_json)
