"""What versions contain, also after transactions that came to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyroaring import BitMap

from metadata_service.catalog import datasets, versions
from metadata_service.catalog.caller import LOCAL_ADMIN
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.versions import Edit
from metadata_service.store.protocol import Reading, Row, Writing
from metadata_service.store.sqlite import SqliteStore


def put(writing: Writing, version: Row, *numbers: int) -> Row:
    described = {number: ("", bytes(32), False) for number in numbers}
    return versions.edit(writing, LOCAL_ADMIN, 1, version, Edit(described))


def read(reading: Reading, version: Row) -> Row:
    row = reading.one("versions", id=version["id"])
    assert row is not None
    return row


def test_a_rolled_back_edit_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    store, contents = SqliteStore(tmp_path / "m.db"), Contents()
    with store.writing() as writing:
        dataset = datasets.create(writing, LOCAL_ADMIN, 1, project="", name="d", body={})
        draft, _ = versions.create(writing, contents, LOCAL_ADMIN, 1, dataset, name="Current")

    def fail() -> None:
        with store.writing() as writing:
            assert contents.of(writing, put(writing, read(writing, draft), 1, 2)) == BitMap([1, 2])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.writing() as writing:
        now = put(writing, read(writing, draft), 3)
        assert contents.of(writing, now) == BitMap([3])
    with store.reading() as reading:
        assert contents.of(reading, read(reading, draft)) == BitMap([3])
    store.close()
