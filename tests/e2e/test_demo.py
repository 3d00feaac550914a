"""The main job: three sites, two federated trainings, the proof; and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e
COMMAND = [str(Path(sys.executable).parent / "hyperdatasets"), "demo"]


def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home"), "COLUMNS": "120"}


def left_behind(tmp_path: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(tmp_path) in line:
            found.append(line)
    return found


@pytest.mark.timeout(400)
def test_the_demo_works_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, env=environment(tmp_path), capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 1797 pictures were found" in done.stdout
    assert "3 of 3 views select the very same frames" in done.stdout
    assert not list((tmp_path / "tmp").glob("hyperdatasets-demo-*"))
    assert not (tmp_path / "home").exists()
    assert left_behind(tmp_path) == []


@pytest.mark.timeout(200)
def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        COMMAND, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "A federated training" in line:
            break
    time.sleep(2)  # in the middle of the training; any moment would do
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)  # people are impatient
    rest = process.stdout.read()
    assert process.wait(60) == 130, rest
    assert "Traceback" not in rest
    process.stdout.close()
    assert not list((tmp_path / "tmp").glob("hyperdatasets-demo-*"))
    assert left_behind(tmp_path) == []
