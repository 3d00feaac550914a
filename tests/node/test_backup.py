"""A node in one file and back: while it runs, whole, for its owner alone, and never over anything that is there."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hyperdatasets.cli.main import run
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.core.errors import AlreadyExists, HyperdatasetsError, InvalidArgument, NotFound, StorageFailed
from metadata_service.server import Service
from node import audit, backup, clients
from node.server import Node
from tests.node.conftest import SiteUnderTest, made


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_a_running_node_is_backed_up_and_serves_the_same_after_it_was_restored(
    site: SiteUnderTest, tmp_path: Path
) -> None:
    site.register()
    view = site.published_view()
    with site.reader.open(view=view.reference) as session:
        before = [(sample.id, sample.content()) for sample in session]
    file = tmp_path / "north.tar.gz"
    saved = backup.save(site.folder, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    site.node.stop()
    restored = backup.restore(file, tmp_path / "again" / "north")
    assert restored == saved
    assert restored.audit_lines == audit.verify(tmp_path / "again" / "north")[0] > 0
    assert modes(tmp_path / "again" / "north") == {0o600}
    assert (tmp_path / "again" / "north").stat().st_mode & 0o777 == 0o700
    with Node(tmp_path / "again" / "north") as node, NodeClient(node.address).open(view=view.reference) as session:
        assert [(sample.id, sample.content()) for sample in session] == before
    assert audit.verify(tmp_path / "again" / "north")[1] == ""


def test_clients_and_policy_come_along(
    tmp_path: Path, service: Service, client: MetadataClient, capsys: pytest.CaptureFixture[str]
) -> None:
    site = made(tmp_path, service, client, profile="strict")
    clients.add(site.folder, "trainer")
    (site.folder / "policy.toml").write_text("")
    (site.folder / "index").mkdir()
    (site.folder / "index" / "derived").write_text("is made anew")
    file, folder = tmp_path / "north.tar.gz", tmp_path / "again"
    with site.node:
        assert run(["node", "backup", str(site.folder), str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["site"] == "north"
    assert run(["node", "restore", str(file), str(folder)]) == 0
    assert "site `north` is restored" in capsys.readouterr().out
    kept = {str(path.relative_to(site.folder)) for path in site.folder.rglob("*") if path.is_file()}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert kept - there == {"index/derived"}
    assert there - kept == {"audit.log"}
    assert clients.active(folder) == clients.active(site.folder)
    assert (folder / "operator.secret").read_text() == (site.folder / "operator.secret").read_text()


def test_nothing_is_overwritten(site: SiteUnderTest, tmp_path: Path) -> None:
    file = tmp_path / "north.tar.gz"
    backup.save(site.folder, file)
    content = file.read_bytes()
    with pytest.raises(AlreadyExists, match="choose another name"):
        backup.save(site.folder, file)
    with pytest.raises(AlreadyExists, match="give a new folder"):
        backup.restore(file, site.folder)
    assert file.read_bytes() == content
    for missing in (tmp_path / "nowhere" / "x", tmp_path / "north.tar.gz" / "x"):
        with pytest.raises(NotFound):
            backup.save(site.folder, missing)
    with pytest.raises(NotFound):
        backup.restore(tmp_path / "missing", tmp_path / "new")


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def other_archive(members: dict[str, bytes]) -> Callable[[bytes], bytes]:
    def of(_: bytes) -> bytes:
        made_of = io.BytesIO()
        with tarfile.open(fileobj=made_of, mode="w:gz") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return made_of.getvalue()

    return of


def manifest(*names: str) -> bytes:
    return json.dumps({"format": 1, "site": "s", "made_ms": 1, "files": dict.fromkeys(names, "0")}).encode()


@pytest.mark.parametrize("damage", [
    cut, flipped, lambda _: b"", lambda _: b"no archive", other_archive({"a": b""}),
    other_archive({"manifest.json": b"{}"}), other_archive({"manifest.json": b"[]"}),
    other_archive({"manifest.json": manifest("node.db")}),
    other_archive({"manifest.json": manifest("../evil"), "../evil": b""}),
    other_archive({"manifest.json": manifest("keys/../../evil"), "keys/../../evil": b""}),
    other_archive({"manifest.json": manifest("/evil"), "/evil": b""}),
    other_archive({"manifest.json": manifest("node.db"), "node.db": b"changed"}),
    other_archive({"manifest.json": manifest()}),
])  # fmt: skip
def test_a_damaged_or_foreign_file_is_refused_and_leaves_nothing(
    site: SiteUnderTest, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "north.tar.gz"
    backup.save(site.folder, file)
    file.write_bytes(damage(file.read_bytes()))
    target = tmp_path / "elsewhere"
    with pytest.raises(InvalidArgument, match="backup"):
        backup.restore(file, target / "north")
    assert list(target.rglob("*")) == []
    assert not (tmp_path / "evil").exists()


def test_a_backup_with_a_broken_audit_is_refused(site: SiteUnderTest, tmp_path: Path) -> None:
    site.register()
    log = site.folder / audit.FILE
    log.write_bytes(log.read_bytes().replace(b"registered", b"forgotten!"))
    backup.save(site.folder, tmp_path / "north.tar.gz")
    with pytest.raises(HyperdatasetsError, match="the audit is not whole"):
        backup.restore(tmp_path / "north.tar.gz", tmp_path / "again")


def test_a_damaged_database_is_told(site: SiteUnderTest, tmp_path: Path) -> None:
    file, members = tmp_path / "north.tar.gz", {}
    backup.save(site.folder, file)
    with tarfile.open(file) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            members[member.name] = content.read()
    members["node.db"] = b"no database" * 1_000
    listed = json.loads(members["manifest.json"])
    listed["files"]["node.db"] = hashlib.sha256(members["node.db"]).hexdigest()
    file.write_bytes(other_archive(members | {"manifest.json": json.dumps(listed).encode()})(b""))
    with pytest.raises(InvalidArgument, match=r"the database is damaged \(file is not a database"):
        backup.restore(file, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    site.node.stop()
    (site.folder / "node.db").write_bytes(members["node.db"])
    with pytest.raises(StorageFailed, match=r"cannot be copied \(file is not a database\); restore a backup"):
        backup.save(site.folder, tmp_path / "other.tar.gz")
    assert not (tmp_path / "other.tar.gz").exists()


def test_a_backup_of_a_service_goes_to_a_new_folder(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, target = str(tmp_path / "service"), str(tmp_path / "backup")
    assert run(["admin", "backup", data, target]) == 0
    for command in (["backup", data, target], ["restore", target, data]):
        assert run(["admin", *command]) == 5
        assert "is there already; give a new folder" in capsys.readouterr().err
