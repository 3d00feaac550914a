"""`view`: data views."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

import hyperdatasets as hd
from hyperdatasets.cli.exporting import Format, Media, Output, Report, SplitBy, Strict, UriPrefix, run_export
from hyperdatasets.cli.given import given_view
from hyperdatasets.cli.output import Json, commands, done, say, show, warn
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument
from hyperdatasets.core.wording import counted

app = commands("Data views: the data of an experiment as a query.")
Name = Annotated[str, typer.Argument(help="Name, name@sha256:… or id.")]


@app.command()
def create(
    file: Annotated[Path | None, typer.Argument(help="YAML file with the specification.")] = None,
    project: Annotated[str, typer.Option(help="Project that the view belongs to.")] = "",
    name: Annotated[str, typer.Option(help="Name of the view; default: as the file says.")] = "",
    dataset: Annotated[str, typer.Option(help="Without a file: `project/name` of the dataset.")] = "",
    version: Annotated[str, typer.Option(help="Without a file: name of the version.")] = "",
    query: Annotated[str, typer.Option(help="Without a file: frame query.")] = "",
    roi_query: Annotated[str, typer.Option(help="Without a file: ROI query.")] = "",
    publish: Annotated[bool, typer.Option("--publish", help="Publish it at once.")] = False,
    as_json: Json = False,
) -> None:
    """Store a data view from YAML or from flags."""
    if file is None:
        view = hd.DataView(name, project=project)
        view.add_query(dataset_name=dataset, version_name=version, frame_query=query, roi_query=roi_query)
    else:
        view = hd.DataView.from_yaml(file, project=project)
        if name:
            view.set(name=name)
    view.store()
    if publish:
        _publish_or_leave_nothing(view)
    show(_plain(view), as_json=as_json)


def _publish_or_leave_nothing(view: hd.DataView) -> None:
    """A view that cannot be published is not kept either, so that the command can be repeated."""
    try:
        view.publish()
    except HyperdatasetsError:
        view.delete()
        raise


@app.command()
def edit(
    view: Name,
    file: Annotated[Path | None, typer.Argument(help="YAML file with the new specification; of a draft.")] = None,
    rename: Annotated[str, typer.Option(help="New name.")] = "",
    as_json: Json = False,
) -> None:
    """Change a draft's specification, or the name of a view."""
    found = given_view(view)
    if file is None and not rename:
        raise InvalidArgument("say what changes: a YAML file with the new specification, or --rename NAME")
    if file is not None:
        found.load_yaml(file)
        found.store()
    if rename:
        found.rename(rename)
    done(f"{found.name} is changed", _plain(found), as_json=as_json)


@app.command()
def move(
    view: Name, project: Annotated[str, typer.Argument(help="The project it goes to.")], as_json: Json = False
) -> None:
    """Move a view into another project (admin of both)."""
    found = given_view(view)
    found.move(project)
    done(f"{found.name} is in {project or 'no project'} now", _plain(found) | {"project": project}, as_json=as_json)


