"""A program of ours, made to die at one point of its work: `dying.py POINT NTH MODULE:FUNCTION ARGUMENTS…`.

Nothing in the program knows of it. Python tells whoever asks what is about to be done with files (audit events), and
SQLite which statement is about to run; at the NTH such moment the process kills itself, as an operator or the kernel
would.
"""

from __future__ import annotations

import importlib
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tear(args: tuple[Any, ...]) -> None:
    """What a machine that stops leaves of a file: its first half, under the name that it was to get."""
    source, target = Path(str(args[0])), Path(str(args[1]))
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    source.rename(target)
    die()


class Statements:
    """Dies at the nth statement of SQLite that begins so; `after`: when the one after it begins, on that connection."""

    def __init__(self, beginning: str, nth: int, *, after: bool = False) -> None:
        self.beginning, self.left, self.after, self.due = beginning, nth, after, False

    def watch(self) -> None:
        connect = sqlite3.connect

        def watched(*args: Any, **more: Any) -> sqlite3.Connection:
            connection = connect(*args, **more)
            connection.set_trace_callback(self.trace)
            return connection

        sqlite3.connect = watched

    def trace(self, text: str) -> None:
        statement = text.lstrip()
        if self.due and statement.startswith("BEGIN IMMEDIATE"):
            die()
        if statement.startswith(self.beginning):
            self.left -= 1
            self.due = self.after and self.left <= 0
            if not self.after and not self.left:
                die()


class Files:
    """Does something when a file whose name ends so is opened, renamed or removed for the nth time."""

    def __init__(self, event: str, ending: str, nth: int, then: Callable[[tuple[Any, ...]], None]) -> None:
        self.event, self.ending, self.left, self.then, self.done = event, ending, nth, then, False

    def watch(self) -> None:
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event == self.event and str(args[0]).endswith(self.ending) and not self.done:
            self.left -= 1
            if not self.left:
                self.done = True
                self.then(args)


POINTS: dict[str, Callable[[int], Statements | Files]] = {
    "before a commit": lambda nth: Statements("COMMIT", nth),
    "after a commit": lambda nth: Statements("COMMIT", nth, after=True),
    "within a write": lambda nth: Statements("INSERT INTO [keys]", nth),
    "within a publication": lambda nth: Statements("INSERT INTO [records]", nth),
    "before a segment is written": lambda nth: Files("open", ".segment.new", nth, lambda _: die()),
    "before a segment is in place": lambda nth: Files("os.rename", ".segment.new", nth, lambda _: die()),
    "with half a segment in place": lambda nth: Files("os.rename", ".segment.new", nth, tear),
    "before a segment is listed": lambda nth: Files("os.rename", "segments.json.new", nth, lambda _: die()),
    "before an old segment is removed": lambda nth: Files("os.remove", ".segment", nth, lambda _: die()),
    "while packing": lambda nth: Statements("UPDATE [blocks]", nth),
    "before rewriting": lambda nth: Statements("VACUUM", nth),
    "in a migration": lambda nth: Statements("CREATE ", nth),
    "at the end of a migration": lambda nth: Statements("PRAGMA user_version =", nth),
}


if __name__ == "__main__":
    point, nth, (module, _, function) = sys.argv[1], int(sys.argv[2]), sys.argv[3].partition(":")
    POINTS[point](nth).watch()
    sys.argv[1:] = sys.argv[4:]
    sys.exit(getattr(importlib.import_module(module), function)())
