"""What the service asks of a store: rows of a few tables, read in one moment or written all or not at all.

The tables and their columns are those of `schema.py`. A second store implements these three classes and joins the
conformance suite with one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from pyroaring import BitMap

Row = dict[str, Any]


class Head(NamedTuple):
    """What names a revision."""

    frame_id: str
    site: str
    digest: bytes
    annotated: bool


class Reading(Protocol):
    """Sees the state of one moment, whatever is written meanwhile."""

    def one(self, table: str, **equal: Any) -> Row | None:
        """The only row with these values, if there is one."""

    def rows(self, table: str, *, order: str = "", **equal: Any) -> list[Row]:
        """All rows with these values."""

    def revisions(self, dataset: str, numbers: Sequence[int]) -> list[Row]:
        """Whole revisions, ascending; those that do not exist are left out."""

    def revisions_from(self, dataset: str, first: int, limit: int) -> Iterator[Row]:
        """Up to `limit` whole revisions from a number on, ascending, without what is attached to them."""

    def revisions_of(self, dataset: str, frame_ids: Sequence[str], within: BitMap) -> list[Row]:
        """Whole revisions of these frames, of those numbers only, ascending."""

    def heads(self, dataset: str, numbers: Sequence[int]) -> dict[int, Head]:
        """Revision -> what names it; costs less than whole revisions where they were read before."""

    def heads_of(self, dataset: str, frame_ids: Sequence[str], within: BitMap) -> dict[int, Head]:
        """What names the revisions of these frames, of those numbers only, ascending."""

    def frame_ids(self, dataset: str, numbers: Sequence[int]) -> dict[int, str]:
        """Revision -> frame id; costs less than heads."""

    def digests(self, dataset: str, numbers: BitMap) -> Iterator[bytes]:
        """Digests of these revisions, ascending, end to end in parts."""

    def seals(self, dataset: str) -> Iterator[tuple[int, int, bytes]]:
        """First revision, count and seal (`blocks.seal`) of revisions that were sealed when they were written."""

    def vectors(self, field: int, revisions: Sequence[int]) -> list[Row]:
        """`revision` and `value` of the vectors that these revisions have under a field, ascending."""

    def vectors_after(self, field: int, number: int, limit: int) -> list[Row]:
        """Up to `limit` vectors of a field that were written after this one: `number`, `revision`, `value`."""

    def last_metrics(self, experiment: str) -> dict[str, float]:
        """Each metric's value of its last step; costs the same however many points there are."""


class Writing(Reading, Protocol):
    """The one transaction that may write; leaving its block commits, an error rolls back."""

    def insert(self, table: str, row: Mapping[str, Any]) -> None: ...

    def insert_all(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows that all have the same columns."""

    def add_revisions(
        self, dataset: str, first: int, rows: Sequence[Mapping[str, Any]], saved: Mapping[str, Any]
    ) -> None:
        """New revisions, numbered from `first`.

        Args:
            rows: each with `frame_id`, `site`, `annotated`, `payload` and `digest`: that of the payload, or of what
                was erased where there is none.
            saved: `saved_ms`, `saved_in` and `saved_by` of all of them.
        """

    def erase(self, dataset: str, numbers: BitMap) -> None:
        """Erases what these revisions say and what is attached to them; id, site and digest stay."""

    def replace(self, table: str, row: Mapping[str, Any]) -> None:
        """Inserts, or replaces the row with the same key."""

    def update(self, table: str, key: Mapping[str, Any], changes: Mapping[str, Any]) -> None: ...

    def delete(self, table: str, **equal: Any) -> int:
        """Returns how many rows there were."""


class Store(Protocol):
    def reading(self) -> AbstractContextManager[Reading]: ...

    def writing(self) -> AbstractContextManager[Writing]: ...

    def backup(self, target: str) -> None:
        """Copies the state of one moment into a new file while others read and write."""

    def compact(self, progress: Callable[[int], None]) -> None:
        """Packs what an earlier version packed, gives free pages back; nothing that was erased is left in the file.

        Nobody else may use the store. It may end in the middle: what is done stays done.

        Args:
            progress: told how many revisions more were looked at.
        """

    def check(self) -> list[str]:
        """Problems in the store's own structure; empty if there are none."""

    def close(self) -> None: ...
