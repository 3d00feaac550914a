"""`admin`: care of a deployment's data folder, while the service is stopped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from hyperdatasets.cli.output import Json, done
from hyperdatasets.core.errors import NotFound
from hyperdatasets.engine.files import DamagedFile
from hyperdatasets.engine.index import DatasetIndex
from metadata_service.store.sqlite import SqliteStore

app = typer.Typer(no_args_is_help=True, help="Check, back up and repair a service's data folder.")
Data = Annotated[Path, typer.Argument(help="The service's data folder.")]


@app.command()
def check(data: Data, as_json: Json = False) -> None:
    """Check the database and read every byte of the index; exit code 1 if anything is wrong."""
    store = SqliteStore(_database(data))
    problems = store.check()
    store.close()
    for folder in sorted((data / "index").glob("*")):
        try:
            DatasetIndex(folder).check()
        except DamagedFile as error:
            problems.append(f"index {folder.name}: {error}; `admin rebuild-index` repairs it")
    text = "everything is in order" if not problems else "\n".join([*problems, f"{len(problems)} problems"])
    done(text, {"problems": problems}, as_json=as_json)
    if problems:
        raise typer.Exit(1)


@app.command("rebuild-index")
def rebuild_index(data: Data, as_json: Json = False) -> None:
    """Delete the index; the next queries make it anew from the database."""
    _database(data)
    shutil.rmtree(data / "index", ignore_errors=True)
    text = "the index is deleted; it is made anew by the next queries"
    done(text, {"deleted": str(data / "index")}, as_json=as_json)


@app.command()
def backup(
    data: Data, target: Annotated[Path, typer.Argument(help="New folder for the backup.")], as_json: Json = False
) -> None:
    """Copy database and keys; the service may go on running."""
    store = SqliteStore(_database(data))
    target.mkdir(parents=True, exist_ok=False)
    store.backup(str(target / "metadata.db"))
    store.close()
    shutil.copytree(data / "keys", target / "keys")
    done(f"backup in {target}; restore it by serving that folder", {"backup": str(target)}, as_json=as_json)


def _database(data: Path) -> Path:
    path = data / "metadata.db"
    if not path.exists():
        raise NotFound(f"{data} is no data folder of a service (no metadata.db)", kind="folder", name=str(data))
    return path
