"""What every store must do. A second store joins by a line in `STORES`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap

from hyperdatasets.core.errors import HyperdatasetsError
from metadata_service.store.protocol import Head, Store
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
            "next_version": 0, "generation": 1, **STAMP}  # fmt: skip


SAVED = {"saved_ms": 1, "saved_in": "v", "saved_by": "a"}


def revision(frame_id: str, number: int = 0, site: str = "") -> dict[str, Any]:
    """Every fourth says nothing any more, as it comes from an import."""
    payload = f"content of {number}".encode() if number % 4 != 2 else b""
    return {"frame_id": frame_id, "site": site, "digest": digest(number), "annotated": number % 2 == 1,
            "payload": payload}  # fmt: skip


def digest(number: int) -> bytes:
    return hashlib.sha256(f"content of {number}".encode()).digest()


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
        writing.add_revisions("d", 0, [revision("f")], SAVED)


def test_revisions_by_number_and_by_frame(store: Store) -> None:
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
        writing.add_revisions("d", 0, [revision(f"f{i % 3}", i) for i in range(6)], SAVED)
        writing.insert("attachments", {"dataset": "d", "revision": 4, "blob": b"x", "previews_json": "{}"})
    with store.reading() as reading:
        assert [row["revision"] for row in reading.revisions("d", [5, 1, 9])] == [1, 5]
        assert reading.revisions("d", [4])[0]["blob"] == b"x"
        assert [row["revision"] for row in reading.revisions_from("d", 2, 3)] == [2, 3, 4]
        assert list(reading.revisions_from("d", 10_000, 3)) == []
        found = reading.revisions_of("d", ["f1", "f9"], BitMap([0, 1, 2, 4]))
        assert [(row["revision"], row["frame_id"]) for row in found] == [(1, "f1"), (4, "f1")]
        assert reading.revisions_of("d", ["f1"], BitMap([4]))[0]["payload"] == b"content of 4"
        heads = {0: Head("f0", "", digest(0), False), 3: Head("f0", "", digest(3), True)}
        assert reading.heads("d", [3, 0]) == heads
        assert reading.heads_of("d", ["f0", "f9"], BitMap([0, 1, 3])) == heads
        assert reading.heads_of("d", ["f0"], BitMap([1, 3])) == {3: heads[3]}


@pytest.mark.parametrize("sizes", [[1] * 70, [200, 1, 1, 1, 200, 64, 65, 63, 1, 1000]])
def test_writes_of_all_sizes_are_found_again(store: Store, sizes: list[int]) -> None:
    """Each write has its own site and its own saving, and every third frame is written over and over."""
    written: list[tuple[str, str]] = []
    for turn, size in enumerate(sizes):
        ids = [f"frame {(len(written) + i) % 3 and len(written) + i}" for i in range(size)]
        sites = [f"site {turn % 3}" if i % 2 else "" for i in range(size)]
        rows = [revision(ids[i], len(written) + i, sites[i]) for i in range(size)]
        with store.writing() as writing:
            if not written:
                writing.insert("datasets", dataset("d"))
            writing.add_revisions("d", len(written), rows, {**SAVED, "saved_ms": turn})
        written += zip(ids, sites, strict=True)
    total = len(written)
    with store.reading() as reading:
        rows = reading.revisions("d", range(total + 5))
        assert [(row["frame_id"], row["site"]) for row in rows] == written
        assert [row["revision"] for row in rows] == list(range(total))
        assert [row["saved_ms"] for row in rows] == [turn for turn, size in enumerate(sizes) for _ in range(size)]
        assert list(reading.revisions_from("d", total // 3, 50)) == [
            {key: row[key] for key in row if key not in {"blob", "previews_json"}}
            for row in rows[total // 3 : total // 3 + 50]
        ]
        everything = BitMap(range(total))
        assert len(reading.revisions_of("d", ["frame 0"], everything)) == sum(name == "frame 0" for name, _ in written)
        for number in (1, total // 2, total - 1):
            name = written[number][0]
            mine = [each for each, (other, _) in enumerate(written) if other == name]
            assert [row["revision"] for row in reading.revisions_of("d", [name], everything)] == mine
        for part in (everything, BitMap(range(0, total, 7)), BitMap([0, total - 1]), BitMap()):
            assert b"".join(reading.digests("d", part)) == b"".join(map(digest, part))
            assert list(reading.heads("d", list(part))) == list(part)
            assert reading.frame_ids("d", list(part)) == {number: written[number][0] for number in part}


def test_a_write_that_was_rolled_back_is_not_found(store: Store) -> None:
    """The next write takes the same numbers, with other frames."""
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))

    def fail() -> None:
        with store.writing() as writing:
            writing.add_revisions("d", 0, [revision("gone")], SAVED)
            assert len(writing.revisions_of("d", ["gone"], BitMap([0]))) == 1
            assert writing.heads("d", [0])[0].frame_id == "gone"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.writing() as writing:
        writing.add_revisions("d", 0, [revision("here")], SAVED)
    with store.reading() as reading:
        assert reading.revisions_of("d", ["gone"], BitMap([0])) == []
        assert len(reading.revisions_of("d", ["here"], BitMap([0]))) == 1
        assert reading.heads("d", [0])[0].frame_id == reading.frame_ids("d", [0])[0] == "here"


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


@pytest.mark.parametrize("content", [b"", b"no digits", b'{"x":"' + b"123456789" * 5_000 + b'"}'])
def test_contents_of_all_kinds_come_back(store: Store, content: bytes) -> None:
    """Frames that say nothing (as an import brings them), nothing but text, very much; with ids of all kinds."""
    ids = [f'é "{i}",\n\\' for i in range(300)]
    kept = hashlib.sha256(content or b"what it said").digest()
    rows = [{"frame_id": name, "site": "s", "digest": kept, "annotated": False, "payload": content} for name in ids]
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
        writing.add_revisions("d", 0, rows, SAVED)
    with store.reading() as reading:
        found = [{key: row[key] for key in rows[0]} for row in reading.revisions_from("d", 0, 300)]
        assert found == rows
        assert [row["payload"] for row in reading.revisions("d", [7, 70, 71, 299])] == [content] * 4
        assert list(reading.frame_ids("d", [7, 70, 71, 299]).values()) == [ids[i] for i in (7, 70, 71, 299)]


def test_compacting_may_end_in_the_middle(store: Store) -> None:
    """What was written stays readable, and a second time it goes through."""
    with store.writing() as writing:
        writing.insert("datasets", dataset("d"))
        writing.add_revisions("d", 0, [revision(f"f{i}", i) for i in range(200)], SAVED)

    def interrupted(_: int) -> None:
        raise ZeroDivisionError

    for progress in (interrupted, lambda _: None):
        with pytest.raises(ZeroDivisionError) if progress is interrupted else nullcontext():
            store.compact(progress)
        with store.reading() as reading:
            assert b"".join(reading.digests("d", BitMap(range(200)))) == b"".join(map(digest, range(200)))
            assert [(first, count) for first, count, _ in reading.seals("d")] == [
                (0, 64),
                (64, 64),
                (128, 64),
                (192, 8),
            ]
        assert store.check() == []


def test_the_last_values_of_metrics(store: Store) -> None:
    experiment = {
        "project": "p",
        "name": "e",
        "state": "running",
        "parameters_json": "{}",
        "environment_json": "{}",
        "body_json": "{}",
        "cloned_from": "",
        "archived": 0,
        "started_ms": 0,
        "ended_ms": 0,
        "generation": 1,
    }
    points = [("loss", 0, 3.0), ("loss", 10, 1.0), ("loss", 9, 2.0), ("acc", 1, 0.5), ("", -2, 7.0), ("", -3, 8.0)]
    with store.writing() as writing:
        writing.insert_all("experiments", [{"id": each, **experiment, **STAMP} for each in ("e", "f", "g")])
        for owner, factor in (("e", 1), ("f", 2)):
            for name, step, value in points:
                point = {"experiment": owner, "name": name, "step": step, "value": value * factor, "time_ms": 1}
                writing.insert("metrics", point)
    with store.reading() as reading:
        assert reading.last_metrics("e") == {"": 7.0, "acc": 0.5, "loss": 1.0}
        assert reading.last_metrics("f") == {"": 14.0, "acc": 1.0, "loss": 2.0}
        assert reading.last_metrics("g") == {}
