"""A client that does what it should not, a reader that stalls, files that change under the node."""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import grpc
import pytest

from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient, Session
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument, LimitExceeded, Refused, Unavailable
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub
from hyperdatasets.wire import authority
from metadata_service.server import Service
from node import audit, clients, scanning, server, sessions, streams
from node.server import Node
from tests.node.conftest import SiteUnderTest, made

pytestmark = pytest.mark.slow
POLICY = '[[allow]]\ndatasets = ["clinic/cells"]\nprincipals = ["*"]\npurposes = ["*"]\n'


@pytest.fixture
def strict(tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    under_test = made(tmp_path, service, client, profile="strict")
    with under_test.node:
        (under_test.folder / "policy.toml").write_text(POLICY)
        request = pb.RegisterRequest(path="scans", dataset="clinic/cells")
        secret = (under_test.folder / "operator.secret").read_text()
        list(with_certificate(under_test, "trainer").register(request, operator_secret=secret))
        yield under_test


def with_certificate(site: SiteUnderTest, name: str) -> NodeClient:
    if name not in clients.active(site.folder):
        clients.add(site.folder, name)
    return reader_of(site, site.folder / "clients" / name)


def reader_of(site: SiteUnderTest, folder: Path) -> NodeClient:
    files = {"ca": str(folder / "ca.pem"), "cert": str(folder / "client.pem"), "key": str(folder / "client.key")}
    return NodeClient(site.node.address, **files)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[str]:
    """Gets the client of each stream that the node has let go of, its files closed."""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()
    original = streams.Streams.counted

    def counted(self: streams.Streams, client: str, *more: Any) -> Iterator[Any]:
        try:
            yield from original(self, client, *more)
        finally:
            found.put(client)

    monkeypatch.setattr(streams.Streams, "counted", counted)
    return found


def for_ever(session: Session) -> None:
    list(chain.from_iterable(session.stream() for _ in range(10_000)))


def test_a_revoked_certificate_stays_out_when_its_name_gets_a_new_one(strict: SiteUnderTest, tmp_path: Path) -> None:
    view = strict.published_view().reference
    with_certificate(strict, "trainer").open(view=view, purpose="research").close()
    stolen = shutil.copytree(strict.folder / "clients" / "trainer", tmp_path / "stolen")
    clients.revoke(strict.folder, "trainer")
    with_certificate(strict, "trainer").open(view=view, purpose="research").close()
    with pytest.raises(Refused):
        reader_of(strict, stolen).open(view=view, purpose="research")


def test_an_expired_certificate_ends_on_an_open_channel_too(
    strict: SiteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = strict.published_view().reference
    reader = with_certificate(strict, "trainer")
    session = reader.open(view=view, purpose="research")
    year_ms = 366 * 24 * 3_600_000
    now_ms = sessions._now_ms()
    monkeypatch.setattr(sessions, "_now_ms", lambda: now_ms + year_ms)
    with pytest.raises(Refused):
        for_ever(session)
    monkeypatch.setattr("node.servicer.time.time_ns", lambda: (now_ms + year_ms) * 1_000_000)
    with pytest.raises(Refused, match="expired"):
        reader.status()


def test_a_certificate_of_another_authority_is_shut_out(strict: SiteUnderTest, tmp_path: Path) -> None:
    folder = shutil.copytree(strict.folder / "clients" / "trainer", tmp_path / "forged")
    key, certificate = authority.Authority(tmp_path / "own", name="clients of site north").client_pair("trainer")
    (folder / "client.key").write_bytes(key)
    (folder / "client.pem").write_bytes(certificate)
    with pytest.raises(Unavailable):
        reader_of(strict, folder).status()


def test_a_client_with_a_long_name(strict: SiteUnderTest) -> None:
    assert (
        with_certificate(strict, "x" * 100).open(view=strict.published_view().reference, purpose="research").count == 12
    )


WRONG_READS = [
    {"offset": -1}, {"offset": 1 << 62}, {"limit": -1}, {"worker": 1}, {"worker": 3, "workers": 3},
    {"workers": 1 << 30}, {"block": 1 << 30},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_READS)
def test_positions_out_of_range(site: SiteUnderTest, wrong: dict[str, int]) -> None:
    site.register()
    session = site.reader.open(view=site.published_view().reference)
    request = pb.ReadFramesRequest(session_id=session._id, **wrong)
    with pytest.raises(InvalidArgument):
        list(session._connection.stream(lambda channel: NodeServiceStub(channel).ReadFrames, request))
    for position in (-1, 12, 1 << 62):
        with pytest.raises(InvalidArgument, match="position"):
            session.read_range(position)
        with pytest.raises(InvalidArgument, match="position"):
            session.preview(position)
    with pytest.raises(InvalidArgument, match="not negative"):
        session.read_range(0, start=-1)
    assert [sample.position for sample in session.stream(start=11)] == [11]
    assert list(session.stream(start=12)) == []


@pytest.mark.parametrize("more", [{"partition": (3, 3)}, {"partition": (0, 1 << 30)}, {"epoch": 1 << 61}])
def test_partitions_and_epochs_out_of_range(site: SiteUnderTest, more: dict[str, object]) -> None:
    site.register()
    with pytest.raises(InvalidArgument):
        site.reader.open(view=site.published_view().reference, **more)


def test_an_endless_read_that_never_comes_to_a_frame_ends_with_its_client(site: SiteUnderTest) -> None:
    site.register()
    endless = site.published_view().clone(name="endless")
    endless.set(iteration={"order": "random", "repeat": True, "seed": 1})
    endless.publish()
    session = site.reader.open(view=endless.reference)
    request = pb.ReadFramesRequest(session_id=session._id, worker=(1 << 20) - 1, workers=1 << 20, block=1 << 20)
    for _ in range(streams.PER_CLIENT + 2):
        call = NodeServiceStub(session._connection.channel).ReadFrames(request, timeout=0.2)
        with pytest.raises(grpc.RpcError, match="DEADLINE"):
            list(call)
    assert len(list(session.stream(limit=3))) == 3


def test_long_requests_are_refused_before_they_are_written_down(site: SiteUnderTest) -> None:
    with pytest.raises(InvalidArgument, match="1000 characters"):
        site.reader.open(view="v@sha256:" + "0" * 64, purpose="x" * 100_000)
    with pytest.raises(LimitExceeded):
        site.reader.open(view="v@sha256:" + "0" * 64, purpose="x" * (server.MAX_REQUEST + 1))
    assert not audit.entries(site.folder)


def test_one_client_cannot_take_all_streams_or_sessions(
    site: SiteUnderTest, monkeypatch: pytest.MonkeyPatch, ended: queue.SimpleQueue[str]
) -> None:
    (site.data / "raw" / "large.bin").write_bytes(bytes(64_000_000))
    site.register()
    view = site.published_view(frame_query="sources.size_bytes:64000000").reference
    session = site.reader.open(view=view)
    stub = NodeServiceStub(session._connection.channel)
    request = pb.ReadFramesRequest(session_id=session._id)
    stalled = [stub.ReadFrames(request, timeout=60) for _ in range(streams.PER_CLIENT)]
    for call in stalled:
        next(call)
    with pytest.raises(LimitExceeded, match="streams open"):
        list(session.stream())
    ended.get(timeout=20)  # the one that was refused
    assert site.reader.status().open_sessions == 1
    monkeypatch.setattr(streams, "STALLED_S", 0.0)
    for _ in stalled:
        ended.get(timeout=20)
    for call in stalled:
        with suppress(grpc.RpcError):  # what fits into the buffers of a connection may have arrived whole
            list(call)
    assert grpc.StatusCode.CANCELLED in {call.code() for call in stalled}
    monkeypatch.setattr(streams, "STALLED_S", 120)
    assert len(list(session.stream())) == 1
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    second = site.reader.open(view=view)
    with pytest.raises(LimitExceeded, match="sessions open"):
        site.reader.open(view=view)
    second.close()


def test_a_reader_that_was_cut_goes_on_where_it_was(site: SiteUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (site.data / "raw" / f"large{number}.bin").write_bytes(os.urandom(900_000))
    site.register()
    session = site.reader.open(view=site.published_view().reference)
    cut = threading.Event()
    original = streams.Streams.counted

    def counted(self: streams.Streams, client: str, messages: Any, cancel: Callable[[], object]) -> Iterator[Any]:
        def cut_once() -> None:
            monkeypatch.setattr(streams, "STALLED_S", 120)
            cancel()
            cut.set()

        return original(self, client, messages, cut_once)

    monkeypatch.setattr(streams.Streams, "counted", counted)
    monkeypatch.setattr(streams, "STALLED_S", 0.0)
    reading = session.stream()
    first = next(reading)
    assert cut.wait(20)
    ids = [first.id, *(sample.id for sample in reading)]
    assert len(ids) == len(set(ids)) == 32


def test_a_session_that_ended_ends_the_pieces_of_large_files(site: SiteUnderTest) -> None:
    (site.data / "raw" / "large.bin").write_bytes(os.urandom(60_000_000))
    site.register()
    view = site.published_view(frame_query="sources.size_bytes:60000000").reference
    session = site.reader.open(view=view)
    stub = NodeServiceStub(session._connection.channel)
    calls = [
        stub.ReadSource(pb.ReadSourceRequest(session_id=session._id), timeout=60),
        stub.ReadFrames(pb.ReadFramesRequest(session_id=session._id), timeout=60),
    ]
    for call in calls:
        next(call)
    session.close()
    for call in calls:
        with pytest.raises(grpc.RpcError, match="ended by the site"):
            list(call)
    with pytest.raises(Refused):
        session.read_range(0)


def test_broken_off_reads_of_large_files_leave_no_files_open(
    site: SiteUnderTest, ended: queue.SimpleQueue[str]
) -> None:
    (site.data / "raw" / "large.bin").write_bytes(os.urandom(20_000_000))
    site.register()
    session = site.reader.open(view=site.published_view(frame_query="sources.size_bytes:20000000").reference)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(30):
        request = pb.ReadFramesRequest(session_id=session._id)
        call = NodeServiceStub(session._connection.channel).ReadFrames(request, timeout=60)
        next(call)
        call.cancel()
        ended.get(timeout=20)
    assert len(list(session.stream())) == 1
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 20


def test_a_large_file_that_changes_while_it_is_read(site: SiteUnderTest) -> None:
    path = site.data / "raw" / "large.bin"
    path.write_bytes(os.urandom(60_000_000))
    site.register()
    session = site.reader.open(view=site.published_view(frame_query="sources.size_bytes:60000000").reference)
    call = NodeServiceStub(session._connection.channel).ReadSource(
        pb.ReadSourceRequest(session_id=session._id), timeout=60
    )
    next(call)
    with path.open("r+b") as file:
        file.truncate(1_000)
    assert [answer.verdict for answer in call][-1] == pb.VERDICT_DIGEST_MISMATCH


def test_a_folder_that_was_made_again_is_read_again(site: SiteUnderTest, tmp_path: Path) -> None:
    site.register()
    session = site.reader.open(view=site.published_view().reference)
    assert len(list(session)) == 12
    shutil.copytree(site.data, tmp_path / "copy")
    shutil.rmtree(site.data / "rbc")
    shutil.copytree(tmp_path / "copy" / "rbc", site.data / "rbc")
    assert len(list(session)) == 12


def test_links_that_are_swapped_in_are_not_followed(site: SiteUnderTest, tmp_path: Path) -> None:
    site.register()
    view = site.published_view().reference
    site.node.stop()
    shutil.move(site.data / "rbc", tmp_path / "moved")
    (site.data / "rbc").symlink_to(tmp_path / "moved")
    (site.data / "wbc" / "00.png").rename(tmp_path / "00.png")
    (site.data / "wbc" / "00.png").symlink_to(tmp_path / "00.png")
    with Node(site.folder) as again:
        site.node = again
        session = site.reader.open(view=view)
        with pytest.warns(UserWarning, match="left out"):
            assert len(list(session)) == 3
        assert session.mismatched == 9


def test_many_readers_at_once_get_the_same(site: SiteUnderTest) -> None:
    site.register()
    views = [site.published_view(f"v{i}", frame_query=f"rois.label:{label}") for i, label in enumerate(("rbc", "wbc"))]

    def read(number: int) -> tuple[int, int]:
        with site.reader.open(view=views[number % 2].reference) as session:
            return number % 2, len(list(session))

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(read, range(48))) == [(0, 8)] * 24 + [(1, 4)] * 24
    entries = [entry for entry in audit.entries(site.folder) if entry["event"] == "served"]
    assert sum(entry["frames"] for entry in entries) == 24 * 12
    assert audit.verify(site.folder)[1] == ""
    assert site.reader.status().frames_served == 24 * 12


def test_half_a_line_of_audit_does_not_keep_a_node_from_starting(site: SiteUnderTest) -> None:
    site.register()
    site.node.stop()
    with (site.folder / "audit.log").open("ab") as file:
        file.write(b'{"line": "{\\"event')
    with Node(site.folder) as again:
        site.node = again
        site.register()
    assert audit.verify(site.folder) == (2, "")


def test_what_watches_goes_on_when_it_fails_and_nothing_is_served(strict: SiteUnderTest) -> None:
    view = strict.published_view().reference
    session = with_certificate(strict, "trainer").open(view=view, purpose="research")
    listed = strict.folder / "keys" / "clients.json"
    content = listed.read_bytes()
    listed.write_bytes(content[:5])
    with pytest.raises(HyperdatasetsError):
        for_ever(session)
    listed.write_bytes(content)
    session = with_certificate(strict, "trainer").open(view=view, purpose="research")
    clients.revoke(strict.folder, "trainer")
    with pytest.raises(Refused):
        for_ever(session)


def test_sidecars_with_mistakes_do_not_end_a_registration(site: SiteUnderTest) -> None:
    shutil.rmtree(site.data / "wbc")
    for number, text in enumerate(('{"meta": [1]}', '{"annotations": 5}', '{"labels": [5]}'), start=1):
        (site.data / "rbc" / f"0{number + number // 3}.png.json").write_text(text)
    done = site.register(format="files")
    assert (done.frames["added"], len(list(done.losses()))) == (8, 3)


def test_a_large_file_is_read_in_pieces(site: SiteUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_IN_MEMORY", 1_000)
    (site.data / "raw" / "large.bin").write_bytes(os.urandom(3_000_000))
    assert site.register().frames["added"] == 13
    assert len(list(site.reader.open(view=site.published_view().reference))) == 13
