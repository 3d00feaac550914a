"""Warnings about queries that could be read, but may not mean what was meant."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any


class QueryWarning(UserWarning):
    """A query that could be read, but may not mean what was meant."""


def tell(listed: Iterable[Any], *, above: int = 1) -> None:
    """Warns at the place of the user's call, which lies `above` functions over the one that tells."""
    for each in listed:
        warnings.warn(f"{each.where}: {each.message}", QueryWarning, stacklevel=above + 2)
