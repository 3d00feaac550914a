"""Streams of a version's frames that go on where an earlier one broke off."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap

from hyperdatasets.core.errors import PageTokenStale, ReadingStale
from metadata_service.catalog.old_contents import OldContents
from metadata_service.store.protocol import Row


def state(version: Row) -> str:
    """What is read: a published version, or a draft as it is between two edits."""
    return str(version["id"]) if version["published"] else f"{version['id']}:{version['generation']}"


def content(old_contents: OldContents, version: Row, state_before: str, now_ms: int) -> BitMap | None:
    """What the version contained when the state was told; None = what it contains now.

    Raises:
        ReadingStale: that is not known any more.
    """
    if state_before == state(version):
        return None
    version_id, _, generation = state_before.partition(":")
    if version_id == version["id"] and generation.isdecimal():
        try:
            return old_contents.of(version, int(generation), now_ms)
        except PageTokenStale:
            pass
    raise ReadingStale(
        "the version was edited while it was read, and what it contained then is not kept any more. Read from the "
        "beginning; a published version (`command version snapshot` makes one) stays as it is, however long a read "
        "takes"
    )


def after(revisions: Sequence[int], last: int, *, sorted_by: str, descending: bool) -> list[int]:
    """Those that follow the last one that came; by revision also if that one was withdrawn since.

    Raises:
        ReadingStale: it is not among them, and nothing tells where it was.
    """
    if not sorted_by:
        return [each for each in revisions if (each < last if descending else each > last)]
    if last in revisions:
        return list(revisions[revisions.index(last) + 1 :])
    raise ReadingStale(
        f"the frame at which this read, sorted by {sorted_by[:60]}, was to go on has been withdrawn; read from the "
        "beginning"
    )
