"""The frames of a data view as a user reads them: their metadata, or with their content from their URIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hyperdatasets.client.clips import positions
from hyperdatasets.client.frames import FrameGroup, SingleFrame, read_uri
from hyperdatasets.client.long_reads import ViewRest, long_read
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import Sample
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

    def frames(self, request: pb.ReadDataViewRequest) -> Iterator[Any]:
        """Frames, or lists of them."""
        return positions(((self._frame(each), each.frames_left) for each in self._entries(request)), clips=self.clips)

    def samples(self, request: pb.ReadDataViewRequest) -> Iterator[Any]:
        """Frames without a site with their content, or lists of them."""
        return positions(((self._sample(each), each.frames_left) for each in self._entries(request)), clips=self.clips)

    def _entries(self, request: pb.ReadDataViewRequest) -> Iterator[pb.ViewEntry]:
        """Entries; warnings are told where the user asks for the next one: so many generators above."""
        for answer in long_read(self.client, ViewRest(request)):
            tell(answer.warnings, above=4 if self.clips else 5)
            yield from answer.entries

    def _frame(self, entry: pb.ViewEntry) -> SingleFrame | FrameGroup | None:
        if entry.frame.withdrawn:
            self.withdrawn()
            return None
        frame = frame_of(entry.frame, dataset=entry.dataset_id, version=entry.version_id)
        for annotation, ids in zip(frame.plain.get("annotations", ()), entry.label_ids, strict=False):
            annotation["label_ids"] = list(ids.ids)
        return frame

    def _sample(self, entry: pb.ViewEntry) -> Sample | None:
        """Its content is inline, or at its URIs."""
        frame = self._frame(entry)
        if frame is None:
            return None
        plain = frame.plain
        parts = [plain["blob"]] if "blob" in plain else []
        for source in plain["sources"] if not parts else ():
            parts += [read_uri(source["uri"]), *(read_uri(mask["uri"]) for mask in source.get("masks", ()))]
        return Sample(entry.position, plain, parts)
