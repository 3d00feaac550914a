"""A supply of frames for data loaders: one epoch of a published view over its sites, by index, in any process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import index
from typing import NamedTuple, Protocol, SupportsIndex

from hyperdatasets.client.clips import Delivered, position_of
from hyperdatasets.client.delivery_counts import DeliveryCounts
from hyperdatasets.client.left_out import LeftOut
from hyperdatasets.core.errors import InvalidArgument, SourceUnreadable
from hyperdatasets.core.order import MAX_POSITION


class Reader(Protocol):
    """A reader of one site's order: a Session or a UriReader. It can be sent to another process."""

    site: str
    count: int
    labels: dict[str, int]
    clips: bool
    mismatched: int
    withdrawn: int

    def stream(
        self, *, start: int = 0, limit: int = 0, worker: int = 0, workers: int = 1, block: int = 1,
        metadata_only: bool = False, left_out: LeftOut | None = None,
    ) -> Iterator[Delivered]: ...  # fmt: skip

    def read(self, positions: Sequence[int], *, left_out: LeftOut | None = None) -> dict[int, Delivered]: ...

    def epoch(self, number: int) -> range: ...

    def close(self) -> None: ...


class NoSuchPosition(InvalidArgument, IndexError):
    """As sequences have it."""

    __str__ = Exception.__str__


class Mark(NamedTuple):
    """The place where a reading goes on: the number of the site, and the position in its epoch."""

    site: int = 0
    position: int = 0


BEGINNING = Mark()


class Came(NamedTuple):
    """What came of a position.

    Attributes:
        number: of the position in the epoch, over all sites.
        behind: where a reading goes on after it.
    """

    number: int
    delivered: Delivered
    behind: Mark


class _Missing(LeftOut):
    """What a reading leaves out, on its way into the counts."""

    def move_to(self, counts: DeliveryCounts) -> None:
        """Counts what was left out since the last time."""
        if self.mismatched or self.withdrawn:
            counts.add(mismatched=self.mismatched, withdrawn=self.withdrawn)
            self.mismatched = self.withdrawn = 0


class FrameSupply:
    """The positions of one epoch, site after site, numbered from 0.

    Args:
        readers: one for each site, in order.
        counts: the counts of delivered and left-out frames.
    """

    def __init__(self, readers: Sequence[Reader], counts: DeliveryCounts) -> None:
        self._readers, self.counts = readers, counts

    def __len__(self) -> int:
        """Positions of the epoch.

        Raises:
            InvalidArgument: the view repeats without end, and no epoch was set.
        """
        return self._bounds[-1]

    def set_epoch(self, epoch: int) -> None:
        """Reads this epoch from now on, in all processes.

        Raises:
            InvalidArgument: it is no whole number from 0, or past the end of the order.
        """
        if not isinstance(epoch, SupportsIndex) or not 0 <= index(epoch) < MAX_POSITION:
            raise InvalidArgument(f"epoch: expected a whole number from 0, got {epoch!r:.60}")
        for reader in self._readers:
            reader.epoch(index(epoch))
        self.counts.epoch = index(epoch)

    def read(self, indexes: Sequence[int]) -> list[Came]:
        """The frames at these indexes, in this order, without those that are left out.

        Raises:
            IndexError: there is no such position.
        """
        bounds = self._bounds
        places = [_place(each, bounds) for each in indexes]
        found: dict[Mark, Delivered] = {}
        for site in {place.site for place in places}:
            wanted = [place.position for place in places if place.site == site]
            found |= {Mark(site, at): each for at, each in self._read(site, wanted).items()}
        came = [_came(place.site, found[place], place.position, bounds) for place in places if place in found]
        self.counts.add(delivered=len(came))
        return came

    def one(self, index: int) -> Came:
        """The frame at an index; negative indexes count from the end.

        Raises:
            IndexError: there is no such position.
            SourceUnreadable: its frame is left out: its file changed, or it was withdrawn.
        """
        found = self.read([index])
        if not found:
            raise self.nothing_came([index])
        return found[0]

    def nothing_came(self, indexes: Sequence[int]) -> SourceUnreadable:
        """The error of a read that gave nothing."""
        alone = f"the frame at {indexes[0]} does not come"
        which = alone if len(indexes) == 1 else f"none of the {len(indexes)} frames of this batch comes"
        return SourceUnreadable(
            f"{which}: its file has changed since it was registered, or it was withdrawn. Larger batches leave "
            "such frames out and count them"
        )

    def stream(
        self, mark: tuple[int, int] = BEGINNING, *, worker: int = 0, workers: int = 1, block: int = 1
    ) -> Iterator[Came]:
        """The frames from a mark on; each of several workers gets its own blocks."""
        begin, bounds = Mark(*mark), self._bounds
        for site, mine in enumerate(self._epochs):
            start = mine.start + (begin.position if site == begin.site else 0)
            if site < begin.site or start >= mine.stop:
                continue
            missing = _Missing()
            came = self._readers[site].stream(
                start=start, limit=mine.stop - start, worker=worker, workers=workers, block=block, left_out=missing
            )
            for delivered in came:
                missing.move_to(self.counts)
                self.counts.add(delivered=1)
                yield _came(site, delivered, position_of(delivered) - mine.start, bounds)
            missing.move_to(self.counts)

    def _read(self, site: int, positions: Sequence[int]) -> dict[int, Delivered]:
        first, missing = self._epochs[site].start, _Missing()
        came = self._readers[site].read([first + each for each in positions], left_out=missing)
        missing.move_to(self.counts)
        return {position - first: each for position, each in came.items()}

    @property
    def _epochs(self) -> list[range]:
        """The positions of the epoch in the order of each site."""
        epoch = self.counts.epoch
        if epoch is None and any(reader.count < 0 for reader in self._readers):
            raise InvalidArgument(
                "the view repeats without end: read one epoch of it (`epoch=0`, or `set_epoch(0)`), or give the view "
                "a limit"
            )
        return [reader.epoch(epoch or 0) for reader in self._readers]

    @property
    def _bounds(self) -> list[int]:
        """The index at which each site begins, and the end."""
        return list(accumulate(map(len, self._epochs), initial=0))


def _came(site: int, delivered: Delivered, position: int, bounds: Sequence[int]) -> Came:
    """`position`: in the site's epoch."""
    return Came(bounds[site] + position, delivered, Mark(site, position + 1))


def _place(at: int, bounds: Sequence[int]) -> Mark:
    """Site and position of an index; `bounds`: the index at which each site begins, and the end."""
    length = bounds[-1]
    place = at + length if at < 0 else at
    if not 0 <= place < length:
        raise NoSuchPosition(
            f"{at}: there are positions 0 to {length - 1}" if length else f"{at}: there are no positions"
        )
    site = bisect_right(bounds, place) - 1
    return Mark(site, place - bounds[site])
