"""A page of the documentation, carried out block by block as it stands."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STARTED_S = 60.0


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, what stands behind that, and the text."""

    language: str
    info: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(*each) for each in _BLOCK.findall((ROOT / page).read_text())]


def require_free(ports: tuple[int, ...]) -> None:
    """The pages name fixed ports. Skip the test where another program has one of them, but fail in CI."""
    if taken := [port for port in ports if _listens(port)]:
        said = f"the ports {taken} of the page are in use on this machine"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(said)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Walkthrough:
    """Somebody who carries a page out below `folder`: a terminal to work in, and one for each server.

    Args:
        ports: where the page's servers listen.
        settings: what is said in each terminal but in the first block of the page.
    """

    folder: Path
    ports: tuple[int, ...]
    log: IO[bytes]
    settings: str = ""
    inside: str = ""
    outputs: list[str] = field(default_factory=list)
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def carry_out(self, block: Block) -> None:
        if "file=" in block.info:
            path = self.folder / self.inside / block.info.partition("file=")[2].strip()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif "background" in block.info:
            self._start(block.text)
        elif block.language == "sh":
            self._run("bash", "-ec", (self.settings if self.outputs else "") + block.text)
        elif block.language == "python":
            self._run(sys.executable, "-c", block.text)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
        self.outputs.append(done.stdout + done.stderr)

    def _start(self, text: str) -> None:
        before = sum(map(_listens, self.ports))
        self.servers.append(subprocess.Popen(
            ["bash", "-c", f"{self.settings} exec {text.strip()}"], cwd=self.folder, env=self._environment,
            stdout=self.log, stderr=self.log, start_new_session=True,
        ))  # fmt: skip
        deadline = time.monotonic() + _STARTED_S
        while sum(map(_listens, self.ports)) == before:
            assert time.monotonic() < deadline, f"it does not listen: {text}"
            time.sleep(0.2)

    @property
    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HYPERDATASETS", "FLWR"))}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self.folder), "NO_COLOR": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1", "FLWR_DISABLE_UPDATE_CHECK": "1", "COLUMNS": "200",
        }  # fmt: skip


@contextmanager
def walkthrough(folder: Path, ports: tuple[int, ...], *, settings: str = "", inside: str = "") -> Iterator[Walkthrough]:
    """End what it started, whatever happens."""
    with (folder / "servers.log").open("wb") as log:
        somebody = Walkthrough(folder, ports, log, settings, inside)
        try:
            yield somebody
        finally:
            for server in reversed(somebody.servers):
                os.killpg(server.pid, signal.SIGTERM)
            for server in somebody.servers:
                server.wait(30)
