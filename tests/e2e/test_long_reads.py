"""Reads that outlast their streams: killed services, passed deadlines; each frame comes once, in its order."""

from __future__ import annotations

import io
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import DeadlineExceeded, ReadingStale, Unavailable
from hyperdatasets.demo.processes import free_ports
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from node import setup
from tests.e2e.processes import end, start

pytestmark = pytest.mark.e2e
COUNT = 6_000  # of about 4 KB: far more than what is under way between two processes
FILLING = "x" * 4_000
Reading = Callable[[DatasetVersion], Iterator[SingleFrame]]


class Killable:
    """A process on a port that stays."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process, self.address = start(*command)

    def kill(self) -> None:
        assert end(self._process, signal.SIGKILL) == -signal.SIGKILL

    def start(self) -> None:
        self._process, _ = start(*self._command)

    def stop(self) -> None:
        if self._process.poll() is None:
            end(self._process)


@contextmanager
def killable_service(folder: Path) -> Iterator[Killable]:
    (port,) = free_ports(1)
    made = Killable("metadata_service", "--data", str(folder), "--port", str(port))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def impatient(service: Service) -> Iterator[MetadataClient]:
    """A client whose streams end after a second."""
    made = MetadataClient(ClientConfig(service=service.address, stream_timeout_s=1))
    yield made
    made.close()


def until_its_deadline(client: MetadataClient) -> None:
    """Waits for the deadline of a stream that begins now, so that those which began before have passed theirs."""
    requests: queue.SimpleQueue[frames_pb.WriteFramesRequest | None] = queue.SimpleQueue()
    answers = client.connection.stream(lambda channel: FrameServiceStub(channel).WriteFrames, iter(requests.get, None))
    with pytest.raises(DeadlineExceeded):
        next(answers)
    requests.put(None)


def filled(client: MetadataClient, *, publish: bool = True) -> DatasetVersion:
    """A version of large frames of a few contexts, in another order by score than by id."""
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    frames = (
        {
            "id": f"f{number:05}", "sources": [{"id": "s", "uri": f"s3://b/{number}"}], "timestamp": number,
            "context_id": f"c{number // 1_500}", "meta": {"score": number * 7 % COUNT, "filling": FILLING},
        }
        for number in range(COUNT)
    )  # fmt: skip
    assert not draft.write(frames)
    if publish:
        draft.publish_version()
    return draft


def view_of(version: DatasetVersion, client: MetadataClient, **iteration: object) -> DataView:
    view = DataView("v", client=client, iteration_order="random")
    view.add_query(dataset_id=version.dataset_id, version_id=version.id)
    if iteration:
        view.set_iteration_parameters(**iteration)  # type: ignore[arg-type]
    return view.publish() if version.published else view


def in_view(version: DatasetVersion) -> Iterator[SingleFrame]:
    return view_of(version, version._client).get_iterator()


READINGS: dict[str, Reading] = {
    "view": in_view,
    "frames": lambda version: version.frames(),
    "sorted": lambda version: version.frames(order_by="-meta.score"),
    "limited": lambda version: version.frames(order_by="meta.score", limit=5_000),
}


def ids(frames: Iterator[SingleFrame] | Sequence[SingleFrame]) -> list[str]:
    return [frame.id for frame in frames]


@pytest.mark.parametrize("kind", READINGS)
def test_a_service_is_killed_and_restarted_in_the_middle_of_a_read(kind: str, tmp_path: Path) -> None:
    with killable_service(tmp_path / "s") as service, ThreadPoolExecutor(1) as pool:
        client = MetadataClient(ClientConfig(service=service.address))
        version = filled(client)
        whole = ids(READINGS[kind](version))
        assert len(set(whole)) == len(whole) == (5_000 if kind == "limited" else COUNT)
        frames = READINGS[kind](version) if kind != "view" else DataView.get(name="v", client=client).get_iterator()
        read = ids(islice(frames, 100))
        service.kill()
        rest = pool.submit(ids, frames)  # finds nobody at first
        service.start()
        assert read + rest.result(60) == whole
        client.close()


def test_an_export_goes_on_after_a_restart(tmp_path: Path) -> None:
    with killable_service(tmp_path / "s") as service:
        client = MetadataClient(ClientConfig(service=service.address))
        version = filled(client)
        restarting = Restarting(service, after=3)
        version.export(restarting)  # type: ignore[arg-type]  # `write` and `writelines` are all it needs
        listed = [orjson.loads(line)["id"] for line in restarting.getvalue().splitlines()]
        assert listed == sorted(f"f{number:05}" for number in range(COUNT))
        assert restarting.lines > restarting.after
        client.close()


class Restarting(io.BytesIO):
    """A file during whose writing the service is killed and started again."""

    def __init__(self, service: Killable, *, after: int) -> None:
        super().__init__()
        self.service, self.after, self.lines = service, after, 0

    def write(self, line: Any) -> int:
        written = super().write(line)
        self.lines += 1
        if self.lines == self.after:
            self.service.kill()
            self.service.start()
        return written


def test_a_service_that_stays_away_is_given_up_with_the_place(tmp_path: Path) -> None:
    with killable_service(tmp_path / "s") as service:
        client = MetadataClient(ClientConfig(service=service.address, reconnect_s=1))
        view = view_of(filled(client), client)
        frames = view.get_iterator()
        first = ids(islice(frames, 10))
        service.kill()
        read = []
        with pytest.raises(Unavailable, match=r"is it running there\?.*read on with start=\d+") as caught:
            read.extend(frame.id for frame in frames)
        service.start()
        start_at = int(str(caught.value).rpartition("start=")[2])
        assert start_at == len(first) + len(read)
        assert first + read + ids(view.get_iterator(start=start_at)) == ids(view.get_iterator())
        client.close()


@pytest.mark.parametrize("kind", READINGS)
def test_a_read_goes_on_when_its_streams_deadline_has_passed(
    kind: str, client: MetadataClient, impatient: MetadataClient
) -> None:
    version = filled(client)
    whole = ids(READINGS[kind](version))
    view = DataView.get(name="v", client=impatient) if kind == "view" else None
    slow = DatasetVersion.get_version(dataset_name="d", version_name=version.name, client=impatient)
    frames = READINGS[kind](slow) if view is None else view.get_iterator()
    read = []
    for _ in range(3):
        read += ids(islice(frames, 1_000))
        until_its_deadline(impatient)
    assert read + ids(frames) == whole


def test_readers_that_share_a_view_keep_their_parts_over_deadlines(
    client: MetadataClient, impatient: MetadataClient
) -> None:
    whole = ids(view_of(filled(client), client).get_iterator())
    view = DataView.get(name="v", client=impatient)
    readers = [view.get_iterator(num_workers=2, worker_index=rank) for rank in range(2)]
    read = [ids(islice(reader, 700)) for reader in readers]
    until_its_deadline(impatient)
    parts = [first + ids(reader) for first, reader in zip(read, readers, strict=True)]
    assert sorted(parts[0] + parts[1]) == sorted(whole)


def test_clips_that_were_cut_come_once_and_whole(client: MetadataClient, impatient: MetadataClient) -> None:
    view_of(filled(client), client, clip_length=700)
    whole = [ids(clip) for clip in DataView.get(name="v", client=client)]
    assert sorted(map(len, whole)) == [100] * 4 + [700] * 8
    clips = iter(DataView.get(name="v", client=impatient))
    read = []
    while clip := next(clips, None):
        read.append(ids(clip))
        until_its_deadline(impatient)
    assert read == whole


def test_a_draft_that_is_edited_is_read_as_it_was(client: MetadataClient, impatient: MetadataClient) -> None:
    draft = filled(client, publish=False)
    slow = DatasetVersion.get_version(dataset_name="d", version_name="Current", client=impatient)
    frames = slow.frames(order_by="meta.score")
    read = ids(islice(frames, 100))
    draft.delete_frames(["f00000", "f05999"])
    draft.add_frames([SingleFrame("s3://b/new", id="new", metadata={"score": 7_000})])
    until_its_deadline(impatient)
    assert sorted(read + ids(frames)) == [f"f{number:05}" for number in range(COUNT)]


def test_what_changed_is_not_read_on_with_gaps(tmp_path: Path) -> None:
    """What a draft contained is not known after a restart; a view over it selects other frames by then."""
    config = ServiceConfig(data=tmp_path / "s", port=free_ports(1)[0])
    with Service(config) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        draft = filled(client, publish=False)
        unchanged, edited, viewed = draft.frames(), draft.frames(), view_of(draft, client).get_iterator()
        for reader in (unchanged, edited, viewed):
            next(reader)
    with Service(config):
        assert len(list(unchanged)) == COUNT - 1
        draft.delete_frames(["f05000"])
    with Service(config):
        with pytest.raises(ReadingStale, match="create_snapshot"):
            list(edited)
        with pytest.raises(ReadingStale, match="publish the view"):
            list(viewed)
    client.close()


def test_frames_that_are_withdrawn_meanwhile_leave_no_gap(client: MetadataClient, impatient: MetadataClient) -> None:
    version = filled(client)
    slow = DatasetVersion.get_version(dataset_name="d", version_name=version.name, client=impatient)
    frames, ordered = slow.frames(), slow.frames(order_by="meta.score")
    read, first = ids(islice(frames, 100)), ids(islice(ordered, 100))
    Dataset.get("d", client=client).withdraw_frames(["f00003", "f05999"], why="they said no")
    until_its_deadline(impatient)
    read, first = read + ids(frames), first + ids(ordered)
    for found in (read, first):
        assert len(set(found)) == len(found)
        assert set(found) >= {f"f{number:05}" for number in range(COUNT)} - {"f00003", "f05999"}


def test_a_node_is_killed_and_restarted_in_the_middle_of_a_session(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(300):
        (data / f"{number:03}.txt").write_bytes(b"%03d" % number * 50_000)
    with Service(ServiceConfig(data=tmp_path / "s", port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        _, token = admin.add_site("ward", projects=["p"], client=client)
        folder, listen = tmp_path / "node", f"127.0.0.1:{free_ports(1)[0]}"
        setup.init(folder, site="ward", service=service.address, profile="open", roots={"r": data}, listen=listen)
        admin.approve_site("ward", fingerprint=setup.enrol(folder, token=token), client=client)
        node = Killable("node", str(folder))
        try:
            reader = NodeClient(listen)
            list(reader.register(pb.RegisterRequest(path="r", dataset="p/texts")))
            DatasetVersion.create_snapshot("p/texts", publish_name="v1", client=client)
            view = DataView("v", project="p", client=client, iteration_order="random")
            view.add_query(dataset_name="p/texts", version_name="v1")
            view.publish()
            session = reader.open(view=view.reference)
            whole = [bytes(sample.content()[:3]) for sample in session]
            assert len(set(whole)) == 300
            samples = session.stream()
            read = [bytes(sample.content()[:3]) for sample in islice(samples, 10)]
            node.kill()
            node.start()
            assert read + [bytes(sample.content()[:3]) for sample in samples] == whole
        finally:
            node.stop()
        client.close()
