"""Whether the batches of an Arrow IPC stream are compressed: a few kilobytes of these unpack to gigabytes.

pyarrow unpacks them while it reads and takes no limit, so the metadata of each message is looked at before. It is a
flatbuffer (arrow.apache.org/docs/format/Columnar.html, Message.fbs): tables whose fields are found through a vtable.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_HEADER_TYPE, _HEADER = 1, 2  # fields of a Message
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # types of a header
_DATA = 1  # field of a DictionaryBatch: a RecordBatch
_COMPRESSION = 3  # field of a RecordBatch


def are_compressed(messages: Iterator[Any]) -> bool:
    """Whether any of pyarrow's messages says so.

    Raises:
        ValueError: the metadata of one is no such flatbuffer.
    """
    return any(_is_compressed(message.metadata.to_pybytes()) for message in messages)


def _is_compressed(data: bytes) -> bool:
    try:
        message = _target(data, 0)
        kind, header = _field(data, message, _HEADER_TYPE), _field(data, message, _HEADER)
        if not kind or not header or data[kind] not in {_DICTIONARY_BATCH, _RECORD_BATCH}:
            return False
        batch = _target(data, header)
        if data[kind] == _DICTIONARY_BATCH:
            held = _field(data, batch, _DATA)
            if not held:
                return False
            batch = _target(data, held)
        return bool(_field(data, batch, _COMPRESSION))
    except (IndexError, struct.error) as error:
        raise ValueError(f"metadata of a message: {error}") from None


def _target(data: bytes, place: int) -> int:
    """Where the table lies that the offset at this place leads to."""
    return int(place + struct.unpack_from("<I", data, place)[0])


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a table lies; 0 if it has none."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    (size,) = struct.unpack_from("<H", data, vtable)
    entry = 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + entry)[0] if entry + 2 <= size else 0
    return table + offset if offset else 0
