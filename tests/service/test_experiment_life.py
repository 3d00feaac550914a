"""What becomes of an experiment when its process ends, is killed, or falls silent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.task import Task
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.v1 import experiment_service_pb2 as pb
from metadata_service import config
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

SILENCE_S = 90
BEGIN = "import hyperdatasets as hd\nrun = hd.Experiment.start(project='clinic', name='a script')\n"


@dataclass
class Clock:
    now_ms: int = 1_800_000_000_000

    def pass_s(self, seconds: float) -> None:
        self.now_ms += int(1_000 * seconds)


@dataclass
class Timed:
    """A service with a clock of its own, which stands unless a test lets time pass."""

    service: Service
    client: MetadataClient
    clock: Clock
    folder: Path

    def script(self, text: str) -> subprocess.Popen[str]:
        path = self.folder / "script.py"
        path.write_text(text)
        environment = {
            **os.environ, "HYPERDATASETS_SERVICE": self.service.address, "HYPERDATASETS_HOME": str(self.folder),
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, path], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.fixture
def timed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Timed]:
    clock, seconds = Clock(), getattr(request, "param", SILENCE_S)
    settings = ServiceConfig(data=tmp_path / "service", port=0, experiment_seconds=seconds)
    with Service(settings, now_ms=lambda: clock.now_ms) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        use(client)
        yield Timed(service, client, clock, tmp_path)
        client.close()


def beat(run: Experiment, client: MetadataClient) -> pb.BeatExperimentResponse:
    answer: pb.BeatExperimentResponse = client.send(pb.BeatExperimentRequest(experiment=run.id))
    return answer


def listed(client: MetadataClient, state: str) -> list[str]:
    number = pb.ExperimentState.Value(f"EXPERIMENT_STATE_{state.upper()}")
    return [each.name for each in client.send(pb.ListExperimentsRequest(state=number)).experiments]


def test_a_process_that_falls_silent_stops_its_run_until_it_is_heard_again(timed: Timed) -> None:
    run = Experiment.start(project="clinic", name="run")
    timed.clock.pass_s(SILENCE_S)
    assert Experiment.get("run").state == "running"
    timed.clock.pass_s(1)
    assert Experiment.get("run").state == "stopped"
    assert (listed(timed.client, "stopped"), listed(timed.client, "running")) == (["run"], [])
    message = timed.client.send(pb.GetExperimentRequest(experiment=run.id)).experiment
    assert message.ended_at.ToMilliseconds() == timed.clock.now_ms - 1_000 * (SILENCE_S + 1)
    answer = beat(run, timed.client)
    assert (answer.state, answer.next_beat_ms) == (pb.EXPERIMENT_STATE_RUNNING, 1_000 * SILENCE_S // 6)
    assert Experiment.get("run").state == "running"
    assert (listed(timed.client, "stopped"), listed(timed.client, "running")) == ([], ["run"])
    run.close()
    timed.clock.pass_s(1_000)
    assert Experiment.get("run").state == "completed"


@pytest.mark.parametrize("timed", [1], indirect=True)
def test_a_run_is_heard_of_by_itself(timed: Timed) -> None:
    """As after a sleep of the machine: much time has passed at once, and the thread goes on."""
    run = Experiment.start(project="clinic", name="run")
    for _ in range(2):
        timed.clock.pass_s(100)
        while Experiment.get("run").state != "running":
            assert Experiment.get("run").state in {"stopped", "running"}
    run.close()


def test_a_run_that_was_never_heard_of_is_not_judged_by_its_silence(timed: Timed) -> None:
    """A person or another program says how far it has come."""
    timed.client.send(pb.CreateExperimentRequest(project="clinic", name="by hand"))
    Experiment.get("by hand").set_state("running")
    timed.clock.pass_s(100_000)
    assert Experiment.get("by hand").state == "running"


def test_who_stops_or_deletes_a_run_wins_over_its_signs_of_life(timed: Timed) -> None:
    run = Experiment.start(project="clinic", name="run")
    Experiment.get("run").set_state("stopped")
    assert beat(run, timed.client).state == pb.EXPERIMENT_STATE_STOPPED
    assert Experiment.get("run").state == "stopped"
    run.close()


def test_a_silent_run_that_is_run_again_begins_anew(timed: Timed) -> None:
    run = Experiment.start(project="clinic", name="run")
    timed.clock.pass_s(SILENCE_S + 1)
    assert run.refresh().state == "stopped"
    assert run.set_state("running").state == "running"
    run.close()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (KeyboardInterrupt(), "stopped"), (SystemExit(), "stopped"), (SystemExit(0), "stopped"),
        (SystemExit(2), "failed"), (SystemExit("no data"), "failed"), (ValueError("no"), "failed"),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("kind", [Experiment, Task])
def test_what_ends_a_block(timed: Timed, kind: Any, error: BaseException, state: str) -> None:
    with pytest.raises(type(error)), kind.start(project="clinic", name="run"):
        raise error
    assert Experiment.get("run").state == state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "state"),
    [
        (BEGIN, "stopped"),
        (BEGIN + "run.close()\n", "completed"),
        (BEGIN + "raise ValueError('no')\n", "failed"),
        (BEGIN + "raise KeyboardInterrupt\n", "stopped"),
        (BEGIN + "raise SystemExit(3)\n", "stopped"),
        (BEGIN + "with run:\n    raise SystemExit(3)\n", "failed"),
        (BEGIN + "import os, sys\nif os.fork():\n    os.wait()\n    run.close()\nelse:\n    sys.exit()\n", "completed"),
        (
            BEGIN + "import os, sys\nwith run:\n    if not os.fork():\n        sys.exit()\n    os.wait()\n"
            "    assert run.refresh().state == 'running'\n",
            "completed",
        ),
        (BEGIN + "import copy\ncopied = copy.deepcopy(run)\nassert copied.name\nrun.close()\n", "completed"),
        ("import hyperdatasets as hd\nhd.Task.init('clinic', 'a script')\nraise KeyboardInterrupt\n", "stopped"),
    ],
)
def test_what_a_script_leaves_at_its_end(timed: Timed, text: str, state: str) -> None:
    timed.script(text).communicate(timeout=60)
    assert Experiment.get("a script").state == state


def test_a_killed_process_stops_its_run(timed: Timed) -> None:
    with timed.script(BEGIN + "print('runs', flush=True)\nimport signal\nsignal.pause()\n") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        process.send_signal(signal.SIGKILL)
    assert Experiment.get("a script").state == "running"
    timed.clock.pass_s(SILENCE_S + 1)
    assert Experiment.get("a script").state == "stopped"


@pytest.mark.slow
def test_a_script_whose_service_is_gone_says_so_at_its_end(timed: Timed) -> None:
    with timed.script(BEGIN + "print('runs', flush=True)\ninput()\n") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        timed.service.stop()
        _, errors = process.communicate(timeout=60)
    assert "experiment `a script` could not be ended: the service at" in errors.splitlines()[-1]


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_the_time_of_silence_is_a_number_of_seconds(value: str) -> None:
    with pytest.raises(InvalidConfig, match="experiment_seconds: expected a whole number from 1, got"):
        config.load(environment={"HYPERDATASETS_SERVE_EXPERIMENT_SECONDS": value})
