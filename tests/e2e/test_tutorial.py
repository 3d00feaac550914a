"""The tutorial, word for word, with the blood-cell pictures."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "bccd"
PORTS = (7400, 7411, 7412, 7413, 7420, 7421, 7422, 7423)
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_listener(count: int) -> None:
    deadline = time.monotonic() + 60
    while sum(map(taken, PORTS)) < count:
        assert time.monotonic() < deadline, "a server of the tutorial does not listen"
        time.sleep(0.2)


@pytest.mark.timeout(600)
@pytest.mark.skipif(not DATA.exists(), reason="the blood-cell pictures are not beside this checkout")
def test_the_tutorial(tmp_path: Path) -> None:
    if any(map(taken, PORTS)):
        pytest.skip("a port of the tutorial is in use on this machine")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HYPERDATASETS", "FLWR"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "BCCD": str(DATA), "NO_COLOR": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1", "FLWR_DISABLE_UPDATE_CHECK": "1", "COLUMNS": "200",
    }  # fmt: skip
    settings = "cd tutorial; export HYPERDATASETS_HOME=$PWD/home FLWR_HOME=$PWD/flower FLWR_TELEMETRY_ENABLED=0; "
    outputs: list[str] = []
    servers: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "servers.log").open("wb")
    try:
        for kind, info, text in BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text()):
            if "file=" in info:
                path = tmp_path / "tutorial" / info.partition("file=")[2].strip()
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            elif kind == "sh" and "background" in info:
                command = ["bash", "-c", f"{settings} exec {text.strip()}"]
                servers.append(subprocess.Popen(
                    command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
                ))  # fmt: skip
                wait_for_listener(len(servers))
            elif kind == "sh":
                begin = "" if not outputs else settings
                done = subprocess.run(
                    ["bash", "-ec", begin + text], cwd=tmp_path, env=environment, capture_output=True, text=True,
                    check=False,
                )  # fmt: skip
                assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
                outputs.append(done.stdout + done.stderr)
    finally:
        for server in reversed(servers):
            os.killpg(server.pid, signal.SIGTERM)
        for server in servers:
            server.wait(30)
        log.close()
    everything = "\n".join(outputs)
    for picture in ("00338", "00343"):
        assert re.search(rf"boxes that are degenerate.*(\n    .*)*BloodImage_{picture}\.xml, object \d+", everything)
    assert "364" in everything
    assert re.search(r"accuracy of the model that began round 3: 0\.\d+", everything)
    assert "the same frames" in everything
    assert re.search(r"served: .*client trainer", everything)
