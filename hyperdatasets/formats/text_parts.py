"""Parts of text files: `file:///a.txt#char=10,20` names the characters from 10 to before 20 (RFC 5147)."""

from __future__ import annotations

import re
from typing import NamedTuple

from hyperdatasets.formats.folder import Unreadable

_PART = re.compile(r"#char=(\d{1,15}),(\d{1,15})$", re.ASCII)
_UTF_16 = frozenset({b"\xff\xfe", b"\xfe\xff"})


class TextPart(NamedTuple):
    """From where to where a part reaches, in characters of its file; `file` is the URI of the file."""

    file: str
    start: int
    end: int


def part_of(uri: str) -> TextPart | None:
    """The part that a URI names; None if it names a whole file."""
    found = _PART.search(uri)
    return TextPart(uri[: found.start()], int(found[1]), int(found[2])) if found else None


def exact_text(content: bytes, *, whole: bool = True) -> str:
    """Text with its line ends as they are, so that positions are those of the file.

    Args:
        whole: the content is not cut.

    Raises:
        Unreadable: it is in another encoding.
    """
    encoding = "utf-16" if content[:2] in _UTF_16 else "utf-8"
    try:
        return content.decode(encoding, "strict" if whole else "ignore")
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
