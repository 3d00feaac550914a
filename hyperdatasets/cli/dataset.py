"""`dataset`: datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import hyperdatasets as hd
from hyperdatasets.cli.given import given_dataset, given_version
from hyperdatasets.cli.output import Json, commands, done, json_value, show

if TYPE_CHECKING:
    from hyperdatasets.client.field_facts import SchemaField

app = commands("Datasets: named lines of versions.")
Name = Annotated[str, typer.Argument(help="`project/name`, a bare name where it is unique, or an id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="`project/name`.")],
    description: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Repeat for several.")] = None,
    as_json: Json = False,
) -> None:
    """Make a dataset with an empty draft `Current`."""
    made = hd.Dataset.create(name, description=description, tags=tag or (), raise_if_exists=True)
    show(_plain(made), as_json=as_json)


@app.command("list")
def list_command(
    project: Annotated[str, typer.Option(help="In this project and below it.")] = "",
    name: Annotated[str, typer.Option(help="With this text in the name.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="With this tag; repeat for several, all of them.")] = None,
    search: Annotated[str, typer.Option(help="With these words in name, project, description or tags.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List datasets by project, name, tag and free text."""
    found = hd.Dataset.list(project=project, name=name, tags=tag or (), text=search, include_archived=archived)
    show([_plain(each) for each in found], as_json=as_json, columns=("name", "versions", "tags", "description"))


@app.command("show")
def show_command(dataset: Name, as_json: Json = False) -> None:
    """Show a dataset and its versions."""
    found = given_dataset(dataset)
    versions = [
        {"version": each.name, "state": "published" if each.published else "draft", "frames": each.frame_count}
        for each in hd.DatasetVersion.get_versions(dataset_id=found.id)
    ]
    if as_json:
        show(_plain(found) | {"versions": versions}, as_json=True)
    else:
        show(_plain(found), as_json=False)
        show(versions, as_json=False)


@app.command()
def rename(
    dataset: Name, new_name: Annotated[str, typer.Argument(help="Without the project.")], as_json: Json = False
) -> None:
    """Give a dataset another name."""
    changed = given_dataset(dataset).update(name=new_name)
    done(f"now {changed.address}", _plain(changed), as_json=as_json)


@app.command()
def move(
    dataset: Name, project: Annotated[str, typer.Argument(help="The project it goes to.")], as_json: Json = False
) -> None:
    """Move a dataset into another project (admin of both)."""
    changed = given_dataset(dataset).update(project=project)
    done(f"now {changed.address}", _plain(changed), as_json=as_json)


@app.command()
def tag(
    dataset: Name,
    add: Annotated[list[str] | None, typer.Option(help="Tag to add; repeat for several.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Tag to remove; repeat for several.")] = None,
    as_json: Json = False,
) -> None:
    """Add and remove tags."""
    changed = given_dataset(dataset).update(add_tags=add or [], remove_tags=remove or [])
    done(f"tags: {', '.join(changed.tags) or 'none'}", _plain(changed), as_json=as_json)


@app.command()
def metadata(
    dataset: Name,
    set_json: Annotated[str, typer.Option("--set", help="JSON object that takes the place of what is there.")] = "",
    description: Annotated[str | None, typer.Option(help="New description.")] = None,
    as_json: Json = False,
) -> None:
    """Show or set the metadata of a dataset, and its description."""
    found = given_dataset(dataset)
    changes: dict[str, Any] = {} if description is None else {"description": description}
    if set_json:
        changes["metadata"] = json_value("--set", set_json)
    if changes:
        found = found.update(**changes)
    show({"description": found.description, "metadata": found.metadata}, as_json=as_json)


@app.command()
def archive(
    dataset: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Put it back.")] = False,
    as_json: Json = False,
) -> None:
    """Leave a dataset out of lists, or put it back."""
    changed = given_dataset(dataset).update(archived=not undo)
    done(f"{changed.address} is {'archived' if changed.archived else 'back'}", _plain(changed), as_json=as_json)


@app.command()
def delete(
    dataset: Name,
    force: Annotated[bool, typer.Option("--force", help="Also published versions, for ever.")] = False,
    delete_sources: Annotated[
        bool, typer.Option("--delete-sources", help="Also the files that were uploaded for it, and no others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete a dataset with its versions."""
    hd.Dataset.delete(
        dataset_id=given_dataset(dataset).id,
        delete_all_versions=force,
        force=force,
        delete_sources=delete_sources,
        show_progress=not as_json,
    )
    done(f"{dataset} is deleted", {"deleted": dataset}, as_json=as_json)


@app.command()
def schema(
    dataset: Name,
    version: Annotated[str, typer.Option(help="Name or id; default: the newest draft, or else the newest.")] = "",
    as_json: Json = False,
) -> None:
    """Show every field of a version: types, coverage, top values."""
    described = given_version(dataset, version)
    found = described.schema()
    if as_json:
        show([{"field": name, **each} for name, each in found.items()], as_json=True)
        return
    total = described.frame_count
    show([{
        "field": name, "types": each["types"], "frames": each["count"], "coverage": _share(each["count"], total),
        "distinct": each["distinct"] or None, "top values (how often)": _frequent(each),
    } for name, each in found.items()], as_json=False)  # fmt: skip


def _plain(dataset: hd.Dataset) -> dict[str, Any]:
    return {
        "name": dataset.address, "id": dataset.id, "versions": dataset.version_count, "tags": dataset.tags,
        "description": dataset.description, "archived": dataset.archived,
    }  # fmt: skip


def _share(count: int, total: int) -> str:
    """Such as 12.5%; never 100% or 0% of what is not all or nothing."""
    if count in {0, total}:
        return "100%" if count else "0%"
    return f"{min(max(100 * count / total, 0.1), 99.9):.1f}%"


def _frequent(field: SchemaField) -> str:
    """The first values; where all differ they say nothing."""
    if set(field["top"].values()) == {1} and field["distinct"] > 1:
        return "(all different)"
    return ", ".join(f"{value} ({count})" for value, count in list(field["top"].items())[:5])
