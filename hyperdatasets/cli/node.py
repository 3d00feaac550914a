"""`node`: what an operator does at a site. The only commands that read raw files."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.ledgers import (
    BoxesAs,
    Classes,
    DryRun,
    Format,
    Limit,
    Prune,
    Replace,
    Report,
    Scale,
    Strict,
    check_report,
    finish,
)
from hyperdatasets.cli.output import Json, commands, console, done, errors, pairs, say, shortened, show, warn
from hyperdatasets.client.ledgers import untold
from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument
from hyperdatasets.core.wording import counted
from hyperdatasets.log_lines import to_stderr
from hyperdatasets.private_folder import keep_new_files_private
from hyperdatasets.stopping import told_to_stop
from node import audit as audit_log
from node import policy
from node.config import load
from node.tables.times import moment_text

if TYPE_CHECKING:
    from hyperdatasets.client import asked, registering
    from hyperdatasets.client import node as node_client
    from hyperdatasets.v1 import site_service_pb2 as sites_pb
    from node import backup as backups
    from node import clients, inventory, server, setup
else:
    asked = LazyModule("hyperdatasets.client.asked")
    node_client = LazyModule("hyperdatasets.client.node")
    registering = LazyModule("hyperdatasets.client.registering")
    sites_pb = LazyModule("hyperdatasets.v1.site_service_pb2")
    backups = LazyModule("node.backup")
    clients = LazyModule("node.clients")
    inventory = LazyModule("node.inventory")
    server = LazyModule("node.server")
    setup = LazyModule("node.setup")

app = commands("The node of this site: raw data, policy, clients, audit.")
policy_app = commands("What this site allows (policy.toml).")
client_app = commands("Clients of this node, by certificate.")
app.add_typer(policy_app, name="policy")
app.add_typer(client_app, name="client")
Folder = Annotated[Path, typer.Argument(help="Folder of the node.")]
Client = Annotated[str, typer.Argument(help="Name of the client, as policy calls it.")]


@app.command()
def init(
    folder: Folder,
    site: Annotated[str, typer.Option(help="Name of the site, as it was added at the service.")],
    service: Annotated[str, typer.Option(help="host:port of the metadata service.")],
    root: Annotated[list[str], typer.Option(help="alias=folder with raw data; repeat for several.")],
    profile: Annotated[str, typer.Option(help="strict, or open for public data.")] = "strict",
    listen: Annotated[str, typer.Option(help="host:port for clients at this site.")] = "127.0.0.1:7410",
    service_ca: Annotated[str, typer.Option(help="File with the service's CA.")] = "",
    hostname: Annotated[str, typer.Option(help="Further names in the certificate, with commas between.")] = "",
    as_json: Json = False,
) -> None:
    """Make the folder of a new node."""
    roots = {}
    for each in root:
        alias, sign, path = each.partition("=")
        if not sign:
            raise InvalidArgument(f"--root {each}: expected alias=folder")
        roots[alias] = Path(path)
    setup.init(
        folder, site=site, service=service, profile=profile, roots=roots, listen=listen, service_ca=service_ca,
        hostname=hostname,
    )  # fmt: skip
    text = f"node of site `{site}` in {folder}; next: hyperdatasets node enrol {folder} --token …"
    done(text, {"site": site, "folder": str(folder), "profile": profile, "listen": listen}, as_json=as_json)


@app.command()
def enrol(
    folder: Folder, token: Annotated[str, typer.Option(help="One-time token of `site add`.")], as_json: Json = False
) -> None:
    """Show this node's key to the service."""
    fingerprint = setup.enrol(folder, token=token)
    if as_json:
        show({"fingerprint": fingerprint}, as_json=True)
        return
    say(f"enrolled; fingerprint {fingerprint}")
    say(f"an admin now approves it: hyperdatasets site approve {load(folder).site} --fingerprint {fingerprint}")


@app.command()
def serve(folder: Folder) -> None:
    """Run the node until Ctrl-C."""
    keep_new_files_private()
    to_stderr(logging.WARNING)
    with server.Node(folder) as node:
        how = "in plaintext, for this machine alone" if node.config.plaintext else "with client certificates"
        say(f"node of site `{node.config.site}`: {node.address}, {how}")
        if node.config.profile == "strict" and not (folder / policy.FILE).exists():
            warn("no policy.toml: nothing is served")
        with told_to_stop() as wait:
            say("press Ctrl-C to stop")
            wait()
    say("stopped")


