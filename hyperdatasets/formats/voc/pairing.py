"""Which picture an XML file describes: the one that it names, or else the nearest one of its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from hyperdatasets.formats.folder import name_of, posix, split_of, stem
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.nearness import distance, nearest
from hyperdatasets.formats.voc.documents import Document
from hyperdatasets.formats.voc.picture_names import folded

ALIKE = (
    "XML files whose picture has a name that differs in upper and lower case or Unicode form; taken for that picture"
)
STALE = "XML files that name a picture which is not there; taken for the picture of their own name"
TAKEN = "XML files that name a picture which another one describes; taken for the picture of their own name"
MISSING = "objects of an XML file whose picture is not there"
NO_PICTURE = "XML files without objects whose picture is not there"
SEVERAL = "objects of an XML file that may belong to several pictures"
SECOND = "objects of a further XML file of the same picture"
TIE = "objects of several XML files of the same picture, none of which is nearer to it"


def pair(
    documents: Iterable[Document], pictures: Sequence[str], ledger: Ledger, attributes_in: Callable[[Document], int]
) -> dict[str, Document]:
    """Picture -> its XML file; what has no picture, or not one alone, is written into the ledger.

    Args:
        attributes_in: how much metadata an XML file has, which is asked where it is lost.
    """
    pairing = _Pairing(pictures, ledger, attributes_in)
    waiting: dict[str, list[Document]] = {}
    for document in documents:
        if picture := pairing.picture_of(document):
            waiting.setdefault(picture, []).append(document)
    return pairing.decided(waiting)


class _Pairing:
    def __init__(self, pictures: Sequence[str], ledger: Ledger, attributes_in: Callable[[Document], int]) -> None:
        self._ledger, self._attributes_in = ledger, attributes_in
        self._exact, self._alike = _Index(pictures, str), _Index(pictures, folded)

    def picture_of(self, document: Document) -> str:
        """The picture that a file describes; empty if there is none, or no single one."""
        candidates = self._exact.named(document) or self._alike_named(document)
        if not candidates:
            candidates = self._exact.of_own_name(document)
            if candidates and document.names and _differs(document, candidates[0]):
                self._ledger.notice("frames", document.path, STALE, document.names[0][:200])
        if not candidates:
            candidates = self._alike_of_own_name(document)
        if len(candidates) > 1:
            self._lose(document, SEVERAL, listed(candidates))
        elif not candidates:
            named = posix(document.names[0]) if document.names else stem(document.path)
            self._lose(document, MISSING if document.kinds else NO_PICTURE, named[:200])
        return candidates[0] if len(candidates) == 1 else ""

    def decided(self, waiting: Mapping[str, Sequence[Document]]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        left: list[tuple[str, Document]] = []
        for picture, several in waiting.items():
            best = _best(picture, several)
            if best:
                found[picture] = best
            left += [(picture, each) for each in several if each is not best]
        for picture, document in left:
            self._place(picture, document, found, waiting)
        return found

    def _place(
        self, picture: str, document: Document, found: dict[str, Document], waiting: Mapping[str, Sequence[Document]]
    ) -> None:
        """A file whose picture another one describes may have an old name in it, and belong to that of its own name."""
        own = [each for each in self._exact.of_own_name(document) if each not in waiting and each not in found]
        if len(own) == 1 and stem(own[0]) != stem(picture):
            self._ledger.notice("frames", document.path, TAKEN, picture)
            found[own[0]] = document
        elif picture in found:
            self._lose(document, SECOND, f"{picture} is described by {found[picture].path}")
        else:
            self._lose(document, TIE, listed(each.path for each in waiting[picture]))

    def _alike_named(self, document: Document) -> list[str]:
        """The one picture whose name differs from the named one in upper and lower case or Unicode form."""
        found = self._alike.named(document)
        if len(found) != 1:
            return []
        self._ledger.notice("frames", document.path, ALIKE, f"it names {document.names[0][:100]}; {found[0]}")
        return found

    def _alike_of_own_name(self, document: Document) -> list[str]:
        """The same by the name of the XML file; all pictures if there are several."""
        found = self._alike.of_own_name(document)
        if len(found) == 1:
            self._ledger.notice("frames", document.path, ALIKE, found[0])
        return found

    def _lose(self, document: Document, reason: str, detail: str) -> None:
        for kind in dict.fromkeys(document.kinds):
            self._ledger.lose(kind, document.path, reason, detail, count=document.kinds.count(kind))
        if count := self._attributes_in(document):
            self._ledger.lose("attributes", document.path, reason, detail, count=count)
        if not document.kinds:
            self._ledger.lose("frames", document.path, reason, detail)


class _Index:
    """Pictures by their names, as `key` gives them."""

    def __init__(self, pictures: Sequence[str], key: Callable[[str], str]) -> None:
        self._key = key
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for path in pictures:
            self._by_name.setdefault(key(name_of(path)), []).append(path)
            self._by_stem.setdefault(key(stem(path)), []).append(path)

    def named(self, document: Document) -> list[str]:
        """The nearest pictures that a file names."""
        for name in map(posix, document.names):
            called = self._by_name.get(self._key(name_of(name)), ())
            near = nearest(document.path, self._longest_tail(name, _of_split(document, called)))
            for hint in (*map(posix, document.names), f"{document.folder}/{name_of(name)}"):
                near = self._longest_tail(hint, near)
            if near:
                return near
        return []

    def of_own_name(self, document: Document) -> list[str]:
        """The nearest pictures with the name of the XML file: `a.jpg` for `a.xml` or else for `a.jpg.xml`."""
        own = self._key(stem(document.path))
        called = self._by_stem.get(own) or self._by_name.get(own) or []
        near = nearest(document.path, _of_split(document, called))
        if len(near) > 1 and document.names:
            same = [each for each in near if name_of(each).lower() == name_of(posix(document.names[0])).lower()]
            return same or near
        return near

    def _longest_tail(self, name: str, paths: Sequence[str]) -> list[str]:
        """Those of some paths that share most of their end with a name."""
        shared = [_shared(self._key(name).split("/"), self._key(path).split("/")) for path in paths]
        return [path for path, count in zip(paths, shared, strict=True) if count == max(shared)]


def _of_split(document: Document, pictures: Sequence[str]) -> list[str]:
    """Those of some pictures that do not lie in the folder of another split than the XML file."""
    split = split_of(document.path)
    return [each for each in pictures if not split or split_of(each) in {"", split}]


def _differs(document: Document, picture: str) -> bool:
    """Whether the name in a file is another one than that of the picture; it may lack the suffix."""
    name = name_of(posix(document.names[0]))
    return name != name_of(picture) and name != stem(picture)


def _best(picture: str, several: Sequence[Document]) -> Document | None:
    """The one XML file that has the name of the picture and lies nearest to it; None if there are several."""
    ranks = [(stem(each.path) != stem(picture), distance(each.path, picture)) for each in several]
    least = min(ranks)
    return several[ranks.index(least)] if ranks.count(least) == 1 else None


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
