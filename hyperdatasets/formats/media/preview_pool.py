"""A pool of processes that make previews: a hostile picture costs its own preview only, never the server.

The processes are started with `subprocess`, never forked: the parent may run gRPC. They start at first use, live until
the pool is closed, are replaced when they die, and end with the parent, since then their socket ends.
"""

from __future__ import annotations

import queue
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import Self

from hyperdatasets.formats.media.model import NotShown, UnreadableMedia

REQUEST = struct.Struct("<QIH")  # length of the content, edge, length of the content type
ANSWER = struct.Struct("<BQ")  # one of the results below, length
REFUSED, DONE, NOT_SHOWN = range(3)
_START_S = 60.0  # loading the decoders takes 0.3 s, and much longer on a machine that swaps
_END_S = 1.0  # seconds a worker gets to notice that its socket ended, before it is killed
_CODE = """\
import sys
sys.path[:] = {path!r}
from hyperdatasets.formats.media.preview_worker import serve
serve({descriptor}, {memory})
"""


class PreviewWorkerFailed(RuntimeError):
    """A worker process did not start; the installation is at fault and not a picture."""


class PreviewPool:
    """Processes that make previews, with a memory and a time limit for each picture. It is safe to use from threads.

    Args:
        workers: number of processes.
        memory_bytes: memory that decoding one picture may need, beyond the file itself.
        time_limit_s: seconds that one picture may take.
    """

    def __init__(self, workers: int = 2, *, memory_bytes: int = 512 << 20, time_limit_s: float = 30.0) -> None:
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(_Worker(memory_bytes, time_limit_s))

    def preview(self, content: bytes | bytearray, content_type: str = "", *, edge: int = 256) -> bytes:
        """Make the JPEG of a file, see `previews.thumbnail`, and wait for it in the calling thread.

        Raises:
            NotShown: the picture is sound, but cannot become 8 bits.
            UnreadableMedia: the picture is damaged, or needs too much memory or time.
            PreviewWorkerFailed: no worker can be started.
        """
        worker = self._idle.get()
        try:
            return worker.preview(content, content_type, edge)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End the processes. No preview may be running, and none can be made afterwards."""
        while not self._idle.empty():
            self._idle.get_nowait().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Worker:
    """One process, started when it is first asked, and again after it died; used by one thread at a time."""

    def __init__(self, memory_bytes: int, time_limit_s: float) -> None:
        self._memory_bytes, self._time_limit_s = memory_bytes, time_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def preview(self, content: bytes | bytearray, content_type: str, edge: int) -> bytes:
        connection = self._socket or self._start()
        deadline = time.monotonic() + self._time_limit_s
        named = content_type.encode()
        try:
            connection.settimeout(self._time_limit_s)
            connection.sendall(REQUEST.pack(len(content), edge, len(named)) + named)
            connection.sendall(content)
            result, length = ANSWER.unpack(_received(connection, ANSWER.size, deadline))
            answer = _received(connection, length, deadline)
        except TimeoutError:
            self.end()
            raise UnreadableMedia(f"its preview takes longer than {self._time_limit_s:g} s") from None
        except (OSError, EOFError):
            raise UnreadableMedia(f"its preview stopped the decoder ({self.end()})") from None
        if result == DONE:
            return answer
        raise (NotShown if result == NOT_SHOWN else UnreadableMedia)(answer.decode())

    def end(self) -> str:
        """End the process if there is one; return how it ended."""
        process, connection = self._process, self._socket
        self._process = self._socket = None
        if process is None or connection is None:
            return "it did not run"
        connection.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
        return _ending(process.wait())

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        code = _CODE.format(path=sys.path, descriptor=theirs.fileno(), memory=self._memory_bytes)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._socket = ours
        try:
            ours.settimeout(_START_S)
            if ours.recv(1):
                return ours
        except OSError:
            pass
        raise PreviewWorkerFailed(f"the process for previews does not start ({self.end()})")


def _received(connection: socket.socket, size_bytes: int, deadline: float) -> bytes:
    """Receive exactly so many bytes.

    Raises:
        TimeoutError: the deadline passed.
        EOFError: the other side closed the socket.
    """
    parts = bytearray()
    while len(parts) < size_bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(size_bytes - len(parts))
        if not piece:
            raise EOFError
        parts += piece
    return bytes(parts)


def _ending(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
