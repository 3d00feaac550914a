"""What becomes of an index that cannot be written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hyperdatasets.engine.files import DamagedFile

_LOG = logging.getLogger("metadata_service")


@contextmanager
def kept_in_memory(what: str) -> Iterator[None]:
    """A disk that is full keeps nobody from an answer: what could not be written stays in memory."""
    try:
        yield
    except (OSError, DamagedFile) as error:
        _LOG.warning("an index could not be written", extra={"index": what, "reason": str(error)})
