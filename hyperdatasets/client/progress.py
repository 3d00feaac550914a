"""Progress of long work on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def frames_progress(*, shown: bool, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Shows how many frames are done, on the standard error of a terminal; call what it gives with each number."""
    columns = (TextColumn("frames"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), disable=not shown) as bar:
        task = bar.add_task("frames", total=total)
        yield lambda count: bar.advance(task, count)
