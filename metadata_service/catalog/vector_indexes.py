"""The search indexes of all vector fields: brought up to the truth before each answer; graphs when there is time."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

import numpy as np

from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.engine.vectors import VectorIndex
from metadata_service.catalog.full_disk import kept_in_memory
from metadata_service.store.protocol import Row, Store

_PAUSE_S = 2.0  # after a search or a write, before graphs are looked for
_READ = 16_384  # vectors read at once
_LOG = logging.getLogger("metadata_service")


class VectorIndexes:
    """One index per field, each in its own folder; folders may be deleted while the service is down."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store
        self._open: dict[int, tuple[int, VectorIndex]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._maker = threading.Thread(target=self._make_graphs, name="vectors", daemon=True)

    def start(self) -> None:
        self._maker.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._maker.is_alive():
            self._maker.join()
        for field, (_, index) in list(self._open.items()):
            with kept_in_memory(f"vectors {field}"):
                index.save()

    def reaching(self, field: Row) -> VectorIndex:
        """The field's index with every vector that was committed before this call."""
        with self._lock:
            erased, index = self._open.get(field["id"], (-1, None))
            if index is None or erased != field["erased"]:
                index = self._made(field)
                if not self._is_of_the_truth(field, index):
                    _LOG.warning("an index of vectors is that of another database, it is made again")
                    shutil.rmtree(self._folder / str(field["id"]), ignore_errors=True)
                    index = self._made(field)
                self._open[field["id"]] = field["erased"], index
            self._feed(field, index)
        return index

    def forget(self, field: int) -> None:
        """Of a dataset that is gone; a graph that is made of it at this moment has no folder to lie in."""
        with self._lock:
            self._open.pop(field, None)
            shutil.rmtree(self._folder / str(field), ignore_errors=True)

    def _made(self, field: Row) -> VectorIndex:
        return VectorIndex(
            self._folder / str(field["id"]), dimensions=field["dimensions"], metric=field["metric"],
            state=f"{field['dataset']}/{field['id']}/{field['erased']}",
        )  # fmt: skip

    def _is_of_the_truth(self, field: Row, index: VectorIndex) -> bool:
        """Whether the newest vector that it has is the truth's: an older database may have been put in place."""
        if not index.reached:
            return True
        with self._store.reading() as reading:
            rows = reading.vectors_after(field["id"], index.reached - 1, 1)
        if not rows or rows[0]["number"] != index.reached:
            return False
        kept = index.vector(rows[0]["revision"])
        return kept is not None and kept.tobytes() == rows[0]["value"]

    def _feed(self, field: Row, index: VectorIndex) -> None:
        while True:
            with self._store.reading() as reading:
                rows = reading.vectors_after(field["id"], index.reached, _READ)
            if not rows:
                return
            values = np.frombuffer(b"".join(row["value"] for row in rows), "<f4")
            with kept_in_memory(f"vectors {field['id']}"):
                index.add(rows[-1]["number"], [row["revision"] for row in rows], values)

    def _make_graphs(self) -> None:
        while not self._stopping.wait(_PAUSE_S):
            try:
                for _, index in list(self._open.values()):
                    while not self._stopping.is_set() and index.make_graph():
                        pass
            except (HyperdatasetsError, OSError, RuntimeError) as error:
                _LOG.warning("a graph could not be made", extra={"reason": type(error).__name__})
