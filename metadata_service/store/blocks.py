"""Revisions in blocks: up to 64 that were written together, compressed together, are one row of the store.

A page of frames costs a few blocks, and a block takes an eighth of the space of its frames. What names the frames
(`heads`: a line for all of them, then one for the id of each) lies apart from their content, so that comparing
versions reads no content. Of a content its digits lie apart from the rest. The digest of a frame follows from its
content and is kept only where the content was erased; `seal` is a digest over the digests of all.

Blocks that an earlier version wrote have no seal: there `heads` is one list, `digests` are those of all frames,
`payload` is the content with its digits. They are read as they are; `repacked` makes them like the others.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import orjson
import zstandard
from blake3 import blake3

from hyperdatasets.core.canonical import frame_digest
from metadata_service.store.digits import apart, together
from metadata_service.store.protocol import Head, Row

BLOCK = 64
_DIGEST = 32  # bytes
_SEAL = 16  # bytes
_THREADS = min(4, os.cpu_count() or 1)  # that compress a large write
_LARGE = 4  # blocks
_OLD_HEADS = b"[["
_FAST = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_DFAST, window_log=20, hash_log=16, chain_log=16, min_match=7, write_checksum=1,
)  # fmt: skip
# For the text, where looking longer pays: as small as level 9, in the time of level 5.
_SMALL = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_GREEDY, window_log=20, hash_log=17, chain_log=16, search_log=4, min_match=6,
    target_length=8, write_checksum=1,
)  # fmt: skip


class Block(Protocol):
    """A row of the table, by names of columns."""

    def __getitem__(self, column: str, /) -> Any: ...


class Names(NamedTuple):
    """What a block says of its frames without their content; `annotated` has a bit for each, ids are JSON texts."""

    ids: Sequence[bytes]
    sites: Sequence[str] | str  # one for all
    annotated: int
    sizes: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Names:
        sites = {row["site"] for row in rows}
        return cls(
            [orjson.dumps(row["frame_id"]) for row in rows],
            sites.pop() if len(sites) == 1 else [row["site"] for row in rows],
            sum(1 << place for place, row in enumerate(rows) if row["annotated"]),
            [len(row["payload"]) for row in rows],
        )

    def id(self, place: int) -> str:
        frame_id: str = orjson.loads(self.ids[place])
        return frame_id

    def site(self, place: int) -> str:
        return self.sites if isinstance(self.sites, str) else self.sites[place]

    def is_annotated(self, place: int) -> bool:
        return bool(self.annotated >> place & 1)

    def to_bytes(self) -> bytes:
        """JSON has no line breaks within."""
        common = orjson.dumps([f"{self.annotated:x}", self.sites, self.sizes])
        return b"\n".join([common, *self.ids])

    @classmethod
    def from_bytes(cls, heads: bytes) -> Names:
        if heads.startswith(_OLD_HEADS):
            plain, sites, annotated, sizes = orjson.loads(heads)
            ids = [orjson.dumps(each) for each in plain]
        else:
            common, *ids = heads.split(b"\n")
            annotated, sites, sizes = orjson.loads(common)
        return cls(ids, sites, int(annotated, 16), sizes)


class Codec:
    """Packs and unpacks blocks; one for each thread."""

    def __init__(self) -> None:
        self._fast = zstandard.ZstdCompressor(compression_params=_FAST)
        self._small = zstandard.ZstdCompressor(compression_params=_SMALL)
        self._decompress = zstandard.ZstdDecompressor().decompress

    def pack(self, first: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        """Blocks of new revisions, numbered from `first`."""
        parts = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        if not parts:
            return
        for place, (part, packed) in enumerate(zip(parts, self._packed(parts), strict=True)):
            yield {
                "first": first + place * BLOCK, "count": len(part), **packed,
                "digests": _kept(part), "seal": seal(_digests(part)),
            }  # fmt: skip

    def repacked(self, block: Block, erased: Collection[int] = ()) -> Row:
        """What changes in a block that is packed anew, without what these places say; what names them stays."""
        rows = list(self.rows(block, range(block["count"])))
        kept = [row | {"payload": b""} if place in erased else row for place, row in enumerate(rows)]
        (packed,) = self._packed([kept])
        return packed | {"digests": _kept(kept), "seal": block["seal"] or seal(_digests(rows))}

    def frame_ids(self, heads: bytes, places: Sequence[int]) -> list[str]:
        """Ids of the frames at these places."""
        plain = self._decompress(heads)
        if plain.startswith(_OLD_HEADS):
            ids = orjson.loads(plain)[0]
            return [ids[place] for place in places]
        lines = plain.split(b"\n", places[-1] + 2)
        return [orjson.loads(lines[place + 1]) for place in places]

    def heads(self, block: Block, places: Sequence[int]) -> Iterator[Head]:
        """What names the frames at these places (ascending) of a block."""
        names = self._names(block)
        for place, digest in zip(places, self._digests(block, names, places), strict=True):
            yield Head(names.id(place), names.site(place), digest, names.is_annotated(place))

    def digests(self, block: Block, places: Sequence[int]) -> Iterator[bytes]:
        """Digests of the frames at these places (ascending) of a block."""
        return self._digests(block, self._names(block), places)

    def rows(self, block: Block, places: Sequence[int]) -> Iterator[Row]:
        """Whole revisions at these places (ascending) of a block."""
        names = self._names(block)
        saved = {key: block[key] for key in ("saved_ms", "saved_in", "saved_by")}
        for place, (payload, digest) in zip(places, self._contents(block, names, places), strict=True):
            yield {
                "revision": block["first"] + place,
                "frame_id": names.id(place),
                "site": names.site(place),
                "digest": digest,
                "annotated": names.is_annotated(place),
                "payload": payload,
                **saved,
            }

    def _names(self, block: Block) -> Names:
        return Names.from_bytes(self._decompress(block["heads"]))

    def _digests(self, block: Block, names: Names, places: Sequence[int]) -> Iterator[bytes]:
        if block["seal"] is None:
            return (block["digests"][place * _DIGEST : (place + 1) * _DIGEST] for place in places)
        return (digest for _, digest in self._contents(block, names, places))

    def _contents(self, block: Block, names: Names, places: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        """Content and digest of each frame."""
        ends = list(accumulate(names.sizes, initial=0))
        start, stop = ends[places[0]], ends[places[-1] + 1]
        text, is_sealed = self._decompress(block["payload"]), block["seal"] is not None
        content = together(text, self._decompress(block["digits"]), start, stop) if is_sealed else text[start:stop]
        for place in places:
            payload = content[ends[place] - start : ends[place + 1] - start]
            if is_sealed and payload:
                yield payload, frame_digest(payload)
            else:
                kept = names.sizes[:place].count(0) if is_sealed else place
                yield payload, block["digests"][kept * _DIGEST : (kept + 1) * _DIGEST]

    def _packed(self, parts: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[Row]:
        """Heads, payload and digits of each part."""
        texts, digits = zip(*(apart(b"".join(row["payload"] for row in part)) for part in parts), strict=True)
        heads = [Names.of(part).to_bytes() for part in parts]
        fast, small = _compressed(self._fast, [*heads, *digits]), _compressed(self._small, texts)
        for place in range(len(parts)):
            yield {"heads": fast[place], "payload": small[place], "digits": fast[len(parts) + place]}


def _compressed(compressor: zstandard.ZstdCompressor, plain: Sequence[bytes]) -> list[bytes]:
    if len(plain) < _LARGE or not all(plain):  # many at once must not be empty
        return [compressor.compress(each) for each in plain]
    found = compressor.multi_compress_to_buffer(list(plain), threads=_THREADS)
    return [found[place].tobytes() for place in range(len(found))]


def seal(digests: bytes) -> bytes:
    """Of the digests of a block's frames, end to end; erasing what they say does not change it."""
    return blake3(digests).digest(length=_SEAL)


def _digests(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(row["digest"] for row in rows)


def _kept(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Digests of frames that say nothing any more."""
    return _digests([row for row in rows if not row["payload"]])
