"""JSON files that come from anywhere: parsed, or a reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeGuard

import orjson

from hyperdatasets.formats.folder import Folder, Unreadable
from hyperdatasets.formats.json_keys import Twice, lost_values


class Parsed(NamedTuple):
    """What a file holds, and the values that it lacks since their key occurs again."""

    content: Any
    twice: Sequence[Twice]


def parsed(folder: Folder, path: str) -> Parsed:
    """Raises Unreadable."""
    try:
        text = folder.text(path)
        content = orjson.loads(text)
        orjson.dumps(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error}") from None
    except orjson.JSONEncodeError:
        raise Unreadable("is nested too deeply") from None
    return Parsed(content, lost_values(text.encode(), content))


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_empty(value: Any) -> bool:
    """Whether a value says nothing: null, an empty text, list or object."""
    return value is None or value in ("", [], {})
