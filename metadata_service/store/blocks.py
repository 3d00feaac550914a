"""Revisions in blocks: up to 64 that were written together, compressed together, are one row of the store.

A page of frames costs a few blocks, and a block takes a third of the space of its frames. What names the frames
(`heads`) lies apart from their content, so that comparing versions reads no content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import zstandard

from metadata_service.store.protocol import Head, Row

BLOCK = 64
DIGEST = 32  # bytes


class Names(NamedTuple):
    """What a block says of its frames without their content; `annotated` has a bit for each."""

    ids: Sequence[str]
    sites: Sequence[str] | str  # one for all
    annotated: int
    sizes: Sequence[int]


class Codec:
    """Packs and unpacks blocks; one for each thread."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=3).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def pack(self, first: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        """Blocks of new revisions, numbered from `first`."""
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            sites = {row["site"] for row in part}
            names = Names(
                [row["frame_id"] for row in part],
                sites.pop() if len(sites) == 1 else [row["site"] for row in part],
                sum(1 << place for place, row in enumerate(part) if row["annotated"]),
                [len(row["payload"]) for row in part],
            )
            yield {
                "first": first + start, "count": len(part),
                "digests": b"".join(row["digest"] for row in part),
                **self._packed(names, [row["payload"] for row in part]),
            }  # fmt: skip

    def _packed(self, names: Names, parts: Sequence[bytes]) -> Row:
        heads = [*names[:2], f"{names.annotated:x}", names.sizes]
        return {"heads": self._compress(orjson.dumps(heads)), "payload": self._compress(b"".join(parts))}

    def erased(self, block: Mapping[str, Any], places: Collection[int]) -> Row:
        """Heads and payload of a block without what these places say; what names them stays."""
        names = self.names(block["heads"])
        content = (row["payload"] for row in self.rows(block, range(len(names.sizes))))
        parts = [b"" if place in places else part for place, part in enumerate(content)]
        return self._packed(names._replace(sizes=[len(part) for part in parts]), parts)

    def names(self, heads: bytes) -> Names:
        ids, sites, annotated, sizes = orjson.loads(self._decompress(heads))
        return Names(ids, sites, int(annotated, 16), sizes)

    def heads(self, block: Mapping[str, Any], places: Sequence[int]) -> Iterator[Head]:
        """What names the frames at these places of a block."""
        names = self.names(block["heads"])
        for place in places:
            yield _head(names, block["digests"], place)

    def rows(self, block: Mapping[str, Any], places: Sequence[int]) -> Iterator[Row]:
        """Whole revisions at these places (ascending) of a block."""
        names = self.names(block["heads"])
        payload = self._decompress(block["payload"])
        saved = {key: block[key] for key in ("saved_ms", "saved_in", "saved_by")}
        ends = [0]
        for size in names.sizes:
            ends.append(ends[-1] + size)
        for place in places:
            head = _head(names, block["digests"], place)
            content = payload[ends[place] : ends[place + 1]]
            yield {"revision": block["first"] + place, **head._asdict(), "payload": content, **saved}


def _head(names: Names, digests: bytes, place: int) -> Head:
    site = names.sites if isinstance(names.sites, str) else names.sites[place]
    digest = digests[place * DIGEST : (place + 1) * DIGEST]
    return Head(names.ids[place], site, digest, bool(names.annotated >> place & 1))
