"""Plain values as the JSON text in which they travel; nothing is the empty text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from hyperdatasets.client.arguments import plain as as_plain
from hyperdatasets.core.errors import InvalidArgument


def write(plain: Mapping[str, Any] | None) -> str:
    """Raises InvalidArgument: values that JSON does not have."""
    try:
        return orjson.dumps(as_plain(plain)).decode() if plain else ""
    except TypeError as error:
        raise InvalidArgument(f"only what JSON can hold is kept (texts, numbers, lists, objects): {error}") from None


def read(text: str) -> Any:
    return orjson.loads(text) if text else None
