"""This site's slices of versions as the centre showed them, each checked before any of it is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from pyroaring import BitMap

from hyperdatasets.core.canonical import canonical_bytes, frame_digest, from_canonical, site_part
from hyperdatasets.core.digests import LtHash
from hyperdatasets.core.errors import MetadataMismatch
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import site_service_pb2 as pb
from node.centre import Centre
from node.store import NodeStore

_LAST_REVISION = (1 << 32) - 1


class Mirror:
    """Fetches slices; what the centre says about a frame may add to what is known here, but never change it."""

    def __init__(self, store: NodeStore, centre: Centre) -> None:
        self._store, self._centre = store, centre
        self._fetching = threading.Lock()

    def fetch(self, version_id: str, dataset: str, count: int, leaf: str) -> None:
        """The slice of a version of a dataset, unless it is here already.

        Args:
            count, leaf: what the centre signed for this site; of an empty slice nothing is asked, so that a site
                answers for datasets of projects that it cannot read.

        Raises:
            MetadataMismatch: it is not what was signed, or shows what this site never sent.
        """
        with self._fetching:
            if self._store.slice_of(version_id) is None:
                self._store.forget_arriving(version_id)
                try:
                    revisions = self._arrived(version_id, dataset, count, leaf)
                    if not self._store.keep_slice(version_id, dataset, revisions.serialize()):
                        raise MetadataMismatch("the centre shows a frame other than it did before")
                finally:
                    self._store.forget_arriving(version_id)

    def _arrived(self, version_id: str, dataset: str, count: int, leaf: str) -> BitMap:
        if not count:
            return BitMap()
        answers = iter(self._centre.stream(pb.ReadSliceRequest(version_id=version_id)))
        header = next(answers, pb.ReadSliceResponse())
        revisions = _revisions(header.revisions, count)
        if header.dataset_id != dataset or len(revisions) != count:
            raise MetadataMismatch("the slice that the centre sent is not the one that it signed")
        total, missing = LtHash.zero(), BitMap(revisions)
        for answer in answers:
            self._store.arrive(version_id, self._checked(dataset, answer.entries, missing))
            total = total.add(each.digest for each in answer.entries)
        if missing or total.digest() != leaf:
            raise MetadataMismatch("the slice that the centre sent does not add up to the signed leaf of this site")
        return revisions

    def _checked(
        self, dataset: str, entries: Iterable[pb.SliceEntry], missing: BitMap
    ) -> Iterator[tuple[int, bytes, bytes]]:
        for each in entries:
            if each.revision not in missing:
                raise MetadataMismatch("the slice that the centre sent has a frame twice, or one too many")
            missing.remove(each.revision)
            if frame_digest(each.canonical) != each.digest:
                raise MetadataMismatch("a frame of the slice is not what its digest says")
            frame = from_canonical(each.canonical)
            if not self._store.was_sent(dataset, frame["id"], frame_digest(canonical_bytes(site_part(frame)))):
                raise MetadataMismatch(f"frame {frame['id']}: this site never sent such a site part")
            yield each.revision, each.canonical, each.digest


def _revisions(ranges: Iterable[common.RevisionRange], count: int) -> BitMap:
    """Numbers in ranges; what is more than was signed is not even counted out."""
    found = BitMap()
    for each in ranges:
        if not 0 <= each.first <= each.last <= _LAST_REVISION or each.last - each.first >= count:
            raise MetadataMismatch("the slice that the centre sent has impossible revision numbers")
        found.add_range(each.first, each.last + 1)
    return found
