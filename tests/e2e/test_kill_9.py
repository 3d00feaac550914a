"""The service killed without warning, again and again, under writers, publishers and readers, and its files damaged.

It dies at random moments and at points of its work (`dying.py`). After each restart all that was acknowledged
is there exactly once, `admin check` finds nothing wrong, and the index answers right, whatever became of its files.
`HYPERDATASETS_KILLS` says how often; `make prove` kills 100 times.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import pytest
from typer.testing import CliRunner

from hyperdatasets.cli.main import app
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import ReadingStale, StorageFull, Unavailable
from hyperdatasets.demo.processes import free_ports
from metadata_service.store.schema import MIGRATIONS
from tests import stored_blocks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(7200)]
ROOT = Path(__file__).parents[2]
DYING = Path(__file__).parent / "dying.py"
POINTS = {  # point -> it is chosen how far away, at most
    "before a commit": 30,
    "after a commit": 30,
    "within a write": 20,
    "within a publication": 4,
    "before a segment is written": 1,
    "before a segment is in place": 1,
    "with half a segment in place": 1,
    "before a segment is listed": 1,
    "before an old segment is removed": 1,
}
ANYWHERE = "anywhere"
DAMAGES = ("nothing", "cut segment", "changed segment", "no segment", "cut list", "no index", "torn pages")
KILLS = int(os.environ.get("HYPERDATASETS_KILLS", len(POINTS) + 1))
LABELS = ("car", "bus", "tram")
WRITERS = 2
Held = tuple[str, int]  # what the model knows of a frame: label and number


class Running:
    """The service in a process of its own, on a port that stays."""

    def __init__(self, data: Path, log: Path, port: int) -> None:
        self.data, self.log, self.port = data, log, port
        self.process: subprocess.Popen[str] | None = None
        self.client = MetadataClient(
            ClientConfig(service=f"127.0.0.1:{port}", timeout_s=300, reconnect_s=1)
        )  # a busy machine is no fault

    def start(self, point: str = ANYWHERE, nth: int = 0) -> None:
        launcher = (
            ["-m", "metadata_service"]
            if point == ANYWHERE
            else [str(DYING), point, str(nth), "metadata_service.__main__:main"]
        )
        command = [sys.executable, *launcher, "--data", str(self.data), "--port", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=environment
            )
        assert self.process.stdout is not None
        assert any(line.startswith("ready on ") for line in self.process.stdout), "it ended before it was ready"

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        """Until it is dead."""
        assert self.process is not None
        assert self.process.wait(120) == -signal.SIGKILL
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


@contextmanager
def running(data: Path, log: Path) -> Iterator[Running]:
    made = Running(data, log, free_ports(1)[0])
    try:
        yield made
    finally:
        if made.process is not None:
            made.process.kill()
            made.process.communicate()
        made.client.close()


@dataclass
class Model:
    """What was acknowledged, and what was under way when the service died and was given up."""

    held: dict[str, Held] = field(default_factory=dict)
    open: list[dict[str, Held]] = field(default_factory=list)
    versions: dict[str, tuple[str, list[str]]] = field(default_factory=dict)  # published: digest, frame ids
    views: dict[str, str] = field(default_factory=dict)  # published: digest
    lock: threading.Lock = field(default_factory=threading.Lock)

    def agree(self, draft: DatasetVersion) -> None:
        """Takes over of a write that was given up what was kept, its first batches; all else must be as it was."""
        listed = [(frame.id, held_of(frame)) for frame in draft.frames()]
        found = dict(listed)
        assert len(found) == len(listed) == draft.frame_count
        for batch in self.open:
            kept = [found.get(frame_id) == held for frame_id, held in batch.items()]
            assert kept == sorted(kept, reverse=True)
            self.held |= {frame_id: held for frame_id, held in batch.items() if found.get(frame_id) == held}
        self.open.clear()
        assert found == self.held


class Work:
    """Writers, a publisher and a reader that go on until they are to end; a broken connection is tried again."""

    def __init__(self, model: Model, client: MetadataClient, turn: int, seed: int) -> None:
        self.model, self.client, self.turn = model, client, turn
        self.acknowledged = threading.Semaphore(0)
        self.ending = threading.Event()
        self.wrong: list[BaseException] = []
        jobs = [self.publish, self.read, *[self.write] * WRITERS]
        self.threads = [
            threading.Thread(target=self._go_on, args=(job, number, random.Random(f"{seed}/{turn}/{number}")))
            for number, job in enumerate(jobs)
        ]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self.threads)
        assert not self.wrong, self.wrong

    def _go_on(self, job: Callable[[str, random.Random], None], number: int, rng: random.Random) -> None:
        step = 0
        try:
            while not self.ending.is_set():
                job(f"{number}-{self.turn}-{step}", rng)
                step += 1
        except Unavailable:
            return
        except BaseException as error:  # noqa: BLE001  # told by the test
            self.wrong.append(error)

    def draft(self) -> DatasetVersion:
        return DatasetVersion.get_version(dataset_name="d", version_name="Current", client=self.client)

    def write(self, name: str, rng: random.Random) -> None:
        """Frames of this writer alone; once they are acknowledged everybody finds them."""
        writer, number = name.partition("-")[0], crc32(name.encode())
        chosen = rng.sample(range(4_000), rng.choice((1, 20, 300, 2_000, 2_000)))
        batch = {f"w{writer}-{n}": (rng.choice(LABELS), number) for n in chosen}
        with self.model.lock:
            self.model.open.append(batch)
        draft = self.draft()
        assert not draft.add_frames([made(frame_id, *held) for frame_id, held in batch.items()])
        with self.model.lock:
            self.model.open.remove(batch)
            self.model.held |= batch
        self.acknowledged.release()
        assert draft.count(frame_query=f"meta.n:{number}") == len(batch)

    def publish(self, name: str, rng: random.Random) -> None:
        ids = [f"s{n}" for n in rng.sample(range(1_000), rng.randrange(1, 40))]
        side = DatasetVersion.create_version(dataset_name="side", version_name=name, client=self.client)
        side.add_frames([made(frame_id, "car", rng.randrange(10)) for frame_id in ids])
        side.publish_version()
        self.model.versions[name] = side.refresh().digest, sorted(ids)
        view = DataView(f"view {name}", client=self.client)
        view.add_query(dataset_name="side", version_name=name, roi_query="car")
        self.model.views[f"view {name}"] = view.publish().digest

    def read(self, _: str, rng: random.Random) -> None:
        """What is published is always as it was; a draft is read as it is at one moment, or not to its end."""
        for name in some(rng, self.model.versions, 2):
            check_version(self.client, name, *self.model.versions[name])
        listed: list[str] = []
        with suppress(ReadingStale):  # it was edited, and who knew what it held at that moment is dead
            listed.extend(frame.id for frame in self.draft().frames(projection=["id"]))
        assert len(listed) == len(set(listed))


def made(frame_id: str, label: str, number: int) -> SingleFrame:
    frame = SingleFrame(f"s3://b/{frame_id}", id=frame_id, metadata={"n": number})
    frame.add_annotation(box2d_xywh=(1, 1, 2, 2), labels=[label])
    return frame


def held_of(frame: SingleFrame) -> Held:
    return frame.get_annotations()[0]["labels"][0], frame.metadata["n"]


def some(rng: random.Random, names: Iterable[str], most: int) -> list[str]:
    listed = sorted(names)
    return rng.sample(listed, min(most, len(listed)))


def check_version(client: MetadataClient, name: str, digest: str, ids: list[str]) -> None:
    side = DatasetVersion.get_version(dataset_name="side", version_name=name, client=client)
    assert side.digest == digest
    assert side.count(roi_query="car") == side.frame_count == len(ids)
    assert sorted(frame.id for frame in side.frames()) == ids


def damage(data: Path, rng: random.Random, kind: str) -> None:
    """What may become of files that are not the truth, or that the death of a machine leaves half written."""
    segments, lists = sorted(data.glob("index/*/*.segment")), sorted(data.glob("index/*/segments.json"))
    log = data / "metadata.db-wal"
    if kind == "cut segment" and segments:
        path = rng.choice(segments)
        path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])
    elif kind == "changed segment" and segments:
        path = rng.choice(segments)
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    elif kind == "no segment" and segments:
        rng.choice(segments).unlink()
    elif kind == "cut list" and lists:
        rng.choice(lists).write_bytes(b"[")
    elif kind == "no index":
        for path in (*segments, *lists):
            path.unlink()
    elif kind == "torn pages" and log.exists() and log.stat().st_size > 32 + 24 + 4_096:
        content = log.read_bytes()  # a header of 32 bytes, then pages with 24 bytes before each
        page = content[-24 - 4_096 :]
        with log.open("ab") as file:
            file.write(rng.choice((page[: rng.randrange(1, len(page))], page, rng.randbytes(len(page)))))


def check(data: Path) -> str:
    return CliRunner().invoke(app, ["admin", "check", str(data)]).output


def test_whatever_is_killed_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    seed, data, model = random.randrange(10**9), tmp_path / "s", Model()
    print(f"seed {seed}")
    rng = random.Random(seed)
    with running(data, tmp_path / "service.log") as service:
        service.start()
        for name in ("d", "side"):
            Dataset.create(name, client=service.client)
        service.kill()
        for turn in range(KILLS):
            point, kind = [*POINTS, ANYWHERE][turn % (len(POINTS) + 1)], DAMAGES[turn % len(DAMAGES)]
            least = 2 if point == "before a commit" else 1  # starting commits once, before anything is served
            began, nth = time.monotonic(), rng.randint(least, POINTS.get(point, 1))
            service.start(point, nth)
            work = Work(model, service.client, turn, seed)
            if point == ANYWHERE:
                for _ in range(rng.randrange(1, 12)):
                    assert work.acknowledged.acquire(timeout=60)
                threading.Event().wait(rng.random() * 0.05)  # anywhere within what goes on
                service.kill()
            else:
                service.wait()
            damage(data, rng, kind)
            service.start()
            work.end()
            last = turn == KILLS - 1
            examine(service, model, sorted(model.versions) if last else some(rng, model.versions, 3))
            service.kill()
            print(f"{turn}: {point} ({nth}), {kind}: {len(model.held)} frames, {time.monotonic() - began:.1f} s")


def examine(service: Running, model: Model, published: Sequence[str]) -> None:
    """Everything that was acknowledged is there, once; of what is published, these versions; every proof holds."""
    draft = DatasetVersion.get_version(dataset_name="d", version_name="Current", client=service.client)
    model.agree(draft)
    for label in LABELS:
        assert draft.count(roi_query=label) == sum(held[0] == label for held in model.held.values())
    for name in published:
        check_version(service.client, name, *model.versions[name])
        if view_digest := model.views.get(f"view {name}"):
            view = DataView.get(name=f"view {name}", client=service.client)
            assert view.digest == view_digest
            assert view.verify()[0]
    assert check(service.data).strip() == "everything is in order"


IN_A_MIGRATION = [
    ("in a migration", 2),
    ("in a migration", 8),
    ("at the end of a migration", 1),
    ("at the end of a migration", len(MIGRATIONS) - 1),
]


@pytest.mark.parametrize(("point", "nth"), IN_A_MIGRATION)
def test_a_migration_that_was_killed_is_done_again(tmp_path: Path, point: str, nth: int) -> None:
    data = tmp_path / "s"
    data.mkdir()
    with closing(sqlite3.connect(data / "metadata.db")) as connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {MIGRATIONS[0]} PRAGMA user_version = 1; COMMIT;")
        body = ("ds", "", "old", "{}", 0, 0, 1, "ann", 1, "ann", 1)
        with connection:
            connection.execute(f"INSERT INTO datasets VALUES ({', '.join('?' * len(body))})", body)
    with running(data, tmp_path / "service.log") as service:
        with pytest.raises(AssertionError, match="it ended before it was ready"):
            service.start(point, nth)
        service.wait()
        service.start()
        draft = DatasetVersion.create_version(dataset_name="old", version_name="v", client=service.client)
        assert not draft.add_frames([made("f", "car", 1)])
        assert draft.count(roi_query="car") == 1
        assert check(data).strip() == "everything is in order"
    with closing(sqlite3.connect(data / "metadata.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_killed_on_a_full_disk_it_comes_back_whole(small_disk: Path, tmp_path: Path) -> None:
    """With no byte left it answers, right, from what it has in memory; what it acknowledged is there afterwards."""
    data, kept = small_disk / "s", 0
    with running(data, tmp_path / "service.log") as service:
        service.start()
        Dataset.create("d", client=service.client)
        draft = DatasetVersion.get_current("d", client=service.client)
        with suppress(StorageFull):
            while True:
                frames = [made(f"f{n}", random.randbytes(90).hex(), n) for n in range(kept, kept + 200)]
                assert not draft.add_frames(frames)
                kept += len(frames)
        with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(256)):
                pass
        assert draft.count(frame_query="meta.n:>=100") == kept - 100 > 0
        service.kill()
        (small_disk / "filler").unlink()
        service.start()
        draft.refresh()
        assert draft.frame_count == draft.count(frame_query="meta.n:>=0") == len(list(draft.frames())) == kept
        assert check(data).strip() == "everything is in order"


@pytest.mark.parametrize("point", ["within a write", "within a publication", "before a commit"])
def test_an_import_that_was_killed_leaves_nothing_and_is_done_again(tmp_path: Path, point: str) -> None:
    data, target, file = tmp_path / "s", tmp_path / "t", tmp_path / "d.hde"
    with running(data, tmp_path / "service.log") as service:
        service.start()
        Dataset.create("d", client=service.client)
        draft = DatasetVersion.get_current("d", client=service.client)
        draft.add_frames([made(f"f{n}", "car", n) for n in range(3_000)])
        draft.publish_version()
        digest = draft.refresh().digest
    assert CliRunner().invoke(app, ["admin", "export", str(data), "d", str(file)]).exit_code == 0
    nth = len(MIGRATIONS) + 2 if point == "before a commit" else 1  # a new folder has commits of its own
    killed_at(point, nth, "admin", "import", str(target), str(file))
    assert check(target).strip() == "everything is in order"
    with closing(sqlite3.connect(target / "metadata.db")) as connection:
        assert connection.execute("SELECT count(*) FROM datasets").fetchone() == (0,)
    assert CliRunner().invoke(app, ["admin", "import", str(target), str(file)]).exit_code == 0
    with running(target, tmp_path / "service.log") as service:
        service.start()
        moved = DatasetVersion.get_versions("d", client=service.client)[0]
        assert (moved.digest, moved.count(roi_query="car")) == (digest, 3_000)


@pytest.mark.parametrize(("point", "nth"), [("while packing", 10), ("while packing", 290), ("before rewriting", 1)])
def test_compacting_that_was_killed_leaves_all_as_it_was(tmp_path: Path, point: str, nth: int) -> None:
    """Of a database with more blocks of an earlier version than are packed in one transaction."""
    data = tmp_path / "s"
    with running(data, tmp_path / "service.log") as service:
        service.start()
        Dataset.create("d", client=service.client)
        draft = DatasetVersion.get_current("d", client=service.client)
        for number in range(300):
            draft.add_frames([made(f"f{number}", "car", number)])
        digest = draft.publish_version().digest
    stored_blocks.as_before_seals(data / "metadata.db")
    killed_at(point, nth, "admin", "compact", str(data))
    assert check(data).strip() == "everything is in order"
    assert CliRunner().invoke(app, ["admin", "compact", str(data)]).exit_code == 0
    assert check(data).strip() == "everything is in order"
    with running(data, tmp_path / "service.log") as service:
        service.start()
        version = DatasetVersion.get_versions("d", client=service.client)[0]
        assert (version.digest, len(list(version.frames()))) == (digest, 300)


def killed_at(point: str, nth: int, *arguments: str) -> None:
    """Runs the command line until it dies there."""
    command = [sys.executable, str(DYING), point, str(nth), "hyperdatasets.cli.main:main", *arguments]
    killed = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -signal.SIGKILL
