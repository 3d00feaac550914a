"""The content of a frame as bytes, picture, array or text; it came with the frame, is inline, or is at its URIs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hyperdatasets.client.local_files import read_uri
from hyperdatasets.core.errors import NoLocalSource, NotFound, SourceUnreadable
from hyperdatasets.formats.media import UnreadableMedia, pixels, texts
from hyperdatasets.formats.media.pixels import Mode

ImageMode = Literal["default", "RGB", "L"]
Parts = Sequence[bytes | memoryview | None]
"""The bytes of each source of a frame, followed by its masks; None for a part that the site leaves out."""
_Decoded = TypeVar("_Decoded")
_MODES = get_args(Mode)
_AS_TEXT = (
    "; read it with `text()`: in a data set with the arguments `frames` and `transform`, in `numpy` with a function"
)


class Place(NamedTuple):
    """The place of a source or a mask.

    Attributes:
        number: the index of its part among the parts of the frame.
        name: what messages call it.
    """

    number: int
    uri: str
    name: str


class _Frame(Protocol):
    """The attributes of a frame that are used here."""

    @property
    def plain(self) -> dict[str, Any]: ...

    @property
    def parts(self) -> Parts | None: ...

    @property
    def id(self) -> str: ...

    @property
    def site(self) -> str: ...

    def content(self, source: str = "") -> bytes: ...

    def mask(self, mask: str = "", *, source: str = "") -> bytes: ...


def source_place(sources: Sequence[dict[str, Any]], name: str) -> Place:
    """The place of the source of this name, or of the first one for an empty name. Raises NotFound."""
    number = 0
    for source in sources:
        if name in {"", source["id"]}:
            return Place(number, source["uri"], f"source `{source['id']}`")
        number += 1 + len(source.get("masks", ()))
    named = ", ".join(source["id"] for source in sources) or "none"
    mode = f'; for the mode write `mode="{name}"`' if name in _MODES else ""
    raise NotFound(f"the frame has no source `{name}`; it has {named}{mode}", kind="source", name=name)


def mask_place(sources: Sequence[dict[str, Any]], name: str, of_source: str) -> Place:
    """The place of the mask of this id, of one source or any; empty id: the first mask. Raises NotFound."""
    number, known = 0, []
    for source in sources:
        for mask in source.get("masks", ()):
            number += 1
            if of_source in {"", source["id"]}:
                known.append(mask["id"])
                if name in {"", mask["id"]}:
                    return Place(number, mask["uri"], f"mask `{mask['id']}`")
        number += 1
    there = f"; it has {', '.join(known)}" if known else ""
    raise NotFound(f"the frame has no mask{f' `{name}`' if name else ''}{there}", kind="mask", name=name)


def read(frame: _Frame, place: Place) -> bytes:
    """The bytes of a source or mask.

    Raises:
        NoLocalSource: the frame is a site's and came without its bytes.
        SourceUnreadable: there is nothing at the URI, or the site leaves this part out.
    """
    if frame.parts is not None:
        part = frame.parts[place.number] if place.number < len(frame.parts) else None
        if part is None:
            raise SourceUnreadable(f"frame {frame.id}: its site does not give out the {place.name}")
        return bytes(part)
    if place.number == 0 and "blob" in frame.plain:
        return bytes(frame.plain["blob"])
    if frame.site:
        raise NoLocalSource(
            f"frame {frame.id} came without its bytes: those of site `{frame.site}` come from its node. Read it "
            "through a data view: `for frame in view.open(): …`"
        )
    return read_uri(place.uri)


def read_all(frame: _Frame) -> list[bytes]:
    """The bytes of all sources, each followed by its masks. Raises as `read`."""
    sources = frame.plain["sources"]
    if "blob" in frame.plain:
        return [bytes(frame.plain["blob"])]
    return [read_uri(each["uri"]) for source in sources for each in (source, *source.get("masks", ()))]


def image(frame: _Frame, source: str, mode: ImageMode) -> Image.Image:
    """A picture as shown, as an image of Pillow; see `AnnotatedFrame.image`."""
    made = _decoded(frame, source, pixels.pil)
    return made if mode in {"default", made.mode} else made.convert(mode)


def array(frame: _Frame, source: str, mode: Mode) -> NDArray[np.generic]:
    """A picture as shown, as an array; see `AnnotatedFrame.array`."""
    return _decoded(frame, source, lambda content: pixels.decode(content, mode=mode))


def text(frame: _Frame, source: str, encoding: str) -> str:
    """A text; see `AnnotatedFrame.text`."""
    return _decoded(frame, source, lambda content: texts.decode(content, encoding=encoding), of_text="")


def mask_pixels(frame: _Frame, source: str) -> NDArray[np.generic]:
    """The first mask of a source, (height, width, 3); raises as `AnnotatedFrame.mask`."""
    content = frame.mask(source=source)
    try:
        return pixels.decode(content, mode="RGB")
    except UnreadableMedia as error:
        raise SourceUnreadable(f"frame {frame.id}, its mask: {error}") from None


def _decoded(frame: _Frame, source: str, decode: Callable[[bytes], _Decoded], *, of_text: str = _AS_TEXT) -> _Decoded:
    """Decodes a source; errors name the frame. `of_text`: what is advised if it is a text."""
    content = frame.content(source)
    try:
        return decode(content)
    except UnreadableMedia as error:
        kind = _content_type(frame, source)
        raise SourceUnreadable(
            f"frame {frame.id} ({kind}): {error}{of_text if kind.startswith('text/') else ''}"
        ) from None


def _content_type(frame: _Frame, source: str) -> str:
    for each in frame.plain["sources"]:
        if source in {"", each["id"]}:
            return str(each.get("content_type") or "unknown type")
    return "unknown type"
