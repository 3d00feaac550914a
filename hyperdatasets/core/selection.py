"""Digests of what a data view selects: the proof, years later, of which frames a model saw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class SiteSelection:
    """What a view selects at one site; `count` is the frames of the union over rules."""

    site: str
    count: int
    digest: str


def site_digest(canonical_view: bytes, site: str, rules: Iterable[tuple[int, Iterable[bytes]]]) -> str:
    """`sha256:<hex>` of a site's selection.

    Args:
        canonical_view: canonical bytes of the pinned view.
        site: name; empty for frames without a site.
        rules: per rule the number of its frames at the site, and their digests (32 bytes each, or several joined)
            by dataset number and revision.

    Each part is preceded by its length, so that no two selections give the same bytes to hash.
    """
    state = hashlib.sha256(b"hyperdatasets selection 1")
    for part in (canonical_view, site.encode()):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    for count, digests in rules:
        state.update(count.to_bytes(8, "big"))
        size = 0
        for digest in digests:
            state.update(digest)
            size += len(digest)
        if size != 32 * count:
            raise ValueError(f"a rule of {count} frames has {32 * count} bytes of digests, not {size}")
    return f"sha256:{state.hexdigest()}"


def view_digest(sites: Iterable[SiteSelection]) -> str:
    """`sha256:<hex>` over (site, count, digest) of every site that the view selects frames of."""
    listed = sorted([selection.site, selection.count, selection.digest] for selection in sites if selection.count)
    return f"sha256:{hashlib.sha256(orjson.dumps(['hyperdatasets view 1', listed])).hexdigest()}"
