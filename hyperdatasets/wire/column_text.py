"""JSON text by columns: for an Arrow array of values one of texts, each as `orjson` writes the value by itself.

Nothing here is done per value in Python, and Arrow lets other threads run meanwhile. Texts are binary arrays; a null
stays one, and is left out where texts are put together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # an extra
    pa = pc = None

Array = Any
"""A pyarrow array."""

_UNQUOTED = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))  # ASCII that JSON text holds as it is


def simple(values: Array) -> bool:
    """Whether texts are of nothing but printable ASCII without quotes and backslashes."""
    _, offsets, content = values.buffers()
    if content is None:
        return True
    width = np.int32 if values.type in {pa.string(), pa.binary()} else np.int64
    ends = np.frombuffer(offsets, width)[values.offset : values.offset + len(values) + 1]
    return not memoryview(content)[ends[0] : ends[-1]].tobytes().translate(None, _UNQUOTED)


def is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def given(values: Array) -> Array:
    """Texts, with null for the empty ones, which say the same."""
    texts = values.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


def of_texts(values: Array) -> Array:
    """Of texts without control characters."""
    texts = values.cast(pa.binary())
    if not simple(values):
        texts = pc.replace_substring(pc.replace_substring(texts, b"\\", b"\\\\"), b'"', b'\\"')
    return joined(b'"', texts, b'"')


def of_doubles(values: Array) -> Array:
    numbers = values.cast(pa.float64()).fill_null(0).to_numpy()
    texts = _split(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1], b",")
    return pc.if_else(values.is_valid(), texts, None) if values.null_count else texts


def of_rows(numbers: NDArray[np.float64]) -> Array:
    """Of each row of a table of doubles, without its brackets."""
    return _split(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2], b"],[")


def of_values(values: Array) -> Array:
    """Of texts, whole numbers, doubles or booleans."""
    if is_text(values.type):
        return of_texts(values)
    if pa.types.is_floating(values.type):
        return of_doubles(values)
    return values.cast(pa.string()).cast(pa.binary())


def member(name: str, texts: Array) -> Array:
    """`"name":text,` where there is a text, and nothing where there is none."""
    return optional(orjson.dumps(name) + b":", texts, b",")


def optional(before: bytes, texts: Array, after: bytes = b"") -> Array:
    return joined(before, texts, after).fill_null(b"")


def joined(*parts: Array | bytes) -> Array:
    """Null where one of them is null."""
    return pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.binary()))


def listed(texts: Array, lengths: NDArray[np.int64]) -> Array:
    """Texts of lists, of so many of the texts each, without their brackets; null for an empty list."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lists = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), texts), b",")
    return lists if lengths.all() else pc.if_else(pa.array(lengths > 0), lists, None)


def in_braces(members: Array) -> Array:
    """The object of these members, each with a comma after it; null without any."""
    inner = pc.if_else(pc.greater(pc.binary_length(members), 0), members, None)
    return joined(b"{", pc.binary_slice(inner, 0, -1), b"}")


def _split(text: bytes, separator: bytes) -> Array:
    return pa.array(text.split(separator) if text else [], pa.binary())
