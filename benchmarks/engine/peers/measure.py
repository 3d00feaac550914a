"""A peer, loaded and measured in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchmarks.engine import generator, questions
from benchmarks.engine.changes import Plan
from benchmarks.engine.peers.protocol import Peer, PeerModule
from benchmarks.engine.questions import Measured, timed

if TYPE_CHECKING:
    from benchmarks.engine.peers.lance import LancePeer
    from benchmarks.engine.peers.sql import SqlPeer

CLIENTS = 16
SMALL = 1_000_000  # frames up to which every peer is measured
EVERY_SIZE = ("duckdb_parquet", "duckdb_native")
SMALL_ONLY = ("lance", "sqlite")


def measure(name: str, folder: Path, count: int, *, runs: int, seconds: float) -> Measured:
    """`name` is a module of this package."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as own:
        return own.submit(_measure, name, folder, count, runs, seconds).result()


def _measure(name: str, folder: Path, count: int, runs: int, seconds: float) -> Measured:
    module = cast("PeerModule", import_module(f"benchmarks.engine.peers.{name}"))
    measured, plan = Measured(), Plan(count)
    if (took := _loaded(module, folder, plan)) > 0:
        measured.add("write/columnar", count / took * 1_000)
    measured.add("disk", sum(path.stat().st_size for path in module.files(folder)))
    peer = module.connect(folder)
    questions.ask(peer, runs, measured)
    _EXTRA.get(name, lambda *_: None)(peer, plan, runs, measured)
    if seconds and name in EVERY_SIZE:
        _many(peer, seconds, measured)
    return measured


def _loaded(module: PeerModule, folder: Path, plan: Plan) -> float:
    """Milliseconds; what was loaded by an earlier run is kept with its time. 0 if it reads the generated files."""
    if module.files(folder) == generator.files(folder):
        return 0
    note = folder / f"loaded-{module.NAME}"
    if not note.exists():
        note.write_text(str(timed(lambda: module.load(folder, plan))[0]))
    return float(note.read_text())


def _many(peer: Peer, seconds: float, measured: Measured) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        others = [peer.another() for _ in range(CLIENTS)]
        seen = list(pool.map(questions.work, others, range(CLIENTS), [seconds] * CLIENTS))
    summarise(seen, seconds, measured)


def summarise(seen: list[list[tuple[bool, float]]], seconds: float, measured: Measured) -> None:
    """Of many clients: queries a second, and the light ones one by one.

    A query that was begun in time counts, however long it took; the time is then that of the slowest client.
    """
    slowest = max(seconds * 1_000, *(sum(took for _, took in each) for each in seen))
    measured.add("many/throughput", sum(map(len, seen)) / slowest * 1_000)
    measured.add("many/light", *(took for each in seen for heavy, took in each if not heavy))


def _edited(peer: SqlPeer, plan: Plan, runs: int, measured: Measured) -> None:
    """What the filters must count on the other version and after each edit; and a version and diff by hand."""
    draws = questions.eight(runs)
    peer.rows("BEGIN")
    for sql in _other_version(plan):
        peer.rows(sql)
    for name, listed in draws.items():
        measured.answers[f"other/{name}"] = [peer.count(each) for each in listed[1:]]
    peer.rows("ROLLBACK")
    peer.rows("BEGIN")
    for number, (name, listed) in enumerate(draws.items()):
        for sql in plan.edit(number).sql():
            peer.rows(sql)
        measured.answers[f"edited/{name}"] = [peer.count(each) for each in listed[1:]]
    peer.rows("ROLLBACK")
    if plan.count <= SMALL:
        _copied(peer, plan, measured)


def _other_version(plan: Plan) -> list[str]:
    removed = plan.removed
    gone = f"frame >= {removed.start} AND frame < {removed.stop} AND (frame - {removed.start}) % {removed.step} = 0"
    deleted = [f"DELETE FROM {table} WHERE {gone}" for table in ("frames", "rois")]
    added = [f"INSERT INTO {table} SELECT * FROM added_{table}" for table in ("frames", "rois")]
    return [*plan.other_version().sql(), *deleted, *added]


def _copied(peer: SqlPeer, plan: Plan, measured: Measured) -> None:
    change = plan.edit(0)

    def version() -> None:
        for table in ("frames", "rois"):
            peer.rows(f"CREATE OR REPLACE TABLE {table}_2 AS SELECT * FROM {table}")
        for sql in change.sql():
            peer.rows(sql.replace("UPDATE frames", "UPDATE frames_2").replace("UPDATE rois", "UPDATE rois_2"))

    measured.time("version/new", version)
    changed = (
        "SELECT frame FROM frames a JOIN frames_2 b USING (frame) WHERE (a.weather, a.score) IS DISTINCT FROM "
        "(b.weather, b.score) UNION SELECT frame FROM rois a JOIN rois_2 b USING (frame, roi) "
        "WHERE (a.set_id, a.confidence) IS DISTINCT FROM (b.set_id, b.confidence)"
    )
    found = measured.time("version/diff", lambda: peer.rows(f"SELECT count(*) FROM ({changed})"))
    assert found[0][0] == len(change.frames), found
    for table in ("frames_2", "rois_2"):
        peer.rows(f"DROP TABLE {table}")


def _lance_version(peer: LancePeer, plan: Plan, runs: int, measured: Measured) -> None:
    before = peer.versions
    after = measured.time("version/new", lambda: peer.change(plan.edit(0)))
    changed = measured.time("version/diff", lambda: after.changed_since(before[0]))
    assert changed == len(plan.thousand), changed
    after.restore(before)


_EXTRA: dict[str, Callable[..., None]] = {"duckdb_native": _edited, "lance": _lance_version}
