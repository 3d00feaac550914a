"""Our service, loaded and measured through its public client, as a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.engine import filters, generator, questions
from benchmarks.engine.changes import Change, Plan, ids
from benchmarks.engine.client import DATASET, OurPeer, connect
from benchmarks.engine.peers.measure import CLIENTS, summarise
from benchmarks.engine.questions import Measured, timed
from benchmarks.engine.service import RunningService, parts, size
from hyperdatasets.client import bulk
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1 import version_service_pb2 as versions_pb
from hyperdatasets.wire.frames import from_message

BASE, OTHER, VIEW = "v1", "v2", "weighted"
_SAMPLE = 100_000  # frames of the comparison of ways to write
_READ = 1_000


def measure(folder: Path, count: int, *, runs: int, seconds: float, loaded: bool = False) -> Measured:
    """Everything; the service's folder is made anew, unless it is asked as an earlier run `loaded` it."""
    measured, plan, data = Measured(), Plan(count), folder / "service"
    if not loaded:
        shutil.rmtree(data, ignore_errors=True)
    with RunningService(data) as service:
        client = connect(service.address)
        phases: dict[str, Callable[[], object]] = {
            "write a sample": lambda: _write(client, plan, measured),
            "load": lambda: _cleaned(client) if loaded else _load(client, plan, measured),
            "size": lambda: measured.add("disk", size(data)),
            "children": lambda: _versions(client, plan, runs, measured),
            "another version": lambda: _other_version(client, plan, measured),
            "questions": lambda: questions.ask(OurPeer(client, BASE), runs, measured),
            "the same again": lambda: _again(client, runs, measured),
            "a new version": lambda: _new_version(client, plan, data, measured),
            "edits": lambda: _edits(client, plan, runs, measured),
            "visibility": lambda: _visibility(client, measured),
            "a published view": lambda: _published_view(client, plan, runs, measured),
            "many clients": lambda: _many(service.address, seconds, measured),
        }
        for name, work in phases.items():
            questions.step(f"  ours: {name}", work)
        measured.answers["memory"] = [service.memory()]
        measured.add("memory/peak", service.peak_anonymous)
        client.close()
    measured.answers["parts"] = [parts(data)]
    questions.step("  ours: restart", lambda: _restart(data, measured))
    return measured


def _write(client: MetadataClient, plan: Plan, measured: Measured) -> None:
    """Frames a second, made beforehand, into datasets of their own that are deleted again."""
    count = min(_SAMPLE, plan.count)
    tables = list(generator.batch(0, count))
    made, table = list(generator.plain(*tables)), generator.columns(*tables)
    digests = []
    for row, write in (
        ("write/messages", lambda draft: _written(client, draft, made)),
        ("write/columnar", lambda draft: _written_table(client, draft, table)),
    ):
        dataset = Dataset.create("sample", client=client)
        draft = DatasetVersion.get_current(dataset_id=dataset.id, client=client)
        took, _ = timed(lambda w=write, d=draft: w(d))
        measured.add(row, count / took * 1_000)
        digests.append(draft.refresh().digest)
        Dataset.delete("sample", delete_all_versions=True, force=True, client=client)
    assert digests[0] == digests[1], "both ways must write the same frames"


def _load(client: MetadataClient, plan: Plan, measured: Measured) -> None:
    Dataset.create(DATASET, client=client)
    draft = DatasetVersion.get_current(DATASET, client=client)
    tables = (generator.columns(*each) for each in generator.batches(plan.count))
    took, _ = timed(lambda: [_written_table(client, draft, table) for table in tables])
    measured.add("write/load", plan.count / took * 1_000)
    peer = OurPeer(client, draft.name)
    measured.time("write/first answer", lambda: peer.count(filters.drawn(filters.label, 1, seed=9)[0]))
    draft.publish_version(BASE)


def _cleaned(client: MetadataClient) -> None:
    """Takes away whatever an earlier run made beside the loaded version."""
    for view in DataView.list(name=VIEW, client=client):
        view.delete(force=True)
    for version in DatasetVersion.get_versions(DATASET, client=client):
        if version.name != BASE:
            client.send(versions_pb.DeleteVersionRequest(dataset=DATASET, version=version.id, force=True))


def _versions(client: MetadataClient, plan: Plan, runs: int, measured: Measured) -> None:
    for number in range(runs):
        child = measured.time("version/child", lambda n=number: _child(client, f"child-{n}"))
        assert child.frame_count == plan.count
        measured.time("version/publish", child.publish_version)


def _other_version(client: MetadataClient, plan: Plan, measured: Measured) -> None:
    """The version that differs in ten thousand frames, and its difference."""
    other = _child(client, OTHER)
    _change(client, other, plan.other_version())
    other.delete_frames(ids(plan.removed))
    _written(client, other, generator.plain(*plan.added_tables()))
    other.publish_version()
    expected = len(plan.added), len(plan.removed), len(plan.changed)
    OurPeer(client, OTHER).count(filters.drawn(filters.label, 1, seed=9)[0])
    for row, explain in (("diff", 0), ("diff/explained", min(100, len(plan.changed)))):
        found = measured.time(row, lambda e=explain: _diff(client, BASE, OTHER, explain=e))
        head, changes = found[0], [each for answer in found for each in answer.changes]
        assert (head.added, head.removed, head.changed) == expected, (head, expected)
        assert len(changes) == sum(expected)
        assert sum(bool(each.fields) for each in changes) == explain


def _again(client: MetadataClient, runs: int, measured: Measured) -> None:
    for name, draws in questions.eight(runs).items():
        for row, version in (("again", BASE), ("other", OTHER)):
            peer = OurPeer(client, version)
            for asked in draws[1:]:
                counted = measured.time(f"{row}/{name}", lambda p=peer, a=asked: p.count(a))
                measured.answer(f"{row}/{name}", counted)


