"""A frame as it comes in: in its normal form, plain and not yet checked, or what keeps it from being read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument

MAX_BATCH = 10_000  # frames


class Canonical(NamedTuple):
    """A frame in its normal form as its bytes, without a blob and without previews; and what is asked of it most."""

    id: str
    site: str
    annotated: bool
    payload: bytes


class Refused(NamedTuple):
    """A frame that could not be read."""

    id: str
    error: HyperdatasetsError


Given = Canonical | Refused | Mapping[str, Any]


def check_size(count: int) -> None:
    if count > MAX_BATCH:
        raise InvalidArgument(f"a batch has at most {MAX_BATCH} frames, this one has {count}")
