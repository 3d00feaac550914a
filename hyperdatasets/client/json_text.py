"""Plain values as the JSON text in which they travel; nothing is the empty text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def write(plain: Mapping[str, Any] | None) -> str:
    return orjson.dumps(dict(plain)).decode() if plain else ""


def read(text: str) -> Any:
    return orjson.loads(text) if text else None
