"""`experiment`: recorded runs."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer

import hyperdatasets as hd
from hyperdatasets.cli.given import given_experiment, given_view
from hyperdatasets.cli.output import Json, commands, done, json_value, pairs, say, show

app = commands("Experiments: parameters, metrics, named data views.")
Name = Annotated[str, typer.Argument(help="Name (the newest of it) or id.")]


@app.command("list")
def list_command(
    project: Annotated[str, typer.Option(help="In this project and below it.")] = "",
    search: Annotated[str, typer.Option(help="With these words in name, project, notes or tags.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List experiments, the newest first."""
    found = hd.Experiment.list(project=project, text=search, include_archived=archived)
    show([_plain(each) for each in found], as_json=as_json, columns=("name", "outcome", "data", "metrics", "id"))


@app.command("show")
def show_command(experiment: Name, as_json: Json = False) -> None:
    """Show an experiment."""
    plain = _plain(given_experiment(experiment))
    told = as_json or any(plain["sites"].values())  # a run that read metadata only says nothing of sites
    show(plain if told else plain | {"sites": {}}, as_json=as_json)


@app.command()
def delete(experiment: Name, as_json: Json = False) -> None:
    """Delete the record of a run with its metrics; its data views stay."""
    found = given_experiment(experiment)
    found.delete()
    done(f"{found.name} is deleted", {"deleted": found.id}, as_json=as_json)


@app.command()
def clone(
    experiment: Name,
    name: Annotated[str, typer.Option(help="Name of the clone.")] = "",
    view: Annotated[list[str] | None, typer.Option(help="name=view; repeat for several.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="name=JSON value; repeat for several.")] = None,
    as_json: Json = False,
) -> None:
    """Copy an experiment with other data views or parameters; no code changes."""
    views = {name: _reference(text) for name, text in pairs("--view", view).items()}
    parameters = {name: json_value("--parameter", text) for name, text in pairs("--parameter", parameter).items()}
    made = given_experiment(experiment).clone(name=name, views=views, parameters=parameters)
    show(_plain(made), as_json=as_json)
    if not as_json:
        say(f"to run it: the same script with HYPERDATASETS_EXPERIMENT={made.id}")


@app.command()
def compare(before: Name, after: Name, as_json: Json = False) -> None:
    """Show what differs: parameters, views, metrics."""
    found = given_experiment(before).compare(given_experiment(after))
    if as_json:
        show(found, as_json=True)
        return
    for path, (old, new) in found.items():
        say(f"{path}: {orjson.dumps(old).decode()} -> {orjson.dumps(new).decode()}")


@app.command()
def archive(
    experiment: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Put it back.")] = False,
    as_json: Json = False,
) -> None:
    """Leave an experiment out of lists, or put it back."""
    changed = given_experiment(experiment).archive(undo=undo)
    text = f"{changed.name} is {'back' if undo else 'archived'}"
    done(text, _plain(changed) | {"archived": not undo}, as_json=as_json)


def _reference(view: str) -> str:
    """As it was given, with its digest if there is one; the whole id for the beginning of one."""
    found = given_view(view)
    return found.id if found.id.startswith(view) else view


def _plain(experiment: hd.Experiment) -> dict[str, Any]:
    data = "unpinned" if experiment.unpinned else "pinned" if experiment.views else ""
    return {
        "name": experiment.name, "id": experiment.id, "project": experiment.project, "state": experiment.state,
        "outcome": experiment.outcome, "sites": experiment.sites,
        "parameters": experiment.parameters, "views": experiment.views, "frames": experiment.frame_counts,
        "data": data, "unpinned": experiment.unpinned, "metrics": experiment.last_metrics,
    }  # fmt: skip
