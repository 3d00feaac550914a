"""JSON files that come from anywhere: parsed, or a reason why not."""

from __future__ import annotations

from typing import Any, TypeGuard

import orjson

from hyperdatasets.formats.folder import Folder, Unreadable


def parsed(folder: Folder, path: str) -> Any:
    """Raises Unreadable."""
    try:
        content = orjson.loads(folder.text(path))
        orjson.dumps(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error}") from None
    except orjson.JSONEncodeError:
        raise Unreadable("is nested too deeply") from None
    return content


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_empty(value: Any) -> bool:
    """Whether a value says nothing: null, an empty text, list or object."""
    return value is None or value in ("", [], {})
