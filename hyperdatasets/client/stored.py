"""Frames as the service keeps them, as the objects of users."""

from __future__ import annotations

from hyperdatasets.client.annotated_frame import Kept
from hyperdatasets.client.groups import AnyFrame, frame_of_plain
from hyperdatasets.v1 import frame_pb2 as pb
from hyperdatasets.wire.frames import from_message


def frame_of(stored: pb.StoredFrame, *, dataset: str, version: str, whole: bool = True) -> AnyFrame:
    """The frame, which knows where it is kept.

    Args:
        dataset, version: their ids.
        whole: whether all its parts came.
    """
    kept = Kept(dataset, version, stored.revision, stored.saved_ms, whole)
    return frame_of_plain(from_message(stored.frame), kept=kept)
