"""What versions contain: bitmaps of revision numbers, kept as a base and what was added and removed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from pyroaring import BitMap

from hyperdatasets.core.digests import LtHash
from metadata_service.store.protocol import Reading, Row, Writing

_CACHED = 256


_Key = tuple[str, int, int, int]


class Contents:
    """Bitmaps of versions, computed once a generation; callers must not change them.

    What was added and removed is part of the key: a transaction that was rolled back leaves a generation behind that
    comes again with another content.
    """

    def __init__(self) -> None:
        self._cache: OrderedDict[_Key, BitMap] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, reading: Reading, version: Row) -> BitMap:
        chain = [version]
        while (found := self._cached(chain[-1])) is None and chain[-1]["base"] is not None:
            base = reading.one("versions", id=chain[-1]["base"])
            if base is None:
                break
            chain.append(base)
        content = found if found is not None else BitMap()
        for row in reversed(chain if found is None else chain[:-1]):
            added, removed = BitMap.deserialize(row["added"]), BitMap.deserialize(row["removed"])
            content = (content - removed) | added
        if content is not found:
            content.run_optimize()  # many generations of a large draft are kept
        with self._lock:
            self._cache[_key(version)] = content
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return content

    def _cached(self, version: Row) -> BitMap | None:
        key = _key(version)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
            return self._cache.get(key)


def _key(version: Row) -> _Key:
    return version["id"], version["generation"], hash(version["added"]), hash(version["removed"])


def packed(bitmap: BitMap) -> bytes:
    copy = BitMap(bitmap)
    copy.run_optimize()
    return copy.serialize()


def leaves(reading: Reading, version: str) -> list[tuple[str, int, str]]:
    """(site, count, site digest) of each site that has frames, by site."""
    rows = reading.rows("leaves", order="site", version=version)
    return [(row["site"], row["count"], LtHash.from_bytes(row["state"]).digest()) for row in rows if row["count"]]


def add_to_leaves(
    writing: Writing,
    version: str,
    added: Sequence[tuple[str, bytes]],
    removed: Sequence[tuple[str, bytes]],
) -> None:
    """Brings the states of sites up to date; both are (site, frame digest)."""
    for site in sorted({site for site, _ in (*added, *removed)}):
        row = writing.one("leaves", version=version, site=site)
        state = LtHash.zero() if row is None else LtHash.from_bytes(row["state"])
        count = 0 if row is None else row["count"]
        new = [digest for owner, digest in added if owner == site]
        old = [digest for owner, digest in removed if owner == site]
        state = state.add(new).remove(old)
        count += len(new) - len(old)
        writing.replace("leaves", {"version": version, "site": site, "count": count, "state": state.to_bytes()})
