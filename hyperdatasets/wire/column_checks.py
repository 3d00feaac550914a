"""Checks of whole columns: which rows have a usual value, one that is in its normal form as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.plain import INT64
from hyperdatasets.wire.column_text import Array, is_text, simple

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # an extra
    pa = pc = None

Mask = NDArray[np.bool_]
_CONTROL = r"[\x00-\x1f\x7f-\x{9f}]"


def mask(booleans: Array) -> Mask:
    found: Mask = booleans.to_numpy(zero_copy_only=False)
    return found.copy()  # Arrow's own may not be changed


def short_texts(values: Array, limit: int, *, needed: bool = False) -> Mask:
    """Texts of at most so many characters, none of them a control character; empty or null unless `needed`."""
    if not is_text(values.type):
        return mask(values.is_null()) & (not needed)
    lengths = pc.utf8_length(values)
    found = pc.and_(pc.less_equal(lengths, limit), pc.greater_equal(lengths, int(needed)))
    if not simple(values):
        found = pc.and_(found, pc.invert(pc.match_substring_regex(values, _CONTROL)))
    return mask(found.fill_null(not needed))


def whole_numbers(values: Array, *, least: int = INT64[0]) -> Mask:
    """Whole numbers of 64 bits, or null."""
    if not pa.types.is_integer(values.type):
        return mask(values.is_null())
    numbers = values.fill_null(0).to_numpy()
    found: Mask = (numbers >= least) & (numbers <= INT64[-1])
    return found


def plain_values(values: Array, *, longest: int) -> Mask:
    """Texts without control characters, whole numbers, finite doubles, booleans, or null."""
    if is_text(values.type):
        return short_texts(values, longest)
    if pa.types.is_integer(values.type):
        return whole_numbers(values)
    if pa.types.is_float32(values.type) or pa.types.is_float64(values.type):
        return mask(pc.is_finite(values).fill_null(fill_value=True))
    return np.ones(len(values), np.bool_) if pa.types.is_boolean(values.type) else mask(values.is_null())
