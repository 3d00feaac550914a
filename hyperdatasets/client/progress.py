"""How far long work is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

Advance = Callable[[int], None]


class Count(ProgressColumn):
    """`364/1000`; where the total is not known, how many there are and how many in a second: `364 (85/s)`."""

    def render(self, task: Task) -> Text:
        count = f"{task.completed:.0f}"
        if task.total is not None:
            return Text(f"{count}/{task.total:.0f}", style="progress.download")
        rate = f" ({task.completed / task.elapsed:.0f}/s)" if task.completed and task.elapsed else ""
        return Text(count + rate, style="progress.download")


class Bar:
    """Counts things of one kind; called with how many more there are."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def __call__(self, more: int) -> None:
        self._progress.advance(self._task, more)

    def expect(self, total: int | None) -> None:
        """Called once the total is known, or again."""
        self._progress.update(self._task, total=total)


@contextmanager
def bar(what: str, *, shown: bool, total: int | None = None) -> Iterator[Bar]:
    """Counts things of one kind, such as frames."""
    with bars(what, shown=shown, total=total) as (counted,):
        yield counted


@contextmanager
def bars(*kinds: str, shown: bool, total: int | None = None) -> Iterator[tuple[Bar, ...]]:
    """Counts things of several kinds at once; what was never counted leaves no line at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), Count(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(file=sys.stderr), disable=not shown)
    if progress.console.is_terminal:
        progress.start()
    try:
        yield tuple(Bar(progress, progress.add_task(kind, total=total)) for kind in kinds)
    finally:
        for task in progress.tasks:
            if not task.completed:
                progress.remove_task(task.id)
        if progress.tasks:
            progress.start()  # what is no terminal gets the counts at the end, and no empty line if there are none
        if progress.live.is_started:
            progress.stop()
