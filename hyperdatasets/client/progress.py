"""How far long work is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]


@contextmanager
def bar(what: str, *, shown: bool, total: int | None = None) -> Iterator[Advance]:
    """Counts things of one kind, such as frames."""
    with bars(what, shown=shown, total=total) as (advance,):
        yield advance


@contextmanager
def bars(*kinds: str, shown: bool, total: int | None = None) -> Iterator[tuple[Advance, ...]]:
    """Counts things of several kinds at once."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), disable=not shown) as progress:
        yield tuple(partial(progress.advance, progress.add_task(kind, total=total)) for kind in kinds)
