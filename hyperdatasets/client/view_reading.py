"""The frames of a data view as a user reads them: their metadata, or with their content from their URIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hyperdatasets.client import frame_content
from hyperdatasets.client.clips import Delivered, positions
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.long_reads import ViewRest, long_read
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import tell
from hyperdatasets.client.stored import frame_of
from hyperdatasets.v1 import dataview_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class ViewReader:
    """Reads what a request asks for.

    Attributes:
        clips: a position is a list of frames.
        withdrawn: called for each frame that is left out since it was withdrawn.
    """

    client: MetadataClient
    clips: bool
    withdrawn: Callable[[], None]

    def frames(self, request: pb.ReadDataViewRequest) -> Iterator[Delivered]:
        """Frames, or lists of them."""
        whole = not request.projection
        entries = ((self.frame(each, whole=whole), each.frames_left) for each in self._entries(request))
        return positions(entries, clips=self.clips)

    def read(self, request: pb.ReadDataViewRequest) -> Iterator[Delivered]:
        """Frames without a site with their content, or lists of them."""
        return positions(((self._read(each), each.frames_left) for each in self._entries(request)), clips=self.clips)

    def _entries(self, request: pb.ReadDataViewRequest) -> Iterator[pb.ViewEntry]:
        """Entries; warnings are told where the user asks for the next one: so many generators above."""
        for answer in long_read(self.client, ViewRest(request)):
            tell(answer.warnings, above=4 if self.clips else 5)
            yield from answer.entries

    def frame(self, entry: pb.ViewEntry, *, whole: bool = True) -> AnyFrame | None:
        """The frame of an entry; None for one that was withdrawn."""
        if entry.frame.withdrawn:
            self.withdrawn()
            return None
        frame = frame_of(entry.frame, dataset=entry.dataset_id, version=entry.version_id, whole=whole)
        frame.position = entry.position
        for annotation, ids in zip(frame.plain.get("annotations", ()), entry.label_ids, strict=False):
            annotation["label_ids"] = list(ids.ids)
        return frame

    def _read(self, entry: pb.ViewEntry) -> AnyFrame | None:
        """A frame without a site, with its content: inline, or from its URIs."""
        frame = self.frame(entry)
        if frame is not None:
            frame.parts = frame_content.read_all(frame)
        return frame
