"""The order of a whole view in random order, of which each site's order is a subsequence.

The j-th frame of a site that has n frames (an epoch's, if the view repeats) stands at (2 j + 1) / 2 n; ties go by
site name. All in exact integers, so that a seek is a binary search and needs nothing before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViewOrder:
    """Sites woven together; `lengths` are the positions of one epoch of each site, `repeat` goes on after it."""

    lengths: Mapping[str, int]
    repeat: bool = False

    @property
    def epoch_length(self) -> int:
        return sum(self.lengths.values())

    @property
    def length(self) -> int | None:
        """Positions in all; None if the order has no end."""
        return None if self.repeat and self.epoch_length else self.epoch_length

    def at(self, start: int, stop: int) -> list[tuple[str, int]]:
        """Site, and position in that site's order, of the positions from `start` to before `stop`."""
        if self.length is not None:
            stop = min(stop, self.length)
        found = [
            (self.position(site, position), site, position)
            for site in self._sites
            for position in range(self._first(site, start), self._first(site, stop))
        ]
        return [(site, position) for _, site, position in sorted(found)]

    def position(self, site: str, position: int) -> int:
        """Where a position of a site's order stands in the whole: inverse of `at`."""
        return position + sum(self._before(other, site, position) for other in self._sites if other != site)

    @property
    def _sites(self) -> list[str]:
        return sorted((site for site, length in self.lengths.items() if length), key=str.encode)

    def _first(self, site: str, start: int) -> int:
        """The first position of the site that stands at or after `start` in the whole."""
        low, high = 0, start if self.repeat else min(start, self.lengths[site])
        while low < high:
            middle = (low + high) // 2
            if self.position(site, middle) < start:
                low = middle + 1
            else:
                high = middle
        return low

    def _before(self, other: str, site: str, position: int) -> int:
        """How many positions of another site stand before this one: i with (2 i + 1) / n' before (2 j + 1) / n."""
        length, other_length = self.lengths[site], self.lengths[other]
        reach = (2 * position + 1) * other_length - length
        if reach < 0:
            return 0
        wins_ties = other.encode() < site.encode()
        return reach // (2 * length) + 1 if wins_ties else -(-reach // (2 * length))
