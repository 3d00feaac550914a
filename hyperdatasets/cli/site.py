"""`site`: sites and the approval of their nodes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import Json, commands, done, say, show

if TYPE_CHECKING:
    from hyperdatasets.client import admin
else:
    admin = LazyModule("hyperdatasets.client.admin")

app = commands("Sites: places that own raw data, each with a node.")
Name = Annotated[str, typer.Argument(help="Name of the site.")]


@app.command()
def add(
    name: Name,
    project: Annotated[list[str], typer.Option(help="Project that the site's node may write to; repeat for several.")],
    description: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    as_json: Json = False,
) -> None:
    """Add a site; prints the one-time token for its node."""
    site, token = admin.add_site(name, projects=project, description=description)
    if as_json:
        show(_plain(site) | {"token": token}, as_json=True)
        return
    say(f"site `{site.name}` is added. At the site, within a day:")
    say(f"  hyperdatasets node enrol FOLDER --token {token}")


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List sites."""
    found = [_plain(each) for each in admin.sites()]
    show(found, as_json=as_json, columns=("name", "state", "projects", "frame_count", "last_seen", "fingerprint"))


@app.command("show")
def show_command(name: Name, as_json: Json = False) -> None:
    """Show a site."""
    show(_plain(admin.site(name)), as_json=as_json)


@app.command()
def approve(
    name: Name,
    fingerprint: Annotated[str, typer.Option(help="As the node showed it; compared before approving.")] = "",
    as_json: Json = False,
) -> None:
    """Let an enrolled node work, after comparing its fingerprint."""
    if not fingerprint:
        shown = admin.site(name).fingerprint
        typer.confirm(f"Does the node of `{name}` show the fingerprint {shown}?", abort=True)
    approved = admin.approve_site(name, fingerprint=fingerprint)
    done(f"site `{approved.name}` is approved", _plain(approved), as_json=as_json)


@app.command()
def revoke(
    name: Name, why: Annotated[str, typer.Option(help="Reason, kept with the site.")] = "", as_json: Json = False
) -> None:
    """Shut a site's node out."""
    revoked = admin.revoke_site(name, why=why)
    done(f"site `{revoked.name}` is revoked", _plain(revoked), as_json=as_json)


def _plain(site: admin.Site) -> dict[str, Any]:
    """`last_seen`: when its node called last, in UTC; None if it never did."""
    seen = datetime.fromtimestamp(site.last_seen_ms // 1_000, UTC).isoformat() if site.last_seen_ms else None
    return asdict(site) | {"last_seen": seen}
