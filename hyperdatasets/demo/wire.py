"""A tap on the line between the sites and the service: counts every byte, and keeps what went to the service."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Self


class Tap:
    """A TCP relay; nodes connect to it instead of the service."""

    def __init__(self, target: tuple[str, int], capture: Path) -> None:
        self._target, self._capture = target, capture
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.sent_to_service = 0
        self.sent_to_sites = 0
        self._file = capture.open("wb")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> Self:
        threading.Thread(target=self._accept, name="tap", daemon=True).start()
        return self

    def stop(self) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        with self._lock:
            self._file.close()

    def holds(self, needles: list[bytes]) -> int:
        """How many of these byte strings went to the service."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()
        captured = self._capture.read_bytes()
        return sum(needle in captured for needle in needles)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                threading.Thread(target=self._relay, args=(near, far), kwargs={"kept": True}, daemon=True).start()
                threading.Thread(target=self._relay, args=(far, near), kwargs={"kept": False}, daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, *, kept: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    if kept:
                        self.sent_to_service += len(data)
                        if not self._file.closed:
                            self._file.write(data)
                    else:
                        self.sent_to_sites += len(data)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
