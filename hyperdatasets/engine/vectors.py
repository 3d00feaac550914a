"""The search index of one vector field of a dataset: blocks of vectors on disk, the newest in memory.

Derived from the truth and disposable, as the index of frames is: its owner compares `reached` with the truth and adds
what is missing; a file that is not what was written makes it begin again. Full blocks get a graph for approximate
search as soon as there is time; rows without one are always searched exactly.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.vectors import Vector
from hyperdatasets.engine import files, graphs
from hyperdatasets.engine.bitmaps import to_array, to_bitmap
from hyperdatasets.engine.nearest import Neighbour, Rows, nearest

BLOCK = 1 << 24  # numbers of a full block: 64 MiB
_NARROW = 8  # a filter that leaves less than one in so many rows of a block is searched exactly
_MANIFEST = "vectors.json"
_Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Block:
    """`name`: of its file, empty = in memory only; `graph` None = not made; a `reach` of 0 = made and of no use."""

    rows: Rows
    present: BitMap
    name: str = ""
    graph: graphs.Graph | None = None
    reach: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`searched`: how many of the wanted revisions have a vector."""

    neighbours: list[Neighbour]
    searched: int
    approximate: bool


class VectorIndex:
    """Open with the folder of its files. Safe for several threads: additions exclude each other.

    `state` names the truth it was made from; what is kept under another state is thrown away.
    """

    def __init__(self, folder: Path, *, dimensions: int, metric: Metric, state: str = "", block: int = BLOCK) -> None:
        self._folder, self._dimensions, self._metric, self._state = folder, dimensions, metric, state
        self._capacity = max(1, block // dimensions)
        self._writing = threading.Lock()
        self._blocks: tuple[Block, ...] = ()
        self.reached = 0
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._open()
        except (OSError, ValueError, KeyError, RuntimeError, files.DamagedFile):
            self._clear()

    def add(self, reached: int, revisions: Sequence[int], values: NDArray[np.float32]) -> None:
        """Adds vectors; afterwards the index has what the truth has up to the number `reached`."""
        with self._writing:
            if reached <= self.reached:
                return
            joined = _rows(np.asarray(revisions, np.uint32), values.reshape(-1, self._dimensions))
            blocks = list(self._blocks)
            while blocks and len(blocks[-1].present) < self._capacity and _alike(blocks[-1], joined):
                joined = _joined(blocks.pop().rows, joined)
            starts = range(0, len(joined.revisions), self._capacity)
            blocks += [_block(_part(joined, start, start + self._capacity)) for start in starts]
            self._blocks, self.reached = tuple(blocks), reached
            if sum(block.rows.values.size for block in blocks if not block.name) >= self._capacity * self._dimensions:
                self._save()

    def save(self) -> None:
        """Writes what is in memory only."""
        with self._writing:
            self._save()

    def make_graph(self) -> bool:
        """Makes the graph of one full block that has none; False if there is none to make."""
        if not graphs.AVAILABLE:
            return False
        block = next((each for each in self._blocks if each.reach is None and self._is_full(each)), None)
        if block is None:
            return False
        self.save()
        block = next(each for each in self._blocks if each.present == block.present)
        path = self._folder / f"{block.name}.graph"
        everything = np.arange(len(block.present))

        def exact(query: Vector) -> _Places:
            found = nearest([(block.rows, everything)], query, self._metric, graphs.PROBED)
            return np.searchsorted(block.rows.revisions, [revision for revision, _ in found])

        reach = graphs.make(path, block.rows.values, self._metric, exact)
        graph = graphs.Graph(path, reach) if reach else None
        with self._writing:
            self._blocks = tuple(
                replace(each, graph=graph, reach=reach) if each.name == block.name else each for each in self._blocks
            )
            self._save()
        return True

    def search(self, query: Vector, metric: Metric, k: int, within: BitMap, *, exact: bool) -> Found:
        """The `k` most alike of these revisions, the nearest first, equal ones by revision.

        Without `exact` full blocks propose candidates by their graphs (for the field's own metric); values and order
        among what is returned are exact all the same.
        """
        parts: list[tuple[Rows, _Places]] = []
        searched, approximate = 0, False
        for block in self._blocks:
            count = block.present.intersection_cardinality(within)
            searched += count
            if not count:
                continue
            places = None if exact or metric != self._metric else _proposed(block, query, k, within, count)
            approximate |= places is not None
            parts.append((block.rows, _places(block, within) if places is None else places))
        return Found(nearest(parts, query, metric, k), searched, approximate)

    def vector(self, revision: int) -> Vector | None:
        """The vector that it has of a revision."""
        for block in self._blocks:
            if revision in block.present:
                found: Vector = block.rows.values[np.searchsorted(block.rows.revisions, revision)]
                return found
        return None

    def _is_full(self, block: Block) -> bool:
        return len(block.present) == self._capacity

    def _open(self) -> None:
        manifest = orjson.loads((self._folder / _MANIFEST).read_bytes())
        if [manifest["dimensions"], manifest["state"]] != [self._dimensions, self._state]:
            raise files.DamagedFile("the truth is another one")
        blocks = []
        for kept in manifest["blocks"]:
            arrays = files.read(self._folder / kept["name"])
            values = arrays[("values",)].reshape(-1, self._dimensions)
            block = _block(Rows(arrays[("revisions",)], values, arrays[("norms",)]))
            graph, reach = self._graph(kept)
            blocks.append(replace(block, name=kept["name"], graph=graph, reach=reach))
        self._blocks, self.reached = tuple(blocks), manifest["reached"]

    def _graph(self, kept: Mapping[str, Any]) -> tuple[graphs.Graph | None, int | None]:
        """The graph of a block and its reach; one that is missing or damaged is made again."""
        path = self._folder / f"{kept['name']}.graph"
        if not graphs.AVAILABLE or not kept["graph"]:
            return None, kept["reach"]
        if not path.exists() or _digest(path) != kept["graph"]:
            return None, None
        return graphs.Graph(path, kept["reach"]), kept["reach"]

    def _save(self) -> None:
        saved, listed = [], []
        for block in self._blocks:
            name = block.name or self._write(block.rows)
            saved.append(replace(block, name=name))
            path = self._folder / f"{name}.graph"
            digest = _digest(path) if block.graph is not None else ""
            listed.append({"name": name, "reach": block.reach, "graph": digest})
        manifest = {
            "dimensions": self._dimensions, "state": self._state, "reached": self.reached, "blocks": listed
        }  # fmt: skip
        files.durably(self._folder / _MANIFEST, orjson.dumps(manifest))
        self._blocks = tuple(self._mapped(block) for block in saved)
        names = {each["name"] for each in listed}
        for path in self._folder.glob("*.vectors*"):
            if path.name.removesuffix(".graph") not in names:
                path.unlink(missing_ok=True)

    def _write(self, rows: Rows) -> str:
        digest = hashlib.sha256(rows.revisions.tobytes()).hexdigest()[:16]
        name = f"{rows.revisions[0]}-{len(rows.revisions)}-{digest}.vectors"
        files.write(self._folder / name, [
            (("revisions",), rows.revisions), (("values",), rows.values.reshape(-1)), (("norms",), rows.norms),
        ])  # fmt: skip
        return name

    def _mapped(self, block: Block) -> Block:
        """The same block with its rows in the file rather than in memory."""
        if any(each.rows is block.rows and each.name for each in self._blocks):
            return block
        arrays = files.read(self._folder / block.name)
        values = arrays[("values",)].reshape(-1, self._dimensions)
        return replace(block, rows=Rows(arrays[("revisions",)], values, arrays[("norms",)]))

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)


