"""Numbers as text files of annotations write them."""

from __future__ import annotations

import math
import re

DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number(text: str) -> float | None:
    """A finite number; None for anything else, such as `nan`, `1_000` and `10,5`."""
    text = text.strip()
    if not DECIMAL.fullmatch(text) or not math.isfinite(value := float(text)):
        return None
    return value
