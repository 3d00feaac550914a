"""The frames of a published view that have no site, with their content from their URIs; read as a session is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hyperdatasets.client.clips import Delivered, position_of
from hyperdatasets.client.left_out import LeftOut
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.view_reading import ViewReader
from hyperdatasets.core.mapping import by_number
from hyperdatasets.core.order import MAX_POSITIONS, check_epoch, worker_positions
from hyperdatasets.v1 import dataview_service_pb2 as pb

_AT_ONCE = 512  # positions that a worker asks for


class UriReader:
    """Reads by position in the order of the frames without a site.

    Attributes:
        count: positions; -1 if the order has no end.
        epoch_length: positions of one epoch.
        labels: label -> number.
        clips: whether a position delivers a list of frames, those of a clip.
        withdrawn: frames left out since they were withdrawn.
        mismatched: always 0: a source that cannot be read is an error here.
    """

    site = ""
    mismatched = 0

    def __init__(self, client: MetadataClient, view: str, *, clips: bool, repeat: bool) -> None:
        """`view`: id of a published view."""
        self._client, self._view = client, view
        self.clips, self.withdrawn = clips, 0
        head = next(client.stream(self._request(limit=1)))
        self.epoch_length, self.labels = head.length, by_number(head.labels)
        self.count = -1 if repeat and head.length else head.length

    def stream(
        self, *, start: int = 0, limit: int = 0, worker: int = 0, workers: int = 1, block: int = 1,
        metadata_only: bool = False, left_out: LeftOut | None = None,
    ) -> Iterator[Delivered]:  # fmt: skip
        """As `Session.stream`; a source that cannot be read is an error that names it."""
        left_out = left_out or LeftOut()
        if workers == 1:
            return self._delivered(self._request(start=start, limit=limit), left_out, metadata_only=metadata_only)
        positions = self._of_worker(start, start + limit if limit else self.count, worker, workers, block)
        return (each for mine in positions for each in self.read(mine, left_out=left_out).values())

    def read(self, positions: Sequence[int], *, left_out: LeftOut | None = None) -> dict[int, Delivered]:
        """The frames at these positions, by position; as `Session.read`."""
        wanted, left_out = sorted(set(positions)), left_out or LeftOut()
        found: dict[int, Delivered] = {}
        for first in range(0, len(wanted), MAX_POSITIONS):
            request = self._request(positions=wanted[first : first + MAX_POSITIONS])
            found |= {position_of(each): each for each in self._delivered(request, left_out, metadata_only=False)}
        return found

    def epoch(self, number: int) -> range:
        """As `Session.epoch`."""
        if self.count >= 0:
            return range(self.count)
        check_epoch(number, self.epoch_length)
        return range(number * self.epoch_length, (number + 1) * self.epoch_length)

    def close(self) -> None:
        """Does nothing: the service keeps no session for it."""

    def _of_worker(self, start: int, stop: int, worker: int, workers: int, block: int) -> Iterator[list[int]]:
        """The positions of a worker, some at a time."""
        while stop < 0 or start < stop:
            end = start + _AT_ONCE * workers if stop < 0 else min(start + _AT_ONCE * workers, stop)
            yield worker_positions(start, end, worker=worker, workers=workers, block=block).tolist()
            start = end

    def _delivered(
        self, request: pb.ReadDataViewRequest, left_out: LeftOut, *, metadata_only: bool
    ) -> Iterator[Delivered]:
        def count_withdrawn() -> None:
            self.withdrawn += 1
            left_out.withdrawn += 1

        reader = ViewReader(self._client, self.clips, count_withdrawn)
        return reader.frames(request) if metadata_only else reader.read(request)

    def _request(self, *, start: int = 0, limit: int = 0, positions: Sequence[int] = ()) -> pb.ReadDataViewRequest:
        target = pb.ViewOrSpec(view=self._view)
        return pb.ReadDataViewRequest(target=target, site="", start=start, limit=limit, positions=positions)
