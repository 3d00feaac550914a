"""`admin export` and `admin import`: a dataset with all its versions, from one deployment to another."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyperdatasets.cli.data_folder import Data, database
from hyperdatasets.cli.given import beginning
from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import Json, counting, done, warn
from hyperdatasets.core.wording import counted
from metadata_service.data_folder import held

if TYPE_CHECKING:
    from metadata_service import server
    from metadata_service.catalog import caller, dataset_export, dataset_import, datasets, export_file, records
else:
    server = LazyModule("metadata_service.server")
    caller = LazyModule("metadata_service.catalog.caller")
    dataset_export = LazyModule("metadata_service.catalog.dataset_export")
    dataset_import = LazyModule("metadata_service.catalog.dataset_import")
    datasets = LazyModule("metadata_service.catalog.datasets")
    export_file = LazyModule("metadata_service.catalog.export_file")
    records = LazyModule("metadata_service.catalog.records")


def export(
    data: Data,
    dataset: Annotated[str, typer.Argument(help="`project/name` or id of the dataset.")],
    file: Annotated[Path, typer.Argument(help="New file.")],
    as_json: Json = False,
) -> None:
    """Write a dataset with all its versions, and the published views over it, into one file; the service may run."""
    database(data)
    store, deployment = server.opened(data)
    with store.reading() as reading, counting("revisions") as count, export_file.new(file) as write:
        known = ((each["id"], datasets.shown(each["project"], each["name"])) for each in reading.rows("datasets"))
        named = reading.rows("datasets", name=dataset)
        row = datasets.find(
            reading, caller.LOCAL_ADMIN, dataset if named else beginning("dataset", dataset, known) or dataset
        )
        carried, left = dataset_export.views_over(reading, row)
        for line in dataset_export.exported(deployment, reading, row, count):
            write(line)
    store.close()
    for name in left:
        warn(f"view `{name}` is over other datasets too, so it stays here")
    counts = f"{counted(row['next_revision'], 'revision')}, {counted(len(carried), 'view')}"
    text = f"{file}: {counts}; signed with key {deployment.signer.key_id}"
    plain = {"file": str(file), "revisions": row["next_revision"], "views": [view["name"] for view in carried]}
    done(text, plain | {"left": left, "key": deployment.signer.key_id}, as_json=as_json)


def import_command(
    data: Data,
    file: Annotated[Path, typer.Argument(help="A file of `admin export`.")],
    name: Annotated[str, typer.Option(help="`project/name` it gets; default: as it was.")] = "",
    views: Annotated[bool, typer.Option(help="Take the published views over it as well.")] = True,
    as_json: Json = False,
) -> None:
    """Take in a dataset from a file, with all its versions and digests, while the service is stopped."""
    lines = export_file.lines(file)
    header = next(lines)  # of no export nothing is made
    data.mkdir(parents=True, exist_ok=True)
    with held(data), counting("revisions, written and proven") as count:
        store, deployment = server.opened(data)
        try:
            with store.writing() as writing:
                found = dataset_import.imported(
                    deployment, writing, header, lines, name=name, views=views, progress=count
                )
            shutil.rmtree(data / "index" / found.dataset["id"], ignore_errors=True)
        finally:
            store.close()
    done(_in_words(found), _imported_plain(found), as_json=as_json)


def _in_words(found: dataset_import.Imported) -> str:
    row = found.dataset
    sites = sorted(found.sites - {""})
    said = (
        f"`{datasets.shown(row['project'], row['name'])}` is here: {counted(found.revisions, 'revision')}, "
        f"{counted(found.versions, 'version')}, {counted(found.vectors, 'vector')}, "
        f"{counted(len(found.views), 'view')}, {found.withdrawn} withdrawn"
    )
    parts = [said, f"signed with key {records.key_id(found.key)}: ask who exported it whether that is theirs"]
    if found.erased:
        parts.append(f"{counted(found.erased, 'revision is', 'revisions are')} erased that were withdrawn here")
    if sites:
        parts.append(f"it has frames of {', '.join(sites)}: their nodes serve them once these sites are added here")
    return "\n".join(parts)


def _imported_plain(found: dataset_import.Imported) -> dict[str, Any]:
    return {
        "dataset": datasets.shown(found.dataset["project"], found.dataset["name"]), "id": found.dataset["id"],
        "revisions": found.revisions, "versions": found.versions, "vectors": found.vectors, "views": found.views,
        "withdrawn": found.withdrawn, "erased": found.erased, "sites": sorted(found.sites - {""}),
        "key": records.key_id(found.key),
    }  # fmt: skip
