"""Care of a data folder: what `admin check` notices, and a backup that is made while others write."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from contextvars import copy_context
from io import BytesIO
from pathlib import Path

import numpy as np
import orjson
import pytest
from pyroaring import BitMap

from hyperdatasets.cli.main import run
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import DeadlineExceeded, FolderInUse, InvalidConfig
from hyperdatasets.core.query.parse import parse
from hyperdatasets.engine import deadline
from metadata_service.config import ServiceConfig
from metadata_service.server import Service, opened
from tests import stored_blocks


def made(number: int) -> SingleFrame:
    frame = SingleFrame(f"s3://b/{number}", id=f"f{number}", metadata={"n": number})
    frame.add_annotation(box2d_xywh=(1, 1, 2, 2), labels=["car"])
    frame.set_vector("clip", [number, 1.0])
    return frame


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was served: two published versions and a draft, of three writes; two views; a withdrawn frame."""
    folder = tmp_path_factory.mktemp("served")
    with Service(ServiceConfig(data=folder, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        Dataset.create("d", dataset_project="p", client=client)
        for start in range(0, 300, 100):
            draft = DatasetVersion.get_current("p/d", client=client)
            draft.add_frames(map(made, range(start, start + 100)))
            draft.delete_frames([f"f{start}"])
            assert draft.count(roi_query="car")
            assert draft.nearest("clip", to=[1.0, 1.0], k=1)
            if start < 200:
                draft.publish_version()
                DatasetVersion.create_version(
                    dataset_name="p/d", version_name=f"v{start}", parent_version_names=[draft.name], client=client
                )
        view = DataView("cars", client=client)
        view.add_query(dataset_name="p/d", version_name="v0", roi_query="car")
        view.publish()
        ordered = DataView("ordered", client=client)
        ordered.add_query(dataset_name="p/d", version_name="v0")
        ordered.set(iteration={"order": "sequential"})
        ordered.publish()
        assert Dataset.get("p/d", client=client).withdraw_frames(["f5"], why="consent") == (1, ())
        client.close()
    return folder


@pytest.fixture
def data(served: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be damaged."""
    return shutil.copytree(served, tmp_path / "s")


def sql(statement: str, *values: object) -> Callable[[Path], None]:
    def damage(data: Path) -> None:
        with closing(sqlite3.connect(data / "metadata.db")) as connection, connection:
            assert connection.execute(statement, values).rowcount

    return damage


def other_order() -> bytes:
    """The order of a site with more frames."""
    file = BytesIO()
    columns = {f"0.{name}": np.arange(5_000) for name in ("frames", "marks", "ranks")}
    np.savez(file, merged=np.array([], np.uint16), **columns, **{"0.kind": np.array("frame")})
    return file.getvalue()


def other_content(data: Path) -> None:
    stored_blocks.change(data / "metadata.db", lambda text: text.replace(b'"n":7}', b'"n":8}'), first=0)


def other_content_before_seals(data: Path) -> None:
    stored_blocks.as_before_seals(data / "metadata.db", lambda text: text.replace(b'"n":7}', b'"n":8}'))


def one_bit(data: Path) -> None:
    with closing(sqlite3.connect(data / "metadata.db")) as connection, connection:
        (digits,) = connection.execute("SELECT digits FROM blocks WHERE first = 0").fetchone()
        changed = bytes([*digits[:-1], digits[-1] ^ 1])
        connection.execute("UPDATE blocks SET digits = ? WHERE first = 0", (changed,))


def index_byte(data: Path) -> None:
    path = next(data.glob("index/*/*.segment"))
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def vectors_byte(data: Path) -> None:
    path = next(data.glob("index/vectors/*/*.vectors"))
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def cut_index(data: Path) -> None:
    path = next(data.glob("index/*/*.segment"))
    path.write_bytes(path.read_bytes()[:30])


DAMAGES = [
    (other_content, "revisions 0 to 63: what they say is not what was written"),
    (other_content_before_seals, r"revision 7 \(f7\): the content is not that of its digest"),
    (one_bit, "64 revisions from 0 on are missing or cannot be"),
    (sql("UPDATE blocks SET digits = x'00' WHERE first = 64"), "36 revisions from 64 on are missing or cannot be"),
    (sql("UPDATE blocks SET seal = zeroblob(16) WHERE first = 64"), "revisions 64 to 99: what they say is not what"),
    (sql("UPDATE blocks SET payload = x'00' WHERE first = 64"), "36 revisions from 64 on are missing or cannot be"),
    (sql("DELETE FROM blocks WHERE first = 64"), "36 revisions from 64 on are missing or cannot be"),
    (
        sql("UPDATE keys SET packed = 0, hashes = zeroblob(8 * count), revisions = zeroblob(4 * count)"),
        "keys from revision 0 on do not lead",
    ),
    (sql("UPDATE keys SET packed = 0 WHERE first = 0"), "keys from revision 0 on cannot be read"),
    (sql("DELETE FROM keys WHERE first = 0"), "revisions are not found by their frame ids"),
    (sql("UPDATE keys SET hashes = x'00' WHERE first = 0"), "keys from revision 0 on cannot be read"),
    (sql("DELETE FROM withdrawn"), r"revision 5 \(f5\): the content is not that of its digest"),
    (
        sql("UPDATE withdrawn SET revisions = ?", BitMap([5, 7]).serialize()),
        r"revision 7 \(f7\): it was withdrawn, but",
    ),
    (sql("UPDATE versions SET added = x'00' WHERE number = 1"), "version v0: which frames it has cannot be read"),
    (sql("UPDATE vectors SET value = x'0000c07f0000c07f' WHERE number = 3"), "vectors `clip`: one has something else"),
    (sql("UPDATE vectors SET value = x'00' WHERE number = 3"), "vectors `clip`: one has not 2 dimensions"),
    (sql("UPDATE vectors SET revision = 5000 WHERE number = 3"), "vectors `clip`: one lies beside a frame that is not"),
    (sql("UPDATE selections SET revisions = ?", BitMap([5, 7]).serialize()), "view cars: its digests are not those"),
    (
        sql("UPDATE selections SET revisions = ?", BitMap([299]).serialize()),
        "view cars: it selects frames that none of",
    ),
    (sql("UPDATE selections SET revisions = x'00'"), "view cars: what it pins or selects cannot be read"),
    (sql("DELETE FROM view_orders"), "view ordered: its order is missing"),
    (sql("UPDATE view_orders SET tables = x''"), "view ordered: its order cannot be read"),
    (sql("UPDATE view_orders SET tables = x'504b0304'"), "view ordered: its order cannot be read"),
    (sql("UPDATE view_orders SET tables = ?", other_order()), "view ordered: its order names frames that it does not"),
    (sql("UPDATE views SET digest = 'sha256:0'"), "view cars: its digests are not those"),
    (sql("UPDATE versions SET frames = frames + 1 WHERE number = 1"), "version v0: its counts are not those"),
    (sql("UPDATE versions SET annotated = 0 WHERE number = 0"), "version Current: its counts are not those"),
    (sql("UPDATE leaves SET state = zeroblob(2048)"), "version v100: the digests of its sites are not those"),
    (sql("UPDATE versions SET digest = 'sha256:0' WHERE number = 0"), "version Current: its digest is not that"),
    (sql("UPDATE records SET payload = x'7b7d' WHERE sequence = 1"), "record 1: it is not as it was signed"),
    (sql("DELETE FROM records WHERE sequence = 2"), "version v0 .*: no record names its digest"),
    (sql("DELETE FROM records WHERE kind = 'view'"), "view cars .*: no record names its digest"),
    (index_byte, "the content is damaged; `admin rebuild-index` repairs it"),
    (vectors_byte, "index vectors/.*the content is damaged; `admin rebuild-index` repairs it"),
    (cut_index, "damaged.*`admin rebuild-index` repairs it"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_check_says_what_is_wrong_and_what_to_do(
    data: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], told: str
) -> None:
    assert run(["admin", "check", str(data)]) == 0
    damage(data)
    capsys.readouterr()
    assert run(["admin", "check", str(data)]) == 1
    output = capsys.readouterr().out
    assert re.search(told, output), output


def test_a_database_of_before_seals_is_read_edited_and_compacted(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both layouts stand side by side until `admin compact` packs all blocks alike; digests stay what they are."""
    stored_blocks.as_before_seals(data / "metadata.db")
    stored_blocks.migrate_back(data / "metadata.db")
    assert run(["admin", "check", str(data)]) == 0
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        versions = DatasetVersion.get_versions("p/d", client=client)
        current, draft = versions[0], versions[-1]
        digests = [version.digest for version in versions]
        before = {frame.id: frame.to_plain() for frame in draft.frames()}
        changed = draft.get_frame("f42")
        changed.metadata["n"] = 4242
        draft.update_frames([changed])
        draft.delete_frames(["f43"])
        assert Dataset.get("p/d", client=client).withdraw_frames(["f44"], why="consent") == (1, ())
        diff = current.diff(draft)
        assert (diff.added, diff.removed, diff.changed) == (198, 1, 1)
        assert sorted(frame_id for frame_id, kind, _ in diff.frames if kind != "added") == ["f42", "f43"]
        client.close()
    assert sealed(data) == {False: 5, True: 2}
    assert run(["admin", "check", str(data)]) == 0
    capsys.readouterr()
    assert run(["admin", "compact", str(data), "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out).keys() == {"freed_bytes"}
    assert sealed(data) == {True: 7}
    assert run(["admin", "check", str(data)]) == 0
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        versions = DatasetVersion.get_versions("p/d", client=client)
        after = {frame.id: frame.to_plain() for frame in versions[-1].frames()}
        client.close()
    assert [version.digest for version in versions][:-1] == digests[:-1]
    assert before.keys() - after.keys() == {"f43", "f44"}
    assert [name for name in after if after[name] != before[name]] == ["f42"]


def sealed(data: Path) -> dict[bool, int]:
    """How many blocks are packed as today, and how many as before; keys are packed if all blocks are."""
    with closing(sqlite3.connect(data / "metadata.db")) as connection:
        (packed,) = connection.execute("SELECT min(packed) FROM keys").fetchone()
        found = connection.execute("SELECT seal IS NOT NULL, count(*) FROM blocks GROUP BY 1").fetchall()
    assert bool(packed) is (len(found) == 1)
    return {bool(has): count for has, count in found}


@pytest.mark.parametrize("command", ["rebuild-index", "compact"])
def test_what_rewrites_a_folder_has_it_to_itself(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    data = tmp_path / "service"
    assert run(["admin", command, str(data)]) == 5
    assert f"in use by process {os.getpid()}" in capsys.readouterr().err
    with pytest.raises(FolderInUse, match="stop that first"):
        Service(ServiceConfig(data=data, port=0))
    assert run(["admin", "check", str(data)]) == 0
    service.stop()
    assert run(["admin", command, str(data)]) == 0


def test_a_service_that_could_not_start_lets_its_folder_go(tmp_path: Path, service: Service) -> None:
    taken = int(service.address.rpartition(":")[2])
    with pytest.raises(InvalidConfig, match="in use by another program"):
        Service(ServiceConfig(data=tmp_path / "s", port=taken)).start()
    with Service(ServiceConfig(data=tmp_path / "s", port=0)) as second:
        assert second.address


@pytest.mark.parametrize("damage", [index_byte, vectors_byte, cut_index])
def test_a_damaged_index_never_gives_a_wrong_answer(data: Path, damage: Callable[[Path], None]) -> None:
    damage(data)
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        draft = DatasetVersion.get_current("p/d", client=client)
        assert draft.count(roi_query="car") == draft.count(frame_query="meta.n:>=0") == draft.frame_count
        assert [frame.id for frame, _ in draft.nearest("clip", to=[1.0, 0.0], k=2)] == ["f299", "f298"]
        client.close()
    assert run(["admin", "check", str(data)]) == 0


def test_an_index_of_another_database_is_made_again(tmp_path: Path) -> None:
    """Somebody puts an older database into the folder: its index knows revisions that are others now."""
    data, older = tmp_path / "s", tmp_path / "older"
    for numbers in (range(10), range(-20, -10), range(20, 40)):
        with Service(ServiceConfig(data=data, port=0)) as service:
            client = MetadataClient(ClientConfig(service=service.address))
            Dataset.create("d", raise_if_exists=False, client=client)
            draft = DatasetVersion.get_current("d", client=client)
            draft.add_frames(map(made, numbers))
            assert draft.count(roi_query="car") == draft.frame_count
            found = sorted(frame.metadata["n"] for frame in draft.frames(frame_query="meta.n:>=8"))
            alike = sorted(frame.metadata["n"] for frame, _ in draft.nearest("clip", to=[1.0, 0.0], k=20))
            client.close()
        if numbers.start == 0:
            assert run(["admin", "backup", str(data), str(older)]) == 0
        elif numbers.start == -20:
            (data / "metadata.db").write_bytes((older / "metadata.db").read_bytes())
    assert found == [8, 9, *range(20, 40)]
    assert alike == [*range(20, 40)]


def test_an_index_is_asked_only_after_it_was_looked_at(tmp_path: Path) -> None:
    """The first who asks has no time left while the index of another database is looked at; the next one asks again."""
    data, older = tmp_path / "s", tmp_path / "older"
    for numbers in (range(10), range(-20, -10), range(20, 40)):
        with Service(ServiceConfig(data=data, port=0)) as service:
            client = MetadataClient(ClientConfig(service=service.address))
            dataset = Dataset.create("d", raise_if_exists=False, client=client)
            draft = DatasetVersion.get_current("d", client=client)
            draft.add_frames(map(made, numbers))
            assert numbers.start == 20 or draft.count(roi_query="car") == draft.frame_count
            client.close()
        if numbers.start == 0:
            assert run(["admin", "backup", str(data), str(older)]) == 0
        elif numbers.start == -20:
            (data / "metadata.db").write_bytes((older / "metadata.db").read_bytes())
    store, deployment = opened(data)

    def without_time() -> None:
        deadline.begin(-1)
        with pytest.raises(DeadlineExceeded):
            deployment.indexes.reaching(dataset.id, BitMap([9])).search(parse("*", "frame").node, "frame")

    copy_context().run(without_time)
    index = deployment.indexes.reaching(dataset.id, BitMap(range(30)))
    assert index.search(parse("meta.n:<0", "frame").node, "frame") == BitMap()
    assert index.search(parse("meta.n:>=20", "frame").node, "frame") == BitMap(range(10, 30))
    store.close()


def test_a_backup_that_is_made_while_others_write_is_of_one_moment(tmp_path: Path) -> None:
    with Service(ServiceConfig(data=tmp_path / "s", port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        Dataset.create("d", client=client)
        first = DatasetVersion.get_current("d", client=client)
        first.add_frames(map(made, range(500)))
        first.publish_version()
        digest = first.refresh().digest
        draft = DatasetVersion.create_version(
            dataset_name="d", version_name="next", parent_version_names=[first.name], client=client
        )
        written, enough = threading.Event(), threading.Event()

        def write() -> None:
            number = 500
            while not enough.is_set():
                draft.add_frames([made(number)])
                number += 1
                written.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert written.wait(30)
        assert run(["admin", "backup", str(tmp_path / "s"), str(tmp_path / "copy")]) == 0
        enough.set()
        writer.join()
        client.close()
    assert run(["admin", "restore", str(tmp_path / "copy"), str(tmp_path / "restored")]) == 0
    assert run(["admin", "check", str(tmp_path / "restored")]) == 0
    with Service(ServiceConfig(data=tmp_path / "restored", port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        versions = {each.name: each for each in DatasetVersion.get_versions("d", client=client)}
        assert versions[first.name].digest == digest
        assert versions["next"].count(roi_query="car") == versions["next"].frame_count > 500
        client.close()