def check(folder: Path) -> None:
    """Reads every byte of an index's files; raises DamagedFile."""

    def look_at(kept: dict[str, Any]) -> None:
        files.read(folder / kept["name"])
        graph = folder / f"{kept['name']}.graph"
        if kept["graph"] and (not graph.exists() or _digest(graph) != kept["graph"]):
            raise files.DamagedFile(f"{graph.name}: the content is damaged")

    files.check(lambda: _listed(folder), look_at)


def _listed(folder: Path) -> list[dict[str, Any]]:
    try:
        listed: list[dict[str, Any]] = orjson.loads((folder / _MANIFEST).read_bytes())["blocks"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError) as error:
        raise files.DamagedFile(f"{_MANIFEST}: {error}") from None
    return listed


def _proposed(block: Block, query: Vector, k: int, within: BitMap, count: int) -> _Places | None:
    """Places that the graph proposes and the filter lets through; None where an exact search is better.

    Of all rows, k / share nearest hold the k nearest that pass, if at least k of them pass.
    """
    size = len(block.present)
    if block.graph is None or count * _NARROW < size:
        return None
    wanted = min(k, count)
    asked = min(size, int(1.2 * wanted * size / count) + 16)
    if asked * block.graph.reach > size * graphs.PROBED // 8:
        return None
    places = np.sort(block.graph.propose(query, asked))
    if count < size:
        passed = within & block.present
        places = places[np.isin(block.rows.revisions[places], to_array(passed))]
    return places if len(places) >= wanted else None


def _places(block: Block, within: BitMap) -> _Places:
    chosen = block.present & within
    if len(chosen) == len(block.present):
        return np.arange(len(chosen))
    return np.searchsorted(block.rows.revisions, to_array(chosen))


def _block(rows: Rows) -> Block:
    return Block(rows, to_bitmap(rows.revisions))


def _rows(revisions: NDArray[np.uint32], values: NDArray[np.float32]) -> Rows:
    order = np.argsort(revisions, kind="stable")
    norms = np.concatenate([np.empty(0), *(
        np.linalg.norm(values[start : start + 8_192].astype(np.float64), axis=1)
        for start in range(0, len(values), 8_192)
    )])  # fmt: skip
    return Rows(revisions[order], np.ascontiguousarray(values[order]), norms[order])


def _joined(one: Rows, other: Rows) -> Rows:
    revisions = np.concatenate([one.revisions, other.revisions])
    order = np.argsort(revisions, kind="stable")
    values, norms = np.concatenate([one.values, other.values]), np.concatenate([one.norms, other.norms])
    return Rows(revisions[order], values[order], norms[order])


def _part(rows: Rows, start: int, end: int) -> Rows:
    return Rows(rows.revisions[start:end], rows.values[start:end], rows.norms[start:end])


def _alike(block: Block, newest: Rows) -> bool:
    """Of like size, so that each row is joined with others rarely."""
    return len(block.present) <= 2 * len(newest.revisions) or len(block.present) < 1_024


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
