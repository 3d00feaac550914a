"""Limits of a table, checked while it is read."""

from __future__ import annotations

MAX_BYTES = 1 << 30
MAX_ROWS = 10_000_000
MAX_COLUMNS = 1_000
MAX_CELLS = 1 << 29  # rows x columns of formats that compress
MAX_CELL = 64 << 10  # bytes
MAX_CONTEXT = 512  # characters, as `core.normalise.MAX_ID`
