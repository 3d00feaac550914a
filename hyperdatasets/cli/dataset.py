"""`dataset`: datasets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hyperdatasets.cli.output import Json, say, show
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.version import DatasetVersion

app = typer.Typer(no_args_is_help=True, help="Datasets: named lines of versions.")
Name = Annotated[str, typer.Argument(help="`project/name`, a bare name where it is unique, or an id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="`project/name`.")],
    description: str = "",
    tag: Annotated[list[str] | None, typer.Option(help="Repeat for several.")] = None,
    as_json: Json = False,
) -> None:
    """Make a dataset with an empty draft `Current`."""
    project, _, bare = name.rpartition("/")
    made = Dataset.create(bare, dataset_project=project, description=description, tags=tag or (), raise_if_exists=True)
    show(_plain(made), as_json=as_json)


@app.command("list")
def list_command(
    project: str = "", name: str = "", tag: list[str] | None = None, archived: bool = False, as_json: Json = False
) -> None:
    """List datasets by project and name."""
    found = Dataset.list(project=project, name=name, tags=tag or (), include_archived=archived)
    show([_plain(each) for each in found], as_json=as_json, columns=("name", "versions", "tags", "description"))


@app.command("show")
def show_command(dataset: Name, as_json: Json = False) -> None:
    """Show a dataset and its versions."""
    found = Dataset.get(dataset)
    versions = [
        {"version": each.name, "state": "published" if each.published else "draft", "frames": each.frame_count}
        for each in DatasetVersion.get_versions(dataset_id=found.id)
    ]
    if as_json:
        show(_plain(found) | {"versions": versions}, as_json=True)
    else:
        show(_plain(found), as_json=False)
        show(versions, as_json=False)


@app.command()
def rename(dataset: Name, new_name: str) -> None:
    """Give a dataset another name."""
    say(f"now {Dataset.get(dataset).update(name=new_name).address}")


@app.command()
def move(dataset: Name, project: str) -> None:
    """Move a dataset into another project (admin of both)."""
    say(f"now {Dataset.get(dataset).update(project=project).address}")


@app.command()
def tag(dataset: Name, add: list[str] | None = None, remove: list[str] | None = None) -> None:
    """Add and remove tags."""
    changed = Dataset.get(dataset).update(add_tags=add or [], remove_tags=remove or [])
    say(f"tags: {', '.join(changed.tags) or 'none'}")


@app.command()
def archive(dataset: Name, undo: bool = False) -> None:
    """Leave a dataset out of lists, or put it back."""
    changed = Dataset.get(dataset).update(archived=not undo)
    say(f"{changed.address} is {'archived' if changed.archived else 'back'}")


@app.command()
def delete(
    dataset: Name, force: Annotated[bool, typer.Option(help="Also published versions, for ever.")] = False
) -> None:
    """Delete a dataset with its versions."""
    Dataset.delete(dataset, delete_all_versions=force, force=force)
    say(f"{dataset} is deleted")


@app.command()
def schema(dataset: Name, version: str = "", as_json: Json = False) -> None:
    """Show every field of a version: types, coverage, top values."""
    found = DatasetVersion.get_version(dataset_name=dataset, version_name=version).schema()
    show([{"field": name, **each} for name, each in found.items()], as_json=as_json)


def _plain(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.address, "id": dataset.id, "versions": dataset.version_count, "tags": dataset.tags,
        "description": dataset.description, "archived": dataset.archived,
    }  # fmt: skip
