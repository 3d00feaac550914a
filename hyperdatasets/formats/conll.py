"""CoNLL: texts with a token and its tag per line, as IOB, IOB2 (BIO) or BIOES; entities become spans of characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from hyperdatasets.core.normalise import MAX_ANNOTATIONS
from hyperdatasets.formats.conll_text import (
    DOCUMENT,
    INSIDE,
    TAG,
    Bad,
    Document,
    Entity,
    Scheme,
    documents,
    entities,
    scheme_of,
)
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.folder import Folder, Unreadable, stem
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import all_or_found, sample
from hyperdatasets.formats.split_names import add_splits_of_file
from hyperdatasets.formats.suffixes import DOCUMENTS, TAGGED_TEXTS
from hyperdatasets.formats.text_parts import exact_text

UNREADABLE = "a CoNLL file that cannot be read"
NOT_TAGGED = "text files whose lines mostly have no token and tag, not read"
COLUMNS = "cells between token and tag (such as parts of speech), which have no field"
TOO_MANY = f"entities beyond the {MAX_ANNOTATIONS} that a frame may have"
TWO_SIGNS = "positions count each line end of this file as two characters (CRLF)"
SCHEME = "the file tags in IOB1: B- only where two entities of a kind meet"
_HEAD = 1 << 14  # bytes
_MOST = 0.8  # of the lines of a file
_HALF = 0.5


def _recognise(folder: Folder) -> Evidence | None:
    paths = _likely(folder)
    looked_at = sample(paths)
    found = [path for path in looked_at if _is_conll(folder, path)]
    if not found:
        return None
    used = all_or_found(paths, looked_at, found)
    return Evidence(len(used), used, f"{counted(len(used), 'file')} of tagged tokens")


def _likely(folder: Folder) -> list[str]:
    return folder.with_suffix(*TAGGED_TEXTS)


def _is_conll(folder: Folder, path: str) -> bool:
    """Whether nearly all lines at the beginning end with a tag, and some are of entities."""
    tagged = _tagged(rows := _rows(folder, path))
    widths = Counter(map(len, tagged))
    usual = widths.most_common(1)[0][1] if widths else 0
    return any(cells[-1] != "O" for cells in tagged) and usual >= _MOST * len(rows)


def _is_mostly_tagged(folder: Folder, path: str) -> bool:
    """Whether a file beside those that were recognised is read, too: its odd lines are lost one by one."""
    rows = _rows(folder, path)
    return bool(rows) and len(_tagged(rows)) >= _HALF * len(rows)


def _rows(folder: Folder, path: str) -> list[list[str]]:
    """The cells of the lines at the beginning; none if they are no text."""
    try:
        head = folder.head(path, _HEAD)
        lines = exact_text(head, whole=False).removeprefix("\ufeff").split("\n")
    except Unreadable:
        return []
    if len(head) == _HEAD:
        del lines[-1]  # cut
    return [line.split() for line in lines if line.strip() and not line.startswith((DOCUMENT, "#"))]


def _tagged(rows: Sequence[list[str]]) -> list[list[str]]:
    return [cells for cells in rows if len(cells) > 1 and TAG.fullmatch(cells[-1])]


def _read(reading: Reading) -> Iterator[Entry]:
    paths = _likely(reading.folder)
    found = [path for path in paths if _is_mostly_tagged(reading.folder, path)] or paths
    _lose_others(reading, set(paths).difference(found, reading.unread))
    for path in found:
        reading.used.add(path)
        try:
            text = exact_text(reading.folder.read(path))
        except Unreadable as error:
            reading.ledger.unreadable(path, UNREADABLE, str(error))
            unread = Entry(path)
            add_splits_of_file(unread, path)
            yield unread
            continue
        yield from _entries(path, text, reading.ledger)
    reading.rest(found)


def _lose_others(reading: Reading, paths: Collection[str]) -> None:
    for path in sorted(paths):
        if stem(path).lower() not in DOCUMENTS:
            reading.used.add(path)
            reading.ledger.lose("annotation files", path, NOT_TAGGED)


def _entries(path: str, text: str, ledger: Ledger) -> Iterator[Entry]:
    found = documents(text, partial(_tell, path, ledger))
    scheme = scheme_of(found)
    if scheme == "IOB1":
        ledger.notice("spans", path, SCHEME)
    if "\r\n" in text:
        ledger.notice("spans", path, TWO_SIGNS)
    if cells := sum(token.cells for document in found for sentence in document.sentences for token in sentence):
        ledger.lose("table cells", path, COLUMNS, count=cells)
    for document in found:
        yield _entry(path, document, scheme, ledger, alone=len(found) == 1)


def _entry(path: str, document: Document, scheme: Scheme, ledger: Ledger, *, alone: bool) -> Entry:
    start = 0 if alone else document.start
    items = [_item(path, entity, start) for entity in entities(document, scheme, partial(_tell, path, ledger))]
    fragment = "" if alone else f"char={document.start},{document.end}"
    place = path if alone else f"{path}, characters {document.start} to {document.end}"
    if len(items) > MAX_ANNOTATIONS:
        ledger.lose("spans", place, TOO_MANY, count=len(items) - MAX_ANNOTATIONS)
    meta = {"comments": document.comments} if document.comments else {}
    lines = sum(map(len, document.sentences))
    entry = Entry(path, fragment, items[:MAX_ANNOTATIONS], meta, place=place, rows=lines, cells=2 * lines)
    add_splits_of_file(entry, path)
    return entry


def _item(path: str, entity: Entity, start: int) -> Item:
    first, last = entity.tokens[0], entity.tokens[-1]
    plain = {
        "labels": [entity.label],
        "geometry": {"span": [first.start - start, last.end - start]},
        "meta": {"text": " ".join(token.text for token in entity.tokens), "sentence": entity.sentence},
    }
    return Item(plain, "spans", f"{path}, line {first.line}")


def _tell(path: str, ledger: Ledger, bad: Bad) -> None:
    place = f"{path}, line {bad.line}"
    if bad.reason == INSIDE:
        ledger.notice("spans", place, bad.reason, bad.detail)
    else:
        ledger.lose("table rows", place, bad.reason, bad.detail)


FORMAT = Format("conll", "CoNLL: a token and its tag per line", _recognise, _read)
