"""The indexes of all datasets: brought up to the truth before each answer, so that none is ever stale."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from pyroaring import BitMap

from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.engine.index import SEALED, DatasetIndex
from hyperdatasets.engine.segment import Row as IndexRow
from metadata_service.store.protocol import Row, Store

_READ = SEALED  # revisions read and indexed at once: whole segments need no merging


class Indexes:
    """Index of each dataset in its own folder; folders may be deleted while the service is down."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store
        self._open: dict[str, DatasetIndex] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def reaching(self, dataset: str, content: BitMap) -> DatasetIndex:
        """The dataset's index, with all revisions of this content."""
        with self._lock:
            index = self._open.get(dataset)
            if index is None:
                index = self._open[dataset] = DatasetIndex(self._folder / dataset)
            lock = self._locks.setdefault(dataset, threading.Lock())
        if content and index.reached <= content.max():
            with lock:
                self._feed(dataset, index, content.max())
        return index

    def rebuild(self, dataset: str) -> None:
        """Forgets the index; the next query makes it anew."""
        with self._lock:
            self._open.pop(dataset, None)
            shutil.rmtree(self._folder / dataset, ignore_errors=True)

    def check(self) -> None:
        """Reads every byte; raises DamagedFile."""
        for path in sorted(self._folder.glob("*")):
            DatasetIndex(path).check()

    def save(self) -> None:
        for index in list(self._open.values()):
            index.save()

    def _feed(self, dataset: str, index: DatasetIndex, last: int) -> None:
        while index.reached <= last:
            with self._store.reading() as reading:
                rows = reading.revisions_from(dataset, index.reached, _READ)
            if not rows:
                return
            index.add(_index_row(row) for row in rows)


def _index_row(row: Row) -> IndexRow:
    return IndexRow(row["revision"], from_canonical(row["payload"]), row["saved_ms"], row["saved_in"])
