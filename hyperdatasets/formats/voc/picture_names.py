"""The names of pictures, compared without regard to upper and lower case and to the Unicode form."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from hyperdatasets.formats.folder import name_of, stem


def folded(text: str) -> str:
    """The same for all texts that differ only in upper and lower case or in their Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


class PictureNames:
    """The names of some pictures, with and without their suffixes."""

    def __init__(self, pictures: Iterable[str]) -> None:
        names = {folded(name_of(path)) for path in pictures}
        self._names, self._all = frozenset(names), frozenset(names.union(map(stem, names)))

    def has(self, name: str) -> bool:
        """Whether a picture has this name, which includes the suffix."""
        return folded(name) in self._names

    def has_file_of(self, path: str) -> bool:
        """Whether a file has the name of a picture: `a.xml` or `a.jpg.xml` of `a.jpg`."""
        return folded(stem(path)) in self._all
