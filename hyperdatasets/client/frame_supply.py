"""A supply of frames for data loaders: one epoch of a published view over its sites, by index, in any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

from hyperdatasets.client.clips import Delivered, position_of
from hyperdatasets.client.delivery_counts import DeliveryCounts
from hyperdatasets.core.errors import InvalidArgument, SourceUnreadable


class Reader(Protocol):
    """A reader of one site's order: a Session or a UriReader. It can be sent to another process."""

    site: str
    count: int
    epoch_length: int
    labels: dict[str, int]
    clips: bool
    mismatched: int
    withdrawn: int

    def stream(
        self, *, start: int = 0, limit: int = 0, worker: int = 0, workers: int = 1, block: int = 1,
        metadata_only: bool = False,
    ) -> Iterator[Delivered]: ...  # fmt: skip

    def read(self, positions: Sequence[int]) -> dict[int, Delivered]: ...

    def close(self) -> None: ...


class NoSuchPosition(InvalidArgument, IndexError):
    """As sequences have it."""

    __str__ = Exception.__str__


class Mark(NamedTuple):
    """The place where a reading goes on: the number of the site, and the position in its epoch."""

    site: int = 0
    position: int = 0


BEGINNING = Mark()


class _Missing:
    """The frames that a reader leaves out from now on, added to shared counts."""

    def __init__(self, reader: Reader, counts: DeliveryCounts) -> None:
        self._reader, self._counts = reader, counts
        self._before = reader.mismatched, reader.withdrawn

    def note(self) -> None:
        """Counts the frames that were left out since the last call."""
        now = self._reader.mismatched, self._reader.withdrawn
        if now != self._before:
            self._counts.add(mismatched=now[0] - self._before[0], withdrawn=now[1] - self._before[1])
            self._before = now


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

    def read(self, indexes: Sequence[int]) -> list[Delivered]:
        """The frames at these indexes, in this order, without those that are left out.

        Raises:
            IndexError: there is no such position.
        """
        places = [self._place(index) for index in indexes]
        found: dict[Mark, Delivered] = {}
        for site in {place.site for place in places}:
            wanted = [place.position for place in places if place.site == site]
            found |= {Mark(site, at): each for at, each in self._read(site, wanted).items()}
        came = [found[place] for place in places if place in found]
        self.counts.add(delivered=len(came))
        return came

    def one(self, index: int) -> Delivered:
        """The frame at an index; negative indexes count from the end.

        Raises:
            IndexError: there is no such position.
            SourceUnreadable: its frame is left out: its file changed, or it was withdrawn.
        """
        found = self.read([index])
        if not found:
            raise SourceUnreadable(
                f"the frame at {index} does not come: its file has changed since it was registered, or it was "
                "withdrawn. Take such positions in batches, which leave it out and count it"
            )
        return found[0]

    def stream(
        self, mark: tuple[int, int] = BEGINNING, *, worker: int = 0, workers: int = 1, block: int = 1
    ) -> Iterator[tuple[Mark, Delivered]]:
        """The frames from a mark on, each with the mark behind it; each of several workers gets its own blocks."""
        begin = Mark(*mark)
        lengths = [end - start for start, end in pairwise(self._bounds)]
        for site in range(begin.site, len(self._readers)):
            start = begin.position if site == begin.site else 0
            if start >= lengths[site]:
                continue
            reader, first, missing = self._readers[site], self._first(site), _Missing(self._readers[site], self.counts)
            came = reader.stream(
                start=first + start, limit=lengths[site] - start, worker=worker, workers=workers, block=block
            )
            for delivered in came:
                missing.note()
                self.counts.add(delivered=1)
                yield Mark(site, position_of(delivered) - first + 1), delivered
            missing.note()

    def _read(self, site: int, positions: Sequence[int]) -> dict[int, Delivered]:
        reader, first, missing = self._readers[site], self._first(site), _Missing(self._readers[site], self.counts)
        came = reader.read([first + each for each in positions])
        missing.note()
        return {position - first: each for position, each in came.items()}

    def _place(self, index: int) -> Mark:
        length = len(self)
        at = index + length if index < 0 else index
        if not 0 <= at < length:
            raise NoSuchPosition(f"{index}: there are positions 0 to {length - 1}")
        site = next(number for number, (_, end) in enumerate(pairwise(self._bounds)) if at < end)
        return Mark(site, at - self._bounds[site])

    def _first(self, site: int) -> int:
        """The position where the epoch begins, in the order of a site that repeats without end; 0 in other orders."""
        reader = self._readers[site]
        return (self.counts.epoch or 0) * reader.epoch_length if reader.count < 0 else 0

    @property
    def _bounds(self) -> list[int]:
        """The index at which each site begins, and the end."""
        if self.counts.epoch is None and any(reader.count < 0 for reader in self._readers):
            raise InvalidArgument(
                "the view repeats without end: read one epoch of it (`epoch=0`, or `set_epoch(0)`), or give the view "
                "a limit"
            )
        lengths = (reader.epoch_length if reader.count < 0 else reader.count for reader in self._readers)
        return list(accumulate(lengths, initial=0))
