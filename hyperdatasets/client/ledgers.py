"""Ledgers as users of the SDK meet them: warnings, and an error where nothing may be lost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hyperdatasets.core.advice import in_python
from hyperdatasets.core.errors import Incomplete
from hyperdatasets.core.escapes import on_one_line
from hyperdatasets.formats.ledger import SHOWN, Ledger, counted_kind, headline


def told(ledger: Ledger, *, stacklevel: int = 3) -> None:
    """One warning for each reason of a loss or notice, with the first places; what was skipped is none.

    Args:
        stacklevel: of `warnings.warn`: 3 is the caller of the function that calls this one.
    """
    for (weight, kind, reason), notes in ledger.groups().items():
        if weight != "skipped":
            places = "; ".join(f"{note.place}" + (f" ({note.detail})" if note.detail else "") for note in notes[:SHOWN])
            more = f"; and {len(notes) - SHOWN} more" if len(notes) > SHOWN else ""
            text = f"{headline(weight, kind, reason, notes)}: {places}{more}"
            warnings.warn(on_one_line(in_python(text)), stacklevel=stacklevel)


def in_no_project(dataset: str) -> str:
    """Said of a run that wrote into a dataset without a project, since a forgotten name looks like that."""
    return f"dataset `{dataset}`, in no project"


@contextmanager
def untold() -> Iterator[None]:
    """No warnings, for callers that show the ledger itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def check_strict(ledger: Ledger, *, strict: bool) -> Ledger:
    """The ledger.

    Raises:
        Incomplete: `strict`, and something was lost.
    """
    if strict and not ledger.complete:
        lost = ", ".join(counted_kind(count, kind) for kind, count in ledger.lost.items())
        raise Incomplete(f"not everything was kept: {lost}", ledger=ledger)
    return ledger
