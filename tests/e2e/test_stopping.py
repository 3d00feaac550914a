"""A process that serves ends when it is told to, whatever it is doing at that moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import end, start

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_at_once_stops_in_order(number: signal.Signals, tmp_path: Path) -> None:
    process, _ = start("metadata_service", "--data", str(tmp_path / "s"), "--port", "0")
    process.send_signal(signal.SIGWINCH)  # concerns nobody
    assert end(process, number) == 0


def test_a_signal_that_the_system_hands_to_another_thread_is_noticed() -> None:
    program = """
import signal, threading
from hyperdatasets.stopping import told_to_stop

with told_to_stop() as wait:
    threading.Timer(0.3, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()  # while it waits
    wait()
    print("told")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert ended.stdout == "told\n"
