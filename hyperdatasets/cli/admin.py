"""`admin`: care of a deployment's data folder, while the service is stopped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from hyperdatasets.cli import moving
from hyperdatasets.cli.data_folder import Data, database
from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import Json, commands, counting, done
from hyperdatasets.core.errors import AlreadyExists, HyperdatasetsError, InvalidArgument, NotFound
from hyperdatasets.private_folder import make_private, private_file
from metadata_service.data_folder import held

if TYPE_CHECKING:
    from hyperdatasets.engine import files, index, vectors
    from metadata_service import server
    from metadata_service.catalog import caller, records, verification, withdrawals
    from metadata_service.store import sqlite
else:
    files = LazyModule("hyperdatasets.engine.files")
    index = LazyModule("hyperdatasets.engine.index")
    vectors = LazyModule("hyperdatasets.engine.vectors")
    server = LazyModule("metadata_service.server")
    caller = LazyModule("metadata_service.catalog.caller")
    records = LazyModule("metadata_service.catalog.records")
    verification = LazyModule("metadata_service.catalog.verification")
    withdrawals = LazyModule("metadata_service.catalog.withdrawals")
    sqlite = LazyModule("metadata_service.store.sqlite")

app = commands("Check, back up and repair a service's data folder.")
_LIST = "withdrawals.jsonl"
app.command("export")(moving.export)
app.command("import")(moving.import_command)


@app.command()
def check(data: Data, as_json: Json = False) -> None:
    """Prove everything: database, frames, versions, views, records, index files; exit code 1 if anything is wrong."""
    problems = _proof(data)
    text = "everything is in order" if not problems else "\n".join([*problems, f"{len(problems)} problems"])
    done(text, {"problems": problems}, as_json=as_json)
    if problems:
        raise typer.Exit(1)


@app.command("rebuild-index")
def rebuild_index(data: Data, as_json: Json = False) -> None:
    """Delete the index; the next queries make it anew from the database."""
    database(data)
    with held(data):
        shutil.rmtree(data / "index", ignore_errors=True)
    text = "the index is deleted; it is made anew by the next queries"
    done(text, {"deleted": str(data / "index")}, as_json=as_json)


@app.command()
def backup(
    data: Data, target: Annotated[Path, typer.Argument(help="New folder for the backup.")], as_json: Json = False
) -> None:
    """Copy database and keys; the service may go on running."""
    source = database(data)
    _new_folder(target)
    store = sqlite.SqliteStore(source)
    store.backup(str(target / "metadata.db"))
    store.close()
    shutil.copytree(data / "keys", target / "keys")
    kept = sqlite.SqliteStore(target / "metadata.db")
    with kept.reading() as reading:
        lines = [orjson.dumps(entry) + b"\n" for entry in withdrawals.listed(reading)]
    kept.close()
    private_file(target / _LIST).write_bytes(b"".join(lines))
    make_private(target)
    text = f"backup in {target}, with {len(lines)} withdrawals in {_LIST}; `admin restore` makes a data folder of it"
    done(text, {"backup": str(target), "withdrawals": len(lines)}, as_json=as_json)


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    data: Annotated[Path, typer.Argument(help="New data folder.")],
    withdrawn: Annotated[Path | None, typer.Option(help=f"A newer backup's {_LIST}; applied as well.")] = None,
    as_json: Json = False,
) -> None:
    """Make a data folder of a backup; what was withdrawn since is erased before anything is served."""
    source = database(backup)
    entries = [entry for path in (backup / _LIST, withdrawn) if path is not None for entry in _entries(path)]
    _new_folder(data)
    shutil.copy2(source, data / "metadata.db")
    shutil.copytree(backup / "keys", data / "keys")
    store, deployment = server.opened(data)
    with store.writing() as writing:
        erased = sum(withdrawals.repeat(deployment, writing, caller.LOCAL_ADMIN, entry) for entry in entries)
    store.close()
    if erased:
        _compact(data)
    text = f"restored to {data}; {erased} revisions withdrawn since the backup are erased"
    done(text, {"data": str(data), "erased": erased}, as_json=as_json)


@app.command()
def compact(data: Data, as_json: Json = False) -> None:
    """Rewrite the database without free pages and delete the index, so that nothing erased is left on disk."""
    database(data)
    with held(data):
        freed = _compact(data)
    text = f"{freed >> 10} KiB are free again; the index is deleted, the next queries make it anew"
    done(text, {"freed_bytes": freed}, as_json=as_json)


def _compact(data: Path) -> int:
    """Returns how many bytes the database is smaller."""
    path = database(data)
    before = path.stat().st_size
    store = sqlite.SqliteStore(path)
    with counting("revisions") as count:
        store.compact(count)
    store.close()
    shutil.rmtree(data / "index", ignore_errors=True)
    return before - path.stat().st_size


def _entries(path: Path) -> list[Any]:
    if not path.exists():
        raise NotFound(f"{path} is not there; a backup has a list of withdrawals", kind="file", name=str(path))
    try:
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
    except ValueError:
        raise InvalidArgument(f"{path} is no list of withdrawals: each line is a JSON object") from None


def _proof(data: Path) -> list[str]:
    """What is wrong with the truth, and with the index that was made of it."""
    store = sqlite.SqliteStore(database(data))
    found = store.check()
    try:
        with store.reading() as reading, counting("revisions") as count:
            found += verification.problems(reading, _signer(data), count)
    except HyperdatasetsError as error:
        found.append(f"not all could be read: {error.message}; restore a backup")
    store.close()
    return found + list(_damaged_indexes(data / "index"))


def _damaged_indexes(folder: Path) -> Iterator[str]:
    for pattern, check_index in (("*/segments.json", index.check), ("vectors/*/vectors.json", vectors.check)):
        for manifest in sorted(folder.glob(pattern)):
            try:
                check_index(manifest.parent)
            except files.DamagedFile as error:
                yield f"index {manifest.parent.relative_to(folder)}: {error}; `admin rebuild-index` repairs it"


def _signer(data: Path) -> records.Signer:
    path = data / "keys" / "records.key"
    if not path.exists():
        raise NotFound(f"{path} is missing: records cannot be proven; restore a backup", kind="file", name=str(path))
    return records.Signer.open(path)


def _new_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise AlreadyExists(f"{folder} is there already; give a new folder", kind="folder", name=str(folder)) from None
    except OSError as error:
        raise InvalidArgument(f"{folder}: cannot be made: {error.strerror}") from None