@app.command()
def register(
    folder: Folder,
    path: Annotated[str, typer.Argument(help="<root alias>/<path below it>, or an absolute path below a root.")],
    dataset: Annotated[str, typer.Option(help="`project/name`; made if it does not exist.")],
    format_name: Format = "auto",
    version: Annotated[str, typer.Option(help="A draft; default: the newest.")] = "",
    columns: Annotated[str, typer.Option(help="CSV, Parquet or Excel file with private columns of the files.")] = "",
    context_column: Annotated[str, typer.Option(help="Column that groups frames, such as a patient.")] = "",
    timestamp_column: Annotated[str, typer.Option(help="Column with milliseconds or dates that order frames.")] = "",
    column_type: Annotated[list[str] | None, typer.Option(
        help="name=text|integer|number|boolean|date: the type of a column; repeat for several."
    )] = None,
    context_as: Annotated[str, typer.Option(help="integer or text: context ids that are spelled like numbers.")] = "",
    rename_contexts: Annotated[bool, typer.Option(
        "--rename-contexts", help="Known frames may get another context id."
    )] = False,
    classes: Classes = "",
    limit: Limit = None,
    replace_annotations: Replace = False,
    prune: Prune = False,
    dry_run: DryRun = False,
    strict: Strict = False,
    scale_annotations: Scale = False,
    boxes_as: BoxesAs = "",
    report: Report = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Register a folder: metadata goes to the service, data stays. Run again it goes on where it was."""
    check_report(report)
    with errors.status("registering…") as status, untold():
        ledger = registering.register(
            path, dataset_name=dataset, format=format_name, version_name=version, columns=columns,
            context_column=context_column, timestamp_column=timestamp_column,
            column_types=pairs("--column-type", column_type), context_as=context_as, rename_contexts=rename_contexts,
            classes=asked.labels_in(classes), limit=limit, replace_annotations=replace_annotations, prune=prune,
            dry_run=dry_run, scale_annotations=scale_annotations, boxes_as=boxes_as, node=_operator(folder),
            operator_secret=(folder / "operator.secret").read_text(),
            progress=lambda scanned: status.update(f"registering… {counted(scanned, 'file')} looked at"),
        )  # fmt: skip
    finish(ledger, report=report, strict=strict, as_json=as_json)


@app.command()
def files(
    folder: Folder,
    path: Annotated[str, typer.Argument(help="Only this: <root alias>/<path below it>, or an absolute path.")] = "",
    as_json: Json = False,
) -> None:
    """List registered files with frame id, context, timestamp and private columns, as they are at the site."""
    found = [asdict(each) for each in inventory.registered_files(folder, load(folder), path)]
    if not as_json:
        found = [each | {"timestamp": _time(each["timestamp"]), "private": _columns(each["private"])} for each in found]
    show(found, as_json=as_json, columns=("file", "dataset", "frame_id", "context", "timestamp", "private"))


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Show how the node is."""
    found = _operator(folder).status()
    show({
        "site": found.site, "state": _state(found.state), "version": found.version, "connected": found.connected,
        "frames": found.frame_count,
        "open sessions": found.open_sessions, "frames served": found.frames_served, "bytes served": found.bytes_served,
    }, as_json=as_json)  # fmt: skip


@app.command()
def audit(
    folder: Folder, verify: Annotated[bool, typer.Option("--verify", help="Check the chain of the lines.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show what was asked and served at this site, and by which rule."""
    load(folder)  # it is a node
    if verify:
        count, problem = audit_log.verify(folder)
        text = counted(count, "line is whole", "lines are whole") + (f"; then: {problem}" if problem else "")
        done(text, {"lines": count, "problem": problem}, as_json=as_json)
        if problem:
            raise typer.Exit(1)
        return
    lines = audit_log.entries(folder)
    entries = [{key: value for key, value in each.items() if key != "before"} for each in lines]
    if as_json:
        show(entries, as_json=True)
        return
    for entry in entries:
        say(_line(entry))


@app.command()
def backup(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="New file, such as north-2026-11-25.tar.gz.")],
    as_json: Json = False,
) -> None:
    """Write database, keys, settings, policy, clients and audit to a file; the node may go on running."""
    with console.status("backing up…") as told:
        made = backups.save(folder, file, tell=told.update)
    text = (
        f"backup of site `{made.site}` in {file}: {counted(made.files, 'file')}, {made.size_bytes >> 10} KiB, "
        f"{counted(made.audit_lines, 'audit line')}. It holds the node's keys: keep it as you keep them"
    )
    done(text, asdict(made) | {"file": str(file)}, as_json=as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    folder: Annotated[Path, typer.Argument(help="New folder of the node.")],
    as_json: Json = False,
) -> None:
    """Make a node's folder of a backup, after everything in it was checked."""
    with console.status("restoring…") as told:
        found = backups.restore(file, folder, tell=told.update)
    when = datetime.fromtimestamp(found.made_ms / 1000, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    text = (
        f"site `{found.site}` is restored to {folder}, as it was at {when}. Policy, and clients revoked since, are as "
        "they were then: look at both before you serve, and never run two nodes of one site"
    )
    done(text, asdict(found) | {"folder": str(folder)}, as_json=as_json)


@policy_app.command()
def check(folder: Folder, as_json: Json = False) -> None:
    """Read the policy and say what it allows."""
    config = load(folder)
    rules, now_ms = policy.load(folder / policy.FILE).rules, time.time() * 1000
    if as_json:
        show([{"rule": rule.id, "principals": rule.principals, "datasets": rule.datasets, "purposes": rule.purposes,
               "local_columns": rule.local_columns, "expires_ms": rule.expires_ms,
               "expired": bool(rule.expires_ms) and rule.expires_ms <= now_ms} for rule in rules],
             as_json=True)  # fmt: skip
        return
    for rule in rules:
        who, what, why = (", ".join(names) for names in (rule.principals, rule.datasets, rule.purposes))
        asked = f", with conditions on {', '.join(rule.local_columns)}" if rule.local_columns else ""
        until = (
            f", until {datetime.fromtimestamp(rule.expires_ms / 1000, UTC):%Y-%m-%d %H:%M}" if rule.expires_ms else ""
        )
        over = " (it has expired, and allows nothing)" if rule.expires_ms and rule.expires_ms <= now_ms else ""
        say(f"{rule.id}: {who} may read {what} for {why}{asked}{until}{over}")
    if not rules:
        say(_without_rules(folder, config.profile))


def _without_rules(folder: Path, profile: str) -> str:
    if (folder / policy.FILE).exists():
        return f"{policy.FILE} has no rules: nothing is served"
    if profile == "open":
        return f"no {policy.FILE}: as an open node it serves every published view of the datasets registered here"
    return f"no {policy.FILE}: nothing is served"


@client_app.command()
def add(folder: Folder, name: Client, as_json: Json = False) -> None:
    """Make a key and certificate for a client at this site."""
    paths = clients.add(folder, name)
    show({key: str(path) for key, path in paths.items()}, as_json=as_json)


@client_app.command()
def revoke(folder: Folder, name: Client, as_json: Json = False) -> None:
    """Shut a client out, in the middle of its streams too."""
    clients.revoke(folder, name)
    done(f"client `{name}` is revoked", {"revoked": name}, as_json=as_json)


def _time(timestamp: int | None) -> str:
    return "" if timestamp is None else moment_text(timestamp * 1000)


def _columns(private: dict[str, Any]) -> str:
    """Values as JSON, so that a text can be told from a number."""
    return ", ".join(f"{name}={orjson.dumps(value).decode()}" for name, value in sorted(private.items()))


def _line(entry: dict[str, Any]) -> str:
    """An audit line for people: when, what, and the rest; digests and sessions by their beginning."""
    when = datetime.fromtimestamp(entry["time_ms"] / 1000, UTC).isoformat(" ", "seconds") if "time_ms" in entry else ""
    rest = {key: value for key, value in entry.items() if key not in {"event", "time_ms"} and value not in {"", 0}}
    if "view" in rest:
        rest["view"] = shortened(str(rest["view"]), str(rest["view"]).find(":") + 13)
    if "session" in rest:
        rest["session"] = shortened(str(rest["session"]), 8)
    told = ", ".join(f"{key} {value}" for key, value in rest.items())
    return f"{when.removesuffix('+00:00')} {entry['event']}: {told}".strip()


def _state(state: sites_pb.SiteState.ValueType) -> str:
    """How the service sees the site, and what to do."""
    if state == sites_pb.SITE_STATE_ENROLLED:
        return "not approved yet: an admin runs `hyperdatasets site approve`"
    word = sites_pb.SiteState.Name(state).removeprefix("SITE_STATE_").lower()
    return "not known: the service was not reached" if state == sites_pb.SITE_STATE_UNSPECIFIED else word


def _operator(folder: Path) -> node_client.NodeClient:
    """A connection to the running node of this folder, as its operator."""
    config = load(folder)
    if config.plaintext:
        return node_client.local_node(config.listen)
    name = "operator"
    target = folder / "clients" / name
    if name not in clients.active(folder):
        clients.add(folder, name)
    if config.listen.endswith(":0"):
        raise FailedPrecondition("listen has port 0 in node.toml: give the node a fixed port to reach it from here")
    return node_client.NodeClient(
        config.listen, ca=str(target / "ca.pem"), cert=str(target / "client.pem"), key=str(target / "client.key")
    )
