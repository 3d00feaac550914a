"""Pictures in a notebook: a grid of thumbnails with captions, as escaped HTML that holds the pictures itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape

from hyperdatasets.core.escapes import on_one_line

_SIDE = 160  # pixels of the screen
_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"RIFF", "webp"), (b"GIF8", "gif"))


def grid(pictures: Iterable[tuple[str, bytes]], *, side: int = _SIDE) -> str:
    """A grid of (caption, content of a PNG, JPEG, WebP or GIF file); no content leaves an empty field.

    Args:
        side: the longest side of each picture on the screen, in pixels.
    """
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(_figure(*each, side) for each in pictures)}</div>'
    )


def _figure(caption: str, content: bytes, side: int) -> str:
    field = f"max-width:{side}px;max-height:{side}px;object-fit:contain"
    shown = escape(on_one_line(caption))
    picture = f'<img alt="{shown}" style="{field}" src="{_data_uri(content)}">' if content else ""
    empty = f"width:{side}px;min-height:{side // 2}px;border:1px solid rgba(128,128,128,.4);padding:4px"
    words = f'<figcaption style="font-size:small;overflow-wrap:anywhere">{shown}</figcaption>'
    return f'<figure style="margin:0;{empty}">{picture}{words}</figure>'


def _data_uri(content: bytes) -> str:
    kind = next((name for start, name in _KINDS if content.startswith(start)), "png")
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
