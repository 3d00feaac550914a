"""Flower's deployment engine on this machine: a SuperLink, one SuperNode per site, runs with deadlines."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from hyperdatasets.core.errors import DeadlineExceeded, FailedPrecondition
from hyperdatasets.demo.processes import BIN, Processes, free_ports, wait_for_port

ENVIRONMENT = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",
    "NO_PROXY": "127.0.0.1,localhost",
    "PYTHONUNBUFFERED": "1",
    "NO_COLOR": "1",
    "COLUMNS": "200",
}


@dataclass
class Federation:
    """`nodes`: site -> what its SuperNode tells its ClientApps (`node_config`)."""

    processes: Processes
    nodes: Mapping[str, Mapping[str, str]]
    ports: list[int] = field(default_factory=list)

    def start(self) -> None:
        """Starts all of it and waits until every SuperNode is online."""
        self.ports = free_ports(1 + len(self.nodes))
        superlink, *supernodes = self.ports
        self._configure(superlink)
        self.processes.start("superlink", [
            BIN / "flower-superlink", "--insecure", "--host", "127.0.0.1", "--port", str(superlink),
            "--disable-runtime-dependency-installation",
        ], FLWR_HOME=str(self._home("superlink")))  # fmt: skip
        wait_for_port(superlink, self.processes)
        for (site, config), port in zip(self.nodes.items(), supernodes, strict=True):
            file = self.processes.folder / f"supernode-{site}.toml"
            file.write_text(tomli_w.dumps(dict(config)), encoding="utf-8")
            self.processes.start(f"supernode-{site}", [
                BIN / "flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{superlink}",
                "--host", "127.0.0.1", "--port", str(port), "--node-config", file, "--max-wait-time", "60",
            ], FLWR_HOME=str(self._home(f"supernode-{site}")))  # fmt: skip
        self._wait_until_online()

    def run(self, app: Path, config: Mapping[str, Any], *, deadline_s: float, waiting: Callable[[float], None]) -> None:
        """Runs an app to its end; `waiting` is called with the seconds that passed.

        Raises:
            FailedPrecondition: the run failed; the message has the last lines of its log.
            DeadlineExceeded: it took too long, and was stopped.
        """
        file = self.processes.folder / "run.toml"
        file.write_text(tomli_w.dumps(dict(config)), encoding="utf-8")
        run_id = str(self._flwr("run", str(app), "fed", "--run-config", str(file))["run-id"])
        try:
            status = self._finished(run_id, deadline_s, waiting)
        except BaseException:
            self._call("stop", run_id)
            raise
        log = self._call("log", run_id, "--show").stdout
        (self.processes.folder / f"run-{run_id}.log").write_text(log)
        if status != "finished:completed" or "Traceback" in log:
            raise FailedPrecondition(f"the training failed ({status}): {' | '.join(log.strip().splitlines()[-5:])}")

    def _finished(self, run_id: str, deadline_s: float, waiting: Callable[[float], None]) -> str:
        started, status = time.monotonic(), ""
        while not status.startswith("finished"):
            if time.monotonic() - started > deadline_s:
                raise DeadlineExceeded(f"the training did not end within {deadline_s:g} s")
            waiting(time.monotonic() - started)
            time.sleep(0.3)
            self.processes.check()
            status = self._flwr("ls", "--run-id", run_id)["runs"][0]["status"]
        return status

    def _configure(self, port: int) -> None:
        connection = {"superlink": {"default": "fed", "fed": {"address": f"127.0.0.1:{port}", "insecure": True}}}
        (self._home("client") / "config.toml").write_text(tomli_w.dumps(connection), encoding="utf-8")

    def _wait_until_online(self) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            self.processes.check()
            listed = self._flwr("supernode", "list")["nodes"]
            if sum(each["status"] == "online" for each in listed) == len(self.nodes):
                return
            time.sleep(0.2)
        raise FailedPrecondition("the SuperNodes did not come online within 90 s")

    def _flwr(self, *arguments: str) -> dict[str, Any]:
        done = self._call(*arguments, "--format", "json")
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise FailedPrecondition(f"flwr {arguments[0]} failed: {(done.stdout + done.stderr)[-500:]}") from None
        if not answer.get("success"):
            raise FailedPrecondition(f"flwr {arguments[0]} failed: {str(answer)[:500]}")
        return answer

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.processes.environment, "FLWR_HOME": str(self._home("client"))}
        return subprocess.run(  # noqa: S603  # our own command
            [str(BIN / "flwr"), *arguments], env=environment, cwd=self.processes.folder, capture_output=True,
            text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def _home(self, name: str) -> Path:
        home = self.processes.folder / "flower" / name
        home.mkdir(parents=True, exist_ok=True)
        return home
