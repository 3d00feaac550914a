"""The indexes of all datasets: brought up to the truth before each answer, so that none is ever stale."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyroaring import BitMap

from hyperdatasets.core.canonical import from_canonical
from hyperdatasets.core.query.tree import And, Field, Leaf, Term
from hyperdatasets.engine import deadline, turns
from hyperdatasets.engine.index import SEALED, DatasetIndex
from hyperdatasets.engine.segment import Row as IndexRow
from hyperdatasets.engine.segment import time_text
from metadata_service.catalog.full_disk import kept_in_memory
from metadata_service.store.protocol import Row, Store

_PAUSE_S = 1.0  # without writes, before what was written is indexed
_LONG_PAUSE_S = 10.0  # the same while somebody has a stream of writes open: indexing would slow it down
_ALL = 1 << 62
_FEW = 2_048  # revisions that are indexed while their writer waits
_LOG = logging.getLogger("metadata_service")
_READ = SEALED  # revisions read and indexed at once: whole segments need no merging


class Indexes:
    """Index of each dataset in its own folder; folders may be deleted while the service is down."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store
        self._open: dict[str, DatasetIndex] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._written: dict[str, float] = {}  # dataset -> when it was last written, monotonic
        self._streams = 0
        self._stopping = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="index", daemon=True)

    def start(self) -> None:
        """Begins to index what was written as soon as writing pauses, so that the next query need not."""
        self._follower.start()

    def stop(self) -> None:
        """Ends that, and writes what is in memory only."""
        self._stopping.set()
        if self._follower.is_alive():
            self._follower.join()
        for dataset, index in list(self._open.items()):
            with kept_in_memory(dataset):
                index.save()

    @contextmanager
    def stream_of_writes(self) -> Iterator[Callable[[str, int], None]]:
        """Gives what notes that so many frames of a dataset were written, so that there is something to index.

        The first few of a stream are indexed at once: who wrote them waits for that, and not who asks next. For more,
        indexing waits for a pause, a longer one while a stream is open; queries index what they need all the same.
        """
        total = 0

        def note(dataset: str, frames: int) -> None:
            nonlocal total
            total += frames
            self._written[dataset] = time.monotonic()
            if total <= _FEW:
                self._add_few(dataset)

        with self._lock:
            self._streams += 1
        try:
            yield note
        finally:
            with self._lock:
                self._streams -= 1

    def reaching(self, dataset: str, content: BitMap) -> DatasetIndex:
        """The dataset's index, with all revisions of this content."""
        index, lock = self._opened(dataset)
        if content and index.reached <= content.max():
            with deadline.uncounted(), _taken(lock):
                self._feed(dataset, index, content.max())
        return index

    def forget(self, dataset: str) -> None:
        """Of a dataset that is gone; who saves its index at this moment leaves nothing behind either."""
        with self._lock:
            lock = self._locks.setdefault(dataset, threading.Lock())
        with lock:
            self._written.pop(dataset, None)
            index = self._open.pop(dataset, None)
            if index is not None:
                index.detach()
            shutil.rmtree(self._folder / dataset, ignore_errors=True)

    def _opened(self, dataset: str) -> tuple[DatasetIndex, threading.Lock]:
        with self._lock:
            lock = self._locks.setdefault(dataset, threading.Lock())
        index = self._open.get(dataset)
        if index is None:
            with _taken(lock):
                index = self._open.get(dataset) or self._looked_at(dataset)
                self._open[dataset] = index
        return index, lock

    def _looked_at(self, dataset: str) -> DatasetIndex:
        """The index as it is on disk, without what is not the truth's; only then may anybody ask it."""
        index = DatasetIndex(self._folder / dataset)
        if index.damage:
            self._drop_damaged(dataset, index)
        if self._is_of_the_truth(dataset, index):
            return index
        _LOG.warning("the index is that of another database, it is made again", extra={"dataset": dataset})
        shutil.rmtree(self._folder / dataset, ignore_errors=True)
        return DatasetIndex(self._folder / dataset)

    def _drop_damaged(self, dataset: str, index: DatasetIndex) -> None:
        """What is left is listed again without the damaged files; the rest is made anew from the truth."""
        _LOG.warning("the index cannot be read, it is made again", extra={"dataset": dataset, "reason": index.damage})
        with kept_in_memory(dataset):
            index.save()

    def _is_of_the_truth(self, dataset: str, index: DatasetIndex) -> bool:
        """Whether the newest revision that it has is the truth's: an older database may have been put in place."""
        last = index.reached - 1
        if last < 0:
            return True
        with self._store.reading() as reading:
            row = next(reading.revisions_from(dataset, last, 1), None)
        if row is None:
            return False
        same = [Leaf(Field("id", keyword=True), Term(row["frame_id"], quoted=True))]
        if row["payload"]:
            same.append(Leaf(Field("saved", keyword=True), Term(time_text(row["saved_ms"]), quoted=True)))
        return last in index.search(And(tuple(same)), "frame")

    def _follow(self) -> None:
        while not self._stopping.wait(_PAUSE_S / 2):
            pause_s = _LONG_PAUSE_S if self._streams else _PAUSE_S
            for dataset, at in list(self._written.items()):
                if time.monotonic() - at > pause_s:
                    self._written.pop(dataset, None)
                    self._catch_up(dataset)

    def _catch_up(self, dataset: str) -> None:
        with _said_if_not():
            index, lock = self._opened(dataset)
            with lock:
                self._feed(dataset, index, _ALL)
            with kept_in_memory(dataset):
                index.save()

    def _add_few(self, dataset: str) -> None:
        index, lock = self._open.get(dataset), self._locks.get(dataset)
        if index is None or lock is None or not lock.acquire(blocking=False):
            return
        with _said_if_not():
            try:
                with self._store.reading() as reading:
                    row = reading.one("datasets", id=dataset)
                if row is not None and row["next_revision"] - index.reached <= _FEW:
                    self._feed(dataset, index, row["next_revision"] - 1)
            finally:
                lock.release()

    def _feed(self, dataset: str, index: DatasetIndex, last: int) -> None:
        while index.reached <= last and not (last == _ALL and self._stopping.is_set()):
            reached = index.reached
            with self._store.reading() as reading, kept_in_memory(dataset):
                index.add(_index_row(row) for row in reading.revisions_from(dataset, reached, _READ))
            if index.reached == reached:
                return


@contextmanager
def _said_if_not() -> Iterator[None]:
    """An index that cannot be brought up to date now is so before the next answer, or that one tells why not.

    A damaged block must neither end the thread that indexes all datasets nor cost a writer the answer for what is kept.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001
        _LOG.warning("the index could not be brought up to date", extra={"reason": type(error).__name__})


@contextmanager
def _taken(lock: threading.Lock) -> Iterator[None]:
    """The lock; others may compute until it is free."""
    with turns.aside():
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _index_row(row: Row) -> IndexRow:
    if not row["payload"]:  # withdrawn
        return IndexRow(row["revision"], {"id": row["frame_id"], "sources": []})
    return IndexRow(row["revision"], from_canonical(row["payload"]), row["saved_ms"], row["saved_in"])
