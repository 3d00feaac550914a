"""Processes of ours that are started, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(*command: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """A process of ours, and the rest of its line `ready on`."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, **environment}, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready on "):
            return process, line.removeprefix("ready on ").strip()
    raise AssertionError("the process ended before it was ready")


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    code = process.wait(20)
    if process.stdout is not None:
        process.stdout.close()
    return code
