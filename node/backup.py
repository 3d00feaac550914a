"""A node in one file: database, keys, settings, policy, clients, audit; no raw data, and nothing that is made anew."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson

from hyperdatasets.core.errors import (
    AlreadyExists,
    HyperdatasetsError,
    InvalidArgument,
    NotFound,
    StorageFailed,
)
from hyperdatasets.new_file import check_free, written
from hyperdatasets.version import __version__
from node import audit, keys, policy
from node.config import FILE, load

_DATABASE = "node.db"
_MANIFEST = "manifest.json"
_ALONE = (FILE, policy.FILE, "operator.secret")
_FOLDERS = ("keys", "clients")
_NEEDED = {_DATABASE, audit.FILE, FILE, "keys/node.key", "keys/hiding.key"}
_FORMAT = 1
_PAGES = 1_000  # of the database, copied at once
_BLOCK = 1 << 20  # bytes
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    site: str
    made_ms: int
    files: int
    size_bytes: int
    audit_lines: int


def save(folder: Path, target: Path, *, tell: Told = lambda _: None) -> Backup:
    """Writes a backup of a node, which may go on running.

    Raises:
        AlreadyExists: there is something at the target; nothing is overwritten.
    """
    site = load(folder).site
    check_free(target)
    with written(target), tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as spare:
        made = Path(spare) / "backup"
        found = _write(folder, site, made, Path(spare), tell)
        try:
            os.link(made, target)  # unlike a rename it overwrites nothing
        except FileExistsError:
            raise AlreadyExists(f"{target} is there already; choose another name", name=str(target)) from None
    return found


def restore(source: Path, folder: Path, *, tell: Told = lambda _: None) -> Backup:
    """Makes the folder of a node from a backup, after everything in it was checked.

    Raises:
        AlreadyExists: there is something at the folder; nothing is overwritten.
        InvalidArgument: the backup is damaged, or none.
    """
    if not source.is_file():
        raise NotFound(f"there is no backup {source}", kind="file", name=str(source))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExists(f"{folder} is not empty; give a new folder", kind="folder", name=str(folder))
    with written(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        spare = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))  # of mode 0700
        try:
            found = _read(source, spare, tell)
            tell("checking…")
            _check(spare, source)
            spare.replace(folder)
        except BaseException:
            shutil.rmtree(spare, ignore_errors=True)
            raise
    return found


def _write(folder: Path, site: str, target: Path, spare: Path, tell: Told) -> Backup:
    members = _snapshot(folder, spare / "node", tell)
    manifest = {
        "format": _FORMAT, "site": site, "made_ms": time.time_ns() // 1_000_000, "version": __version__,
        "files": {name: _digest(path) for name, path in members.items()},
    }  # fmt: skip
    content = orjson.dumps(manifest)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            _add(archive, _MANIFEST, io.BytesIO(content), len(content))
            for name, path in members.items():
                tell(f"writing {name}…")
                with path.open("rb") as copied:
                    _add(archive, name, copied, path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
    return _summary(manifest, members)


def _snapshot(folder: Path, spare: Path, tell: Told) -> dict[str, Path]:
    """Copies of everything that a backup holds, by their names in it; they do not change while it is written."""
    spare.mkdir(mode=0o700)
    _copy_database(folder / _DATABASE, spare / _DATABASE, tell)
    names = [name for name in _ALONE if (folder / name).exists()]
    paths = [path for part in _FOLDERS for path in sorted((folder / part).rglob("*")) if path.is_file()]
    names += [str(PurePosixPath(path.relative_to(folder))) for path in paths]
    for name in names:
        (spare / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, spare / name)
    log = folder / audit.FILE
    whole = log.read_bytes() if log.exists() else b""
    (spare / audit.FILE).write_bytes(whole[: whole.rfind(b"\n") + 1])  # a line that is being written is left out
    return {name: spare / name for name in (_DATABASE, *names, audit.FILE)}


def _summary(manifest: Mapping[str, Any], members: Mapping[str, Path]) -> Backup:
    lines = members[audit.FILE].read_bytes().count(b"\n")
    sizes = sum(path.stat().st_size for path in members.values())
    return Backup(manifest["site"], manifest["made_ms"], len(members), sizes, lines)


def _copy_database(source: Path, target: Path, tell: Told) -> None:
    """The database of one moment, while others read and write."""

    def progress(_: int, left: int, pages: int) -> None:
        tell(f"copying, {left} of {pages} pages left…")

    try:
        with closing(sqlite3.connect(source, timeout=30)) as here, closing(sqlite3.connect(target)) as there:
            here.backup(there, pages=_PAGES, progress=progress)
    except sqlite3.DatabaseError as error:
        raise StorageFailed(f"{source} cannot be copied ({error}); restore a backup") from None


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    archive.addfile(member, content)


def _read(source: Path, folder: Path, tell: Told) -> Backup:
    """Extracts what the manifest lists, and nothing else."""
    wrong = InvalidArgument(f"{source} is no backup of a node, or is damaged")
    try:
        with tarfile.open(source, mode="r:gz") as archive:
            first = archive.next()
            content = archive.extractfile(first) if first is not None and first.name == _MANIFEST else None
            manifest = orjson.loads(content.read()) if content is not None else {}
            if manifest.get("format") != _FORMAT:
                raise wrong
            wanted: dict[str, str] = manifest["files"]
            left = dict(wanted)
            while (member := archive.next()) is not None:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or not _is_ours(member.name) or left.pop(member.name, None) is None:
                    raise wrong
                tell(f"reading {member.name}…")
                if _extracted(content, folder / member.name) != wanted[member.name]:
                    raise InvalidArgument(f"{source}: {member.name} is damaged; use another backup")
    except HyperdatasetsError:
        raise
    except (
        tarfile.TarError,
        zlib.error,
        EOFError,
        gzip.BadGzipFile,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise wrong from error
    if left or not wanted.keys() >= _NEEDED:
        raise wrong
    return _summary(manifest, {name: folder / name for name in wanted})


def _is_ours(name: str) -> bool:
    parts = PurePosixPath(name).parts
    inside = parts[:1] and parts[0] in _FOLDERS and ".." not in parts and not name.startswith("/")
    return bool(inside) or name in {*_ALONE, _DATABASE, audit.FILE}


def _extracted(content: IO[bytes], path: Path) -> str:
    """Writes a file that only its owner reads; returns the digest of what was written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while block := content.read(_BLOCK):
            found.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def _check(folder: Path, source: Path) -> None:
    """Whether a node could run on it: database, chain of the audit, settings, keys."""
    with closing(sqlite3.connect(folder / _DATABASE)) as database:
        try:
            (told,) = database.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.DatabaseError as error:  # so damaged that it cannot be looked at
            told = str(error)
    if told != "ok":
        raise InvalidArgument(f"{source}: the database is damaged ({told}); use another backup")
    _, problem = audit.verify(folder)
    if problem:
        raise InvalidArgument(f"{source}: the audit is not whole ({problem}); use another backup")
    load(folder)
    keys.load(folder, need_enrolment=False)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
