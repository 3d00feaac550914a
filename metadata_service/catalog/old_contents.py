"""What drafts contained when somebody began to read them page by page: after an edit the pages go on as they began."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from pyroaring import BitMap

from hyperdatasets.core.errors import PageTokenStale
from metadata_service.store.protocol import Row

KEPT_MS = 600_000  # after the edit
_MOST = 256  # contents


@dataclass(slots=True)
class _Old:
    content: BitMap
    edited_ms: int = 0  # when the edit was that came after it, as far as known


class OldContents:
    """In memory only: after a restart such pages begin again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], _Old] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, version: Row, content: BitMap) -> None:
        """Notes what a draft contains while its pages are read."""
        with self._lock:
            self._kept.setdefault((version["id"], version["generation"]), _Old(content))
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)

    def of(self, version: Row, generation: int, now_ms: int) -> BitMap:
        """What the draft contained in that generation.

        Raises:
            PageTokenStale: it was edited more than ten minutes ago, or what it contained is not kept any more.
        """
        key = version["id"], generation
        with self._lock:
            old = self._kept.get(key)
            if old is not None:
                self._kept.move_to_end(key)
                old.edited_ms = old.edited_ms or version["updated_ms"]
                if now_ms - old.edited_ms <= KEPT_MS:
                    return old.content
                del self._kept[key]
        raise PageTokenStale("the version was edited since the first page; begin again without a page token")
