"""Messages of a node's streams as they come: columns and content are told apart without copying the content."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import grpc

from hyperdatasets.v1 import node_service_pb2 as pb

_AHEAD = 2  # messages that are read before they are asked for
_BATCH_TAG = 1 << 3 | 2  # field `batch` of ReadFramesResponse
_HEAD_SIZE_TAG = 7 << 3 | 5  # field `head_size` of FrameBatch


def read_frames(channel: grpc.Channel) -> Any:
    """ReadFrames with messages as they come, so that their content is not copied by parsing."""
    return channel.unary_stream(
        "/hyperdatasets.v1.NodeService/ReadFrames", request_serializer=pb.ReadFramesRequest.SerializeToString
    )


def split(raw: bytes) -> tuple[pb.FrameBatch | None, memoryview]:
    """Columns and content of a batch that says how long its columns are; None for any other message.

    Layout: tag and length of `batch`, tag and value of `head_size`, columns, tag and length of `data`, content.
    """
    view = memoryview(raw)
    if not raw or raw[0] != _BATCH_TAG:
        return None, view
    _, at = _varint(raw, 1)
    if at + 5 > len(raw) or raw[at] != _HEAD_SIZE_TAG:
        return None, view
    start = at + 5
    end = start + int.from_bytes(raw[at + 1 : start], "little")
    if end == len(raw):
        return pb.FrameBatch.FromString(raw[start:end]), view[end:]
    _, content = _varint(raw, end + 1)
    return pb.FrameBatch.FromString(raw[start:end]), view[content:]


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A protobuf varint, and where it ends."""
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def read_ahead(messages: Iterator[Any]) -> Iterator[Any]:
    """The same messages, read by a thread so that the network and the reader work at the same time."""
    box: queue.Queue[tuple[str, Any]] = queue.Queue(_AHEAD)
    stopped = threading.Event()
    threading.Thread(target=_fill, args=(messages, box, stopped), name="read-ahead", daemon=True).start()
    try:
        while True:
            kind, value = box.get()
            if kind == "end":
                return
            if kind == "error":
                try:
                    raise value
                finally:
                    del value  # else the error holds this frame, which holds the error, and with it the session
            yield value
    finally:
        stopped.set()


def _fill(messages: Iterator[Any], box: queue.Queue[tuple[str, Any]], stopped: threading.Event) -> None:
    try:
        for message in messages:
            if not _put(box, ("message", message), stopped):
                return
        _put(box, ("end", None), stopped)
    except Exception as error:  # noqa: BLE001  # raised again where the messages are used
        _put(box, ("error", error), stopped)
    finally:
        messages.close()  # type: ignore[attr-defined]  # a generator; ends the call


def _put(box: queue.Queue[tuple[str, Any]], item: tuple[str, Any], stopped: threading.Event) -> bool:
    """Waits for room; False if nobody reads any more."""
    while not stopped.is_set():
        try:
            box.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
