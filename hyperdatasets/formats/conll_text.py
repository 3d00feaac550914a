"""CoNLL text taken apart: documents, sentences, tokens with their place in the file, tagged entities."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Scheme = Literal["IOB1", "IOB2", "BIOES"]
TAG = re.compile(r"O|[BIESLU]-\S.*")
DOCUMENT = "-DOCSTART-"
_NEW = "# newdoc"
_MARK = "\ufeff"
_ENDS, _SINGLE = "EL", "SU"


class Token(NamedTuple):
    """A token, from where to where it reaches in the file, its tag and the cells between both."""

    line: int
    start: int
    text: str
    tag: str
    cells: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(slots=True)
class Document:
    """Part of a file: from where to where it reaches, its sentences, its comments."""

    start: int
    end: int = 0
    sentences: list[list[Token]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


class Bad(NamedTuple):
    """Something that is not as it should be, in a line."""

    line: int
    reason: str
    detail: str


class Entity(NamedTuple):
    """Tokens of one entity, and of which sentence of the document, from 1."""

    label: str
    tokens: Sequence[Token]
    sentence: int


OTHER_COLUMNS = "lines with another number of columns than the file has"
NO_TAG = "lines whose last column is no tag such as B-PER or O"
INSIDE = "entities that begin with I- where the file has B- for that; kept as entities"
_CELL = re.compile(r"\S+")


def columns_of(text: str) -> tuple[int, str]:
    """How many columns most lines have, and the pattern that takes a line apart.

    Cells are apart by tabs, where nearly all lines have one: then a token may have blanks.
    """
    lines = [line for line in text.split("\n") if _counts(line)][:2_000]
    tabbed = sum("\t" in line for line in lines) * 2 > len(lines)
    counts: dict[int, int] = {}
    for line in lines:
        count = len(_cells(line, tabbed=tabbed))
        counts[count] = counts.get(count, 0) + 1
    return max(counts, key=lambda count: (counts[count], count), default=0), "\t" if tabbed else ""


def _counts(line: str) -> bool:
    """Whether a line tells how many columns there are; a comment does not, but a token such as `#rain` does."""
    if not line.strip() or line.startswith(DOCUMENT):
        return False
    return not line.startswith("#") or bool(TAG.fullmatch(line.rsplit(maxsplit=1)[-1]))


def documents(text: str, bad: Callable[[Bad], None]) -> list[Document]:
    """The documents of a file; one begins with each `-DOCSTART-` or `# newdoc`."""
    width, tab = columns_of(text)
    found = [Document(0)]
    sentence: list[Token] = []
    start = len(text) - len(bare := text.removeprefix(_MARK))
    for number, line in enumerate(bare.split("\n"), start=1):
        begins = line.startswith((DOCUMENT, _NEW))
        if begins or not line.strip():
            _close(found[-1], sentence)
            sentence = []
        if begins and (found[-1].sentences or found[-1].comments):
            found[-1].end = start
            found.append(Document(start))
        if not line.startswith(DOCUMENT) and line.strip():
            _add(line, _Place(number, start, width, tab), found[-1], sentence, bad)
        start += len(line) + 1
    _close(found[-1], sentence)
    found[-1].end = len(text)
    return found


class _Place(NamedTuple):
    line: int
    start: int
    width: int
    tab: str


def _add(line: str, place: _Place, document: Document, sentence: list[Token], bad: Callable[[Bad], None]) -> None:
    cells = _cells(line, tabbed=bool(place.tab))
    fits = len(cells) == place.width and len(cells) > 1
    if line.startswith("#") and not (fits and TAG.fullmatch(cells[-1][1])):
        document.comments.append(line[1:].strip())
    elif not fits:
        bad(Bad(place.line, OTHER_COLUMNS, f"{len(cells)}, the file has {place.width}"))
    elif not TAG.fullmatch(cells[-1][1]):
        bad(Bad(place.line, NO_TAG, f"`{cells[-1][1][:60]}`"))
    else:
        offset, token = cells[0]
        sentence.append(Token(place.line, place.start + offset, token, cells[-1][1], len(cells) - 2))


def _close(document: Document, sentence: list[Token]) -> None:
    if sentence:
        document.sentences.append(sentence)


def _cells(line: str, *, tabbed: bool) -> list[tuple[int, str]]:
    """Cells with their place in the line."""
    if not tabbed:
        return [(match.start(), match[0]) for match in _CELL.finditer(line)]
    found, start = [], 0
    for cell in line.rstrip().split("\t"):
        bare = cell.strip()
        found.append((start + len(cell) - len(cell.lstrip()), bare))
        start += len(cell) + 1
    return found


def scheme_of(found: Sequence[Document]) -> Scheme:
    """How the file tags: with ends (BIOES, BILOU), with a B- for every beginning (IOB2), or only where needed (IOB1).

    It is IOB1 if entities begin with I- and each B- follows an entity of the same kind.
    """
    inside_begins = needless = 0
    for document in found:
        for sentence in document.sentences:
            before = "O"
            for token in sentence:
                if token.tag[0] in _ENDS + _SINGLE:
                    return "BIOES"
                same = before != "O" and before[2:] == token.tag[2:]
                inside_begins += token.tag[0] == "I" and not same
                needless += token.tag[0] == "B" and not same
                before = token.tag
    return "IOB1" if inside_begins > needless else "IOB2"


def entities(document: Document, scheme: Scheme, bad: Callable[[Bad], None]) -> Iterator[Entity]:
    for number, sentence in enumerate(document.sentences, start=1):
        tokens: list[Token] = []
        for token in sentence:
            if tokens and _begins(tokens[-1], token):
                yield Entity(tokens[0].tag[2:], tokens, number)
                tokens = []
            if token.tag != "O":
                if not tokens and token.tag[0] in f"I{_ENDS}" and scheme != "IOB1":
                    bad(Bad(token.line, INSIDE, f"`{token.tag[:60]}`"))
                tokens = [*tokens, token]
        if tokens:
            yield Entity(tokens[0].tag[2:], tokens, number)


def _begins(last: Token, token: Token) -> bool:
    """Whether an entity ends between two tokens."""
    return token.tag[0] in f"OB{_SINGLE}" or last.tag[0] in _ENDS + _SINGLE or last.tag[2:] != token.tag[2:]
