"""Processes of the demo: started with their output in files, waited for with deadlines, all stopped at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hyperdatasets.core.errors import FailedPrecondition

BIN = Path(sys.executable).parent


@dataclass
class Processes:
    """Each process is the head of its own group, so that its children end with it."""

    folder: Path
    environment: Mapping[str, str]
    running: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str | Path], **environment: str) -> subprocess.Popen[bytes]:
        """Output goes to `<name>.log` in the folder."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603  # our own commands
                [str(part) for part in command], stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**self.environment, **environment}, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        self.running.append((name, process))
        return process

    def wait_for_line(self, name: str, beginning: str, *, deadline_s: float = 60) -> str:
        """The rest of the first line of a process's output that begins so.

        Raises:
            FailedPrecondition: the process ended, or the line did not come in time.
        """
        log, end = self.folder / f"{name}.log", time.monotonic() + deadline_s
        while time.monotonic() < end:
            for line in log.read_text(errors="replace").splitlines():
                if line.startswith(beginning):
                    return line.removeprefix(beginning).strip()
            self.check()
            time.sleep(0.05)
        raise FailedPrecondition(f"{name} was not ready after {deadline_s:g} s; its log: {log}")

    def check(self) -> None:
        """Raises FailedPrecondition if a process has ended by itself."""
        for name, process in self.running:
            if process.poll() is not None:
                log = self.folder / f"{name}.log"
                last = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise FailedPrecondition(
                    f"{name} ended with code {process.returncode}: {' | '.join(last)} (log: {log})"
                )

    def stop(self, *, grace_s: float = 10) -> None:
        """Asks all groups to end, the newest first; what is left after the grace is killed."""
        end = time.monotonic() + grace_s
        for _, process in reversed(self.running):
            _signal(process, signal.SIGTERM)
        for _, process in reversed(self.running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
        while time.monotonic() < end and any(_alive(process) for _, process in self.running):
            time.sleep(0.05)
        for _, process in self.running:
            _signal(process, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        self.running.clear()


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_for_port(port: int, processes: Processes, *, deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        processes.check()
        time.sleep(0.05)
    raise FailedPrecondition(f"nothing listens on port {port} after {deadline_s:g} s")


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _alive(process: subprocess.Popen[bytes]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
