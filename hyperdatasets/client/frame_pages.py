"""A frame as a notebook shows it: its pictures or text with the objects, and its fields as tables."""

from __future__ import annotations

import io
import stat
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Protocol
from urllib.request import url2pathname

from hyperdatasets.client.drawing import colour_of
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.core.tables import Table
from hyperdatasets.core.thumbnails import grid
from hyperdatasets.core.uri import split as uri_parts

_SIDE = 320  # pixels of a picture
_LARGEST = 64 << 20  # bytes of a file that is read only to show it
_CHARACTERS = 2_000


class Shown(Protocol):
    """The attributes of a frame that are used here."""

    @property
    def plain(self) -> dict[str, Any]: ...

    @property
    def parts(self) -> Any: ...

    @property
    def site(self) -> str: ...

    @property
    def annotations(self) -> list[dict[str, Any]]: ...

    def text(self, source: str = "", *, encoding: str = "") -> str: ...

    def plot(self, source: str = "", *, side: int = 640) -> Any: ...


def page(frame: Shown, title: str) -> str:
    """The frame as escaped HTML that loads nothing."""
    plain = frame.plain
    facts = {name: plain.get(name) for name in ("id", "context_id", "timestamp", "site", "meta")}
    sources = [
        (each["id"], each.get("content_type"), each.get("width"), each.get("height"), each["uri"], each.get("meta"))
        for each in plain["sources"]
    ]
    tables = [
        Table.of_facts(title, facts),
        _filled("Sources", ("name", "content type", "width", "height", "URI", "metadata"), sources),
        _filled("Annotations", ("labels", "shape", "confidence", "origin", "metadata"), _annotations(frame)),
    ]
    return _pictures(frame) + "".join(table.html() for table in tables if table.rows)


def thumbnail(frame: Shown, source: str = "", *, side: int = _SIDE) -> bytes:
    """A PNG of a source with its objects; empty where the pixels are not at hand.

    Pixels are at hand if they came with the frame, are inline, or are in a file of this machine; nothing is fetched.
    """
    if not _at_hand(frame, source):
        return b""
    try:
        picture = frame.plot(source, side=side)
    except HyperdatasetsError:
        return b""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _pictures(frame: Shown) -> str:
    """The pictures side by side, or the text, or a sentence about where they are."""
    made = [(each["id"], thumbnail(frame, each["id"])) for each in frame.plain["sources"]]
    shown = [(name if len(made) > 1 else "", content) for name, content in made if content]
    if shown:
        return grid(shown, side=_SIDE)
    if frame.site and frame.parts is None:
        return f"<div>Its pixels are at site {escape(repr(frame.site))}: read it with <code>view.open()</code>.</div>"
    return "".join(_text(frame, each["id"]) for each in frame.plain["sources"] if _is_text(each))


def _at_hand(frame: Shown, source: str) -> bool:
    if frame.parts is not None:
        return True
    shown = next((each for each in frame.plain["sources"] if source in {"", each["id"]}), None)
    if shown is None or (frame.site and "blob" not in frame.plain):
        return False
    read = shown.get("masks", [])[:1]  # the first mask shows where its classes are
    if "blob" not in frame.plain:
        read = [shown, *read]
    return all(_is_read_at_once(each["uri"]) for each in read)


def _is_read_at_once(uri: str) -> bool:
    """Whether reading it ends soon: a file of this machine, or nothing; a pipe or a device might never end."""
    parts = uri_parts(uri)
    if parts.scheme not in {"", "file"}:
        return False
    try:
        found = Path(url2pathname(parts.path) if parts.scheme else uri).stat()
    except (OSError, ValueError):
        return True
    return stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST


def _is_text(source: Mapping[str, Any]) -> bool:
    return str(source.get("content_type", "")).startswith("text/")


def _text(frame: Shown, source: str) -> str:
    """The beginning of a text with its spans marked."""
    if not _at_hand(frame, source):
        return ""
    try:
        text = frame.text(source)
    except HyperdatasetsError:
        return ""
    spans = sorted(
        (*each["geometry"]["span"], each["labels"]) for each in frame.annotations if "span" in each.get("geometry", {})
    )
    html, at = "", 0
    for start, end, labels in spans:
        if at <= start < end <= _CHARACTERS:  # those that overlap are in the table
            html += escape(text[at:start]) + _marked(text[start:end], labels)
            at = end
    rest = text[at:_CHARACTERS]
    return f'<div style="white-space:pre-wrap">{html}{escape(rest)}{"…" if len(text) > _CHARACTERS else ""}</div>'


def _marked(words: str, labels: list[str]) -> str:
    red, green, blue = colour_of(labels)
    style = f"background:rgba({red},{green},{blue},.35);color:inherit"
    return f'<mark style="{style}">{escape(words)} <small>{escape(", ".join(labels))}</small></mark>'


def _filled(title: str, head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> Table:
    """A table without the columns in which no row has anything."""
    kept = [place for place in range(len(head)) if any(row[place] not in (None, "", {}) for row in rows)]
    return Table(title, [head[place] for place in kept], [[row[place] for place in kept] for row in rows])


def _annotations(frame: Shown) -> list[tuple[object, ...]]:
    return [
        (each["labels"], each.get("geometry"), each.get("confidence"), each.get("origin"), each.get("meta"))
        for each in frame.annotations
    ]
