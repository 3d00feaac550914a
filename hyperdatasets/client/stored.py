"""Frames as the service keeps them, as the objects of users."""

from __future__ import annotations

from hyperdatasets.client.frames import FrameGroup, Kept, SingleFrame
from hyperdatasets.v1 import frame_pb2 as pb
from hyperdatasets.wire.frames import from_message


def frame_of(stored: pb.StoredFrame, *, dataset: str, version: str) -> SingleFrame | FrameGroup:
    """The frame, which knows where it is kept.

    Args:
        dataset, version: their ids.
    """
    return SingleFrame.from_plain(from_message(stored.frame), Kept(dataset, version, stored.revision, stored.saved_ms))