@app.command()
def delete(
    view: Name,
    force: Annotated[bool, typer.Option("--force", help="Also if it is published, for ever.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a view, unless an experiment names it."""
    given_view(view).delete(force=force)
    done(f"{view} is deleted", {"deleted": view}, as_json=as_json)


@app.command("show")
def show_command(view: Name, as_json: Json = False) -> None:
    """Show a view and its specification."""
    found = given_view(view)
    show(_plain(found) | ({"spec": found.spec} if as_json else {}), as_json=as_json)
    if not as_json:
        say(found.to_yaml())


@app.command("list")
def list_command(
    project: Annotated[str, typer.Option(help="In this project and below it.")] = "",
    name: Annotated[str, typer.Option(help="With this text in the name.")] = "",
    search: Annotated[str, typer.Option(help="With these words in name, project, description or tags.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List views by name."""
    found = hd.DataView.list(project=project, name=name, text=search, include_archived=archived)
    show([_plain(each) for each in found], as_json=as_json, columns=("name", "status", "sites", "digest"))


@app.command()
def resolve(view: Name, as_json: Json = False) -> None:
    """Show what each rule selects at each site."""
    found = given_view(view).resolve()
    rows = [
        {"rule": rule, "site": site, "frames": frames, "rois": rois, "at_most": rule in found.at_most_rules}
        for (rule, site), (frames, rois) in found.rules.items()
    ]
    if as_json:
        show({"rules": rows, "frames": found.frames, "length": found.length, "at_most": found.at_most,
              "labels": found.labels, "warnings": found.warnings}, as_json=True)  # fmt: skip
        return
    show([_shown(row) for row in rows], as_json=False)
    bound = "at most " if found.at_most else ""
    say(f"{bound}{counted(found.frames, 'frame')} in all, {bound}{counted(found.length, 'position')} in one pass")
    if found.at_most:
        say("each node leaves out the frames that a local_query does not match; this is not known here")
    for text in found.warnings:
        warn(text)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row for people."""
    bound = "at most " if row["at_most"] else ""
    counts = {name: f"{bound}{row[name]}" for name in ("frames", "rois")}
    return {"rule": row["rule"], "site": row["site"] or "(no site)", **counts}


@app.command()
def publish(view: Name, as_json: Json = False) -> None:
    """Pin the versions, store the selection with its digest, freeze the view."""
    show(_plain(given_view(view).publish()), as_json=as_json)


@app.command()
def verify(view: Name, as_json: Json = False) -> None:
    """Evaluate a published view again; exit code 1 if frames, order or record are not those that were stored."""
    found = given_view(view)
    ok, differences = found.verify()
    said = [f"{found.withdrawn} withdrawn"] if found.withdrawn else []
    text = "\n".join(
        ["the same frames in the same order" if ok else "DIFFERENT from what was published", *said, *differences]
    )
    done(text, {"same": ok, "withdrawn": found.withdrawn, "differences": differences}, as_json=as_json)
    if not ok:
        raise typer.Exit(1)


@app.command()
def clone(
    view: Name, new_name: Annotated[str, typer.Argument(help="Name of the clone.")], as_json: Json = False
) -> None:
    """Make a draft with the same specification."""
    show(_plain(given_view(view).clone(name=new_name)), as_json=as_json)


@app.command()
def archive(
    view: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Put it back.")] = False,
    as_json: Json = False,
) -> None:
    """Leave a view out of lists, or put it back."""
    found = given_view(view)
    found.archive(undo=undo)
    done(f"{view} is {'back' if undo else 'archived'}", _plain(found) | {"archived": not undo}, as_json=as_json)


@app.command()
def compare(
    before: Name, after: Name,
    examples: Annotated[int, typer.Option(help="So many ids of frames that only one selects.")] = 10,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show what differs between two views: in specification, field by field, and in frames."""
    found = given_view(before).compare(given_view(after), examples=examples)
    if as_json:
        show(found, as_json=True)
        return
    for path, (old, new) in found["changes"].items():
        say(f"{path}: {orjson.dumps(old).decode()} -> {orjson.dumps(new).decode()}")
    sides = (
        (before, found["only_here"], found["only_here_examples"]),
        (after, found["only_there"], found["only_there_examples"]),
    )
    for view, count, ids in sides:
        more = ", …" if len(ids) < count else ""
        say(f"{counted(count, 'frame')} only in {view}" + (f": {', '.join(ids)}{more}" if ids else ""))
    again = f", {found['other_revision']} more in different revisions" if found["other_revision"] else ""
    say(f"{counted(found['both'], 'frame')} in both{again}")


@app.command()
def export(
    view: Name, format_name: Format = "jsonl", output: Output = None, media: Media = "", split_by: SplitBy = "",
    uri_prefix: UriPrefix = "", report: Report = None, strict: Strict = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Write the selected frames, in the view's order."""
    run_export(
        given_view(view).export, format_name=format_name, output=output, media=media, split_by=split_by,
        uri_prefix=uri_prefix, report=report, strict=strict, as_json=as_json,
    )  # fmt: skip


def _plain(view: hd.DataView) -> dict[str, Any]:
    return {"name": view.name, "id": view.id, "status": view.status, "digest": view.digest, "sites": view.site_counts,
            "reference": view.reference}  # fmt: skip
