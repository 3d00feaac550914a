"""What every store must do. A second store joins by a line in `STORES`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.core.errors import HyperdatasetsError
from metadata_service.store.protocol import Store
from metadata_service.store.sqlite import SqliteStore

STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: SqliteStore(folder / "metadata.db"),
}
STAMP = {"created_by": "a", "created_ms": 1, "updated_by": "a", "updated_ms": 1}


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
def store(make: Callable[[], Store]) -> Iterator[Store]:
    opened = make()
    yield opened
    opened.close()


def dataset(name: str) -> dict[str, Any]:
    return {"id": name, "project": "p", "name": name, "body_json": "{}", "archived": 0, "next_revision": 0,
            "generation": 1, **STAMP}  # fmt: skip


def revision(number: int, frame_id: str) -> dict[str, Any]:
    return {"dataset": "d", "revision": number, "frame_id": frame_id, "site": "", "digest": bytes(32), "annotated": 0,
            "payload": b"{}", "saved_ms": 1, "saved_in": "v", "saved_by": "a"}  # fmt: skip


def test_rows_come_back_as_they_were_written(store: Store) -> None:
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
    with store.reading() as reading:
        assert reading.one("datasets", id="d") == dataset("d")
        assert reading.one("datasets", id="e") is None
        assert reading.rows("datasets", project="p", order="name") == [dataset("d")]


def test_an_error_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as writing:
            writing.insert("datasets", dataset("d"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.reading() as reading:
        assert reading.rows("datasets") == []


def test_a_writer_sees_its_own_writes_and_readers_do_not(store: Store) -> None:
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
        assert writing.one("datasets", id="d") is not None
        with store.reading() as reading:
            assert reading.one("datasets", id="d") is None


def test_a_reader_sees_one_moment(store: Store) -> None:
    with store.reading() as reading:
        assert reading.rows("datasets") == []
        with store.writing() as writing:
            writing.insert("datasets", dataset("d"))
        assert reading.rows("datasets") == []
    with store.reading() as reading:
        assert len(reading.rows("datasets")) == 1


def test_update_replace_and_delete(store: Store) -> None:
    with store.writing() as writing:
        writing.insert_all("datasets", [dataset("d"), dataset("e")])
        writing.update("datasets", {"id": "d"}, {"name": "x", "generation": 2})
        writing.replace("datasets", {**dataset("e"), "archived": 1})
        assert writing.one("datasets", id="d") == {**dataset("d"), "name": "x", "generation": 2}
        assert writing.delete("datasets", archived=1) == 1
        assert len(writing.rows("datasets")) == 1


def test_references_must_lead_somewhere(store: Store) -> None:
    with pytest.raises(HyperdatasetsError), store.writing() as writing:
        writing.insert("revisions", revision(0, "f"))


def test_revisions_by_number_and_by_frame(store: Store) -> None:
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
        writing.insert_all("revisions", [revision(i, f"f{i % 3}") for i in range(6)])
        writing.insert("attachments", {"dataset": "d", "revision": 4, "blob": b"x", "previews_json": "{}"})
    with store.reading() as reading:
        assert [row["revision"] for row in reading.revisions("d", [5, 1, 9])] == [1, 5]
        assert reading.revisions("d", [4])[0]["blob"] == b"x"
        assert [row["revision"] for row in reading.revisions_from("d", 2, 3)] == [2, 3, 4]
        assert reading.frame_ids("d", [0, 4]) == {0: "f0", 4: "f1"}
        assert sorted(row["revision"] for row in reading.known_revisions("d", ["f1", "f9"])) == [1, 4]


def test_it_is_there_after_a_restart(make: Callable[[], Store]) -> None:
    first = make()
    with first.writing() as writing:
        writing.insert("datasets", dataset("d"))
    first.close()
    second = make()
    with second.reading() as reading:
        assert reading.one("datasets", id="d") is not None
    assert second.check() == []
    second.close()


def test_a_backup_is_of_one_moment_and_opens(store: Store, tmp_path: Path) -> None:
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
    (tmp_path / "copy").mkdir()
    store.backup(str(tmp_path / "copy" / "metadata.db"))
    copy = STORES["sqlite"](tmp_path / "copy")
    with copy.reading() as reading:
        assert reading.one("datasets", id="d") is not None
    copy.close()


def test_many_threads(store: Store) -> None:
    def work(number: int) -> None:
        with store.writing() as writing:
            writing.insert("datasets", dataset(f"d{number}"))
        with store.reading() as reading:
            assert reading.one("datasets", id=f"d{number}") is not None

    threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as reading:
        assert len(reading.rows("datasets")) == 20
