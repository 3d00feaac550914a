"""JSON text by columns: for an Arrow array of values one of texts, each as `orjson` writes the value by itself.

Nothing here is done per value in Python, and Arrow lets other threads run meanwhile. Texts are binary arrays; a null
stays one, and is left out where texts are put together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from hyperdatasets.core.errors import InvalidArgument

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # an extra
    pa = pc = None

Array = Any
"""A pyarrow array."""

MAX_TEXT = 64 << 20  # bytes of a column without its dictionary
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


def decoded(values: Array) -> Array:
    """Values without a dictionary.

    Raises:
        InvalidArgument: they would take too much memory.
    """
    if not pa.types.is_dictionary(values.type):
        return values
    if is_text(values.dictionary.type):
        size = pc.sum(pc.binary_length(values.dictionary).take(values.indices)).as_py() or 0
        if size > MAX_TEXT:
            raise InvalidArgument(
                f"columns: texts of {size} bytes in a column, {MAX_TEXT} are allowed; send fewer rows"
            )
    return values.dictionary_decode()


def given(values: Array) -> Array:
    """Texts, with null for the empty ones, which say the same."""
    texts = values.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


def unquoted(values: Array) -> Array:
    """Of texts without control characters (their quotes are left out), whole numbers, doubles or booleans."""
    if not is_text(values.type):
        return _doubles(values) if pa.types.is_floating(values.type) else values.cast(pa.string()).cast(pa.binary())
    texts = values.cast(pa.binary())
    if simple(values):
        return texts
    return pc.replace_substring(pc.replace_substring(texts, b"\\", b"\\\\"), b'"', b'\\"')


def of_rows(numbers: NDArray[np.float64]) -> Array:
    """Of each row of a table of doubles, without its brackets."""
    return _split(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2], b"],[")


def member(name: str, values: Array) -> Array:
    """`"name":value,` where there is a value, and nothing where there is none."""
    quote = b'"' if is_text(values.type) else b""
    return optional(orjson.dumps(name) + b":" + quote, unquoted(values), quote + b",")


def optional(before: bytes, texts: Array, after: bytes = b"") -> Array:
    """Nothing where there is no text."""
    found = joined(before, texts, after)
    return found.fill_null(b"") if found.null_count else found


def joined(*parts: Array | bytes) -> Array:
    """Null where one of them is null."""
    return pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.binary()))


def listed(texts: Array, counts: NDArray[np.int64], separator: bytes) -> Array:
    """Texts of lists, of so many of the texts each, without their brackets; null for an empty list."""
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lists = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), texts), separator)
    return lists if counts.all() else pc.if_else(pa.array(counts > 0), lists, None)


def members(*parts: Array) -> Array:
    """Of an object, without its braces and without the comma after the last one; null if there is none."""
    found = joined(*parts)
    return pc.binary_slice(pc.if_else(pc.greater(pc.binary_length(found), 0), found, None), 0, -1)


def _doubles(values: Array) -> Array:
    numbers = values.cast(pa.float64()).fill_null(0).to_numpy()
    texts = _split(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1], b",")
    return pc.if_else(values.is_valid(), texts, None) if values.null_count else texts


def _split(text: bytes, separator: bytes) -> Array:
    return pa.array(text.split(separator) if text else [], pa.binary())