def _new_version(client: MetadataClient, plan: Plan, data: Path, measured: Measured) -> None:
    change = plan.edit(0)
    frames = [change.of(each) for each in _read(client, BASE, change.frames)]
    before = size(data)

    def make() -> None:
        child = _child(client, "thousand")
        _written(client, child, frames)
        child.publish_version()

    measured.time("version/new", make)
    measured.add("version/growth", size(data) - before)
    found = measured.time("version/diff", lambda: _diff(client, BASE, "thousand"))
    assert found[0].changed == len(change.frames), found[0]


def _edits(client: MetadataClient, plan: Plan, runs: int, measured: Measured) -> None:
    """A filter right after an edit of a thousand frames: the first query, then its other draws."""
    draft = _child(client, "edited")
    peer = OurPeer(client, draft.name)
    plain = _read(client, BASE, plan.thousand)
    for number, (name, draws) in enumerate(questions.eight(runs).items()):
        change = plan.edit(number)
        _written(client, draft, [change.of(each) for each in plain])
        for place, asked in enumerate(draws[1:]):
            row = f"edited/{name}" if place else f"just edited/{name}"
            counted = measured.time(row, lambda a=asked: peer.count(a))
            measured.answer(f"edited/{name}", counted)


def _visibility(client: MetadataClient, measured: Measured) -> None:
    """From the acknowledgement of an edit to the answer that shows it."""
    draft = _child(client, "seen")
    (plain,) = _read(client, BASE, range(1))
    for number in range(20):
        name = f"probe-{number}"
        _written(client, draft, [{**plain, "meta": {**plain["meta"], "device": name}}])
        asked = filters.Filter("probe", frame_query=f'meta.device.keyword:"{name}"')
        seen = measured.time("visible", lambda a=asked: OurPeer(client, draft.name).count(a))
        assert seen == 1, f"an edit that was acknowledged is not seen: {seen}"


def _published_view(client: MetadataClient, plan: Plan, runs: int, measured: Measured) -> None:
    """The start in the middle of a published view of three weighted rules."""
    rules = [filters.drawn(make, 1, seed=8)[0] for make in (filters.label, filters.without, filters.score_and_dates)]
    spec = OurPeer(client, BASE).spec(rules, repeat=True)
    view = client.send(views_pb.CreateDataViewRequest(spec=json.dumps({**spec, "name": VIEW}))).view
    published, _ = timed(lambda: client.send(views_pb.PublishDataViewRequest(view=view.id)))
    measured.add("view/publish", published)
    for number in range(runs + 1):
        start = plan.count // 2 + 1_000 * number
        took, entries = timed(lambda s=start: _entries(client, view.id, s))
        assert [entries[0].position, len(entries)] == [start, 100], entries[:1]
        if number:
            measured.add("view/start", took)


def _many(address: str, seconds: float, measured: Measured) -> None:
    if not seconds:
        return
    with ProcessPoolExecutor(CLIENTS, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_client, [address] * CLIENTS, range(CLIENTS), [2.0] * CLIENTS))  # until all of them run
        seen = list(pool.map(_client, [address] * CLIENTS, range(100, 100 + CLIENTS), [seconds] * CLIENTS))
    summarise(seen, seconds, measured)


def _client(address: str, seed: int, seconds: float) -> list[tuple[bool, float]]:
    client = connect(address)
    seen = questions.work(OurPeer(client, BASE), seed, seconds)
    client.close()
    return seen


def _restart(data: Path, measured: Measured) -> None:
    asked = filters.drawn(filters.rain_and_city, 1, seed=10)[0]

    def answer() -> int:
        running = service.__enter__()
        return OurPeer(connect(running.address), BASE).count(asked)

    service = RunningService(data)
    try:
        measured.answer("start", measured.time("start", answer))
    finally:
        service.__exit__(None, None, None)


def _child(client: MetadataClient, name: str) -> DatasetVersion:
    return DatasetVersion.create_version(
        dataset_name=DATASET, version_name=name, parent_version_names=[BASE], raise_if_exists=True, client=client
    )


def _change(client: MetadataClient, draft: DatasetVersion, change: Change) -> None:
    _written(client, draft, (change.of(each) for each in _read(client, BASE, change.frames)))


def _read(client: MetadataClient, version: str, numbers: range) -> list[dict[str, Any]]:
    wanted, found = iter(ids(numbers)), []
    while part := list(islice(wanted, _READ)):
        answer = client.send(pb.BatchGetFramesRequest(dataset=DATASET, version=version, frame_ids=part))
        found += [from_message(each.frame) for each in answer.frames]
    assert len(found) == len(numbers)
    return found


def _written(client: MetadataClient, draft: DatasetVersion, frames: Iterable[dict[str, Any]]) -> None:
    result = bulk.write(client, frames, dataset=draft.dataset_id, version=draft.id)
    assert not result, result[0]


def _written_table(client: MetadataClient, draft: DatasetVersion, table: Any) -> None:
    result = bulk.write_table(client, table, dataset=draft.dataset_id, version=draft.id)
    assert not result, result[0]


def _diff(client: MetadataClient, before: str, after: str, *, explain: int = 0) -> list[Any]:
    request = versions_pb.DiffVersionsRequest(dataset=DATASET, before=before, after=after, explain=explain)
    return list(client.stream(request))


def _entries(client: MetadataClient, view: str, start: int) -> list[Any]:
    request = views_pb.ReadDataViewRequest(target=views_pb.ViewOrSpec(view=view), start=start, limit=100)
    return [entry for answer in client.stream(request) for entry in answer.entries]
