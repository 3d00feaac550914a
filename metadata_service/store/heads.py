"""What names revisions that were read lately: who changes a frame has mostly read it before.

A revision never changes, so what is known stays right; only what was committed may be noted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from metadata_service.store.protocol import Head

_KEPT = 65_536  # some 30 MB


class HeadCache:
    """Of all datasets; the oldest go first."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Head] = {}
        self._lock = threading.Lock()

    def note(self, dataset: str, rows: Iterable[Mapping[str, Any]]) -> None:
        heads = {
            (dataset, row["revision"]): Head(row["frame_id"], row["site"], row["digest"], row["annotated"])
            for row in islice(rows, _KEPT)
        }
        with self._lock:
            self._kept.update(heads)
            for key in list(islice(self._kept, max(0, len(self._kept) - _KEPT))):
                del self._kept[key]

    def known(self, dataset: str, numbers: Sequence[int]) -> dict[int, Head]:
        """Those that are known."""
        with self._lock:
            return {number: head for number in numbers if (head := self._kept.get((dataset, number))) is not None}
