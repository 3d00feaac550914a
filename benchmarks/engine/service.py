"""`hyperdatasets serve` as a process of its own: its address, its memory, its files, start and stop."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

_READY = "metadata service: "


class RunningService:
    """Use as a context manager; `data` is the folder of its database and index."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.address = ""
        self.peak_anonymous = 0  # bytes
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        command = [str(Path(sys.executable).parent / "hyperdatasets"), "serve", "--data", str(self.data), "--port", "0"]
        home = {"HYPERDATASETS_HOME": str(self.data.parent / "home"), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **home})
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_READY):
                self.address = line.removeprefix(_READY).strip()
                break
        else:
            raise RuntimeError("the service ended before it was ready")
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._watcher.join()
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=600)

    @property
    def pid(self) -> int:
        return self._process.pid

    def memory(self) -> dict[str, int]:
        """Bytes: anonymous memory, and pages that are mapped from files."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        lines = dict(line.split(":", 1) for line in status.splitlines())
        return {name: int(lines[f"Rss{name}"].split()[0]) * 1024 for name in ("Anon", "File")}

    def _watch(self) -> None:
        while not self._stopped.wait(0.25) and self._process.poll() is None:
            self.peak_anonymous = max(self.peak_anonymous, self.memory()["Anon"])


def size(data: Path) -> int:
    """Bytes on disk, after the write-ahead log was folded back."""
    _fold(data)
    return sum(path.stat().st_blocks * 512 for path in data.rglob("*") if path.is_file())


def parts(data: Path) -> dict[str, int]:
    """Bytes by part: databases by table and index where SQLite tells, other files by folder and ending."""
    _fold(data)
    found: Counter[str] = Counter()
    for path in (each for each in data.rglob("*") if each.is_file()):
        if path.suffix == ".db":
            found.update(_tables(path))
        else:
            found[f"{path.relative_to(data).parts[0]}: {path.suffix or path.name}"] += path.stat().st_blocks * 512
    return dict(found.most_common())


def _tables(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as connection:
        try:
            rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except sqlite3.OperationalError:  # this SQLite cannot tell
            return {path.name: path.stat().st_size}
    large = {f"{path.name}: {name}": taken for name, taken in rows if taken >= 1 << 20}
    return large | {f"{path.name}: the rest": path.stat().st_size - sum(large.values())}


def _fold(data: Path) -> None:
    for path in data.glob("*.db"):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
