"""COCO files as they lie in a folder: loaded, told apart, with pictures and categories by id."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from hyperdatasets.formats.coco.annotation import given_kind
from hyperdatasets.formats.folder import SPLITS, Folder, Unreadable, decoded, split_of, stem
from hyperdatasets.formats.json_keys import TWICE, Twice, lost_values, tell
from hyperdatasets.formats.ledger import Kind, Ledger

Id = int | str
UNREADABLE = "a COCO file that cannot be read"
_LISTS = ("images", "annotations", "categories")
MAY_BE = re.compile(rb'"(?:images|annotations|categories|info|licenses|image_id)"\s*:')
"""What COCO files have near their beginning."""
_WORDS = re.compile(r"[a-z]+")
_LIST = re.compile(rb"\s*:\s*\[")
_RESULT = re.compile(rb'^\s*\[\s*\{[^{}\[\]]*"image_id"\s*:|^\s*\[\s*\{.{0,2000}?"image_id"\s*:', re.DOTALL)
_OBJECTS = re.compile(rb"\s*:\s*\[\s*\{")
_LONG_NUMBER = re.compile(rb"(?<![.\d])\d{19}")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,999}")  # a text that is longer is no number, and Python reads none
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_PIECE = 1 << 24  # bytes looked through at once


@dataclass(slots=True)
class Document:
    """One JSON file: an object with lists, or a list of results.

    Attributes:
        split: what its name or its folder says.
        categories: by id; the first of those that have one id.
        origin: of a list of results the name of the model, which is that of the file.
    """

    path: str
    images: list[Mapping[str, Any]] = field(default_factory=list)
    annotations: list[Mapping[str, Any]] = field(default_factory=list)
    categories: dict[Id, Mapping[str, Any]] = field(default_factory=dict)
    split: str = ""
    origin: str = ""

    def place(self, annotation: Mapping[str, Any], number: int) -> str:
        """Where an annotation stands, for messages; `number` counts from 0."""
        known = annotation.get("id")
        return f"{self.path}, annotation {known}" if known is not None else f"{self.path}, annotations[{number}]"


def looks_like_coco(content: bytes) -> bool:
    """Whether JSON text has what a COCO file has; keys may come in any order."""
    if _has_list(content, b"images", _LIST):
        pictures = _has_list(content, b"images", _OBJECTS) or _has_list(content, b"categories", _OBJECTS)
        return pictures or _has_list(content, b"annotations", _LIST)
    both = _has_list(content, b"annotations", _LIST) and _has_list(content, b"categories", _LIST)
    return both or bool(_RESULT.match(content[:8192]))


def _has_list(content: bytes, key: bytes, value: re.Pattern[bytes]) -> bool:
    """Whether a key stands before such a value; the key is searched for as bytes, since files are large."""
    quoted = b'"' + key + b'"'
    at = content.find(quoted)
    while at >= 0:
        if value.match(content, at + len(quoted)):
            return True
        at = content.find(quoted, at + 1)
    return False


def load(folder: Folder, ledger: Ledger, unread: Container[str] = ()) -> Iterator[Document]:
    """All COCO files of a folder; a file that cannot be read is written into the ledger.

    Args:
        unread: files of other formats.
    """
    for path in folder.with_suffix(".json"):
        try:
            content = utf8(folder.read(path))
            if looks_like_coco(content):
                parsed = _json(content)
                _tell_twice(path, lost_values(content, parsed, _count_keys(parsed)), ledger)
                yield _document(path, parsed, ledger)
            elif path not in unread and (problem := problem_of(content)):
                ledger.unreadable(path, UNREADABLE, problem)
        except Unreadable as error:
            ledger.unreadable(path, UNREADABLE, str(error))


def problem_of(content: bytes) -> str:
    """Why text that does not look like COCO may be a damaged COCO file all the same; else empty."""
    if b'"images"' in content and b'"annotations"' in content:
        return "expected `images`, `annotations` and `categories` to be lists of objects"
    if not content.strip():
        return "the file is empty"
    try:
        _json(content)
    except Unreadable as error:
        return "" if _is_json_lines(content) else str(error)
    return ""


def _is_json_lines(content: bytes) -> bool:
    """Whether the first line is JSON: then it is a list of lines, and no damaged document."""
    try:
        return isinstance(orjson.loads(content.lstrip().partition(b"\n")[0]), dict)
    except ValueError:
        return False


def id_of(value: Any) -> Id:
    """An id by its value: 1, 1.0 and "1" are the same."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        return int(text) if _WHOLE.fullmatch(text) else text
    return repr(value)


def split_in_name(path: str) -> str:
    """The split that the name of a file says (`instances_train2017.json`); empty if it says none."""
    words = _WORDS.findall(stem(path).lower())
    return next((SPLITS[word] for word in words if word in SPLITS), "")


def _document(path: str, content: Any, ledger: Ledger) -> Document:
    if isinstance(content, list):
        return Document(path, annotations=_objects(path, "results", content, ledger), origin=stem(path))
    found = Document(path, split=split_in_name(path) or split_of(path))
    for name in _LISTS:
        value = content.get(name)
        if value is not None and not isinstance(value, list):
            ledger.unreadable(path, UNREADABLE, f"`{name}`: expected a list of objects")
    found.images = _objects(path, "images", content.get("images"), ledger)
    found.annotations = _objects(path, "annotations", content.get("annotations"), ledger)
    for category in _objects(path, "categories", content.get("categories"), ledger):
        _add_category(found, category, ledger)
    _other_keys(path, content, ledger)
    return found


def _add_category(document: Document, category: Mapping[str, Any], ledger: Ledger) -> None:
    known = document.categories.setdefault(id_of(category.get("id")), category)
    if known != category:
        detail = f"id {category.get('id')}: `{known.get('name')}` and `{category.get('name')}`"
        if known.get("name") == category.get("name"):
            other = sorted(key for key in known.keys() | category.keys() if known.get(key) != category.get(key))
            detail = f"id {category.get('id')}: {', '.join(f'`{key}`' for key in other)[:100]}"
        ledger.lose("attributes", document.path, "a category id that is given twice; the first is used", detail)


def _objects(path: str, name: str, listed: Any, ledger: Ledger) -> list[Mapping[str, Any]]:
    if not isinstance(listed, list):
        return []
    objects: list[Mapping[str, Any]] = [each for each in listed if isinstance(each, dict)]
    if len(objects) != len(listed):
        kind: Kind = "frames" if name == "images" else "labels" if name != "categories" else "attributes"
        ledger.lose(
            kind, path, "entries that are no objects", f"`{name}`: expected lists of objects",
            count=len(listed) - len(objects),
        )  # fmt: skip
    return objects


def _other_keys(path: str, content: Mapping[str, Any], ledger: Ledger) -> None:
    """What a file says of itself: no part of any frame."""
    for name in sorted(content.keys() - set(_LISTS)):
        if content[name]:
            ledger.skip("attributes", path, "what a file says of itself, not of its pictures", f"`{name}`")


def _count_keys(content: Any) -> int:
    """How many keys a usual document has, whose images, annotations and categories hold no objects."""
    if isinstance(content, list):
        return sum(len(each) for each in content if isinstance(each, dict))
    lists = [each for each in content.values() if isinstance(each, list)]
    inner = [each for each in content.values() if isinstance(each, dict)]
    return len(content) + sum(map(len, inner)) + sum(map(_count_keys, lists))


def _tell_twice(path: str, found: Sequence[Twice], ledger: Ledger) -> None:
    """A whole list that is lost is counted by what is in it."""
    for key, value in found:
        listed = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
        kinds = Counter(_kind_in(key, each) for each in listed if key in _LISTS)
        for kind, count in kinds.items():
            ledger.lose(kind, path, TWICE, f"`{key}`", count=count)
        if not kinds:
            tell([Twice(key, value)], path, ledger)


def _kind_in(name: str, each: Mapping[str, Any]) -> Kind:
    return "frames" if name == "images" else given_kind(each) if name == "annotations" else "attributes"


def utf8(content: bytes) -> bytes:
    """Without a mark; UTF-16 is read, too.

    Raises:
        Unreadable: it has the mark of UTF-16, but is not.
    """
    if content[:1] == b"\0" or content[1:2] == b"\0":  # UTF-16 without a mark: JSON begins with an ASCII character
        content = (b"\xfe\xff" if content[:1] == b"\0" else b"\xff\xfe") + content
    if content[:3] == b"\xef\xbb\xbf" or content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return decoded(content).encode()
    return content


def _json(content: bytes) -> Any:
    """JSON as others write it: with NaN and whole numbers of any size, too."""
    if _has_long_numbers(content):  # of which orjson makes floats
        return _any_json(content)
    try:
        return orjson.loads(content)
    except ValueError:
        return _any_json(content)


def _any_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not valid JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"not valid JSON: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except RecursionError:
        raise Unreadable("not valid JSON: nested too deeply") from None
    except ValueError:  # of Python's limit of digits
        raise Unreadable("not valid JSON: a number has too many digits") from None


def _has_long_numbers(content: bytes) -> bool:
    """Whether there may be whole numbers past 64 bits. Most files are looked through without the slow pattern."""
    zeros = b"0" * 19
    starts = range(0, len(content), _PIECE)
    if not any(zeros in content[at : at + _PIECE + len(zeros)].translate(_DIGITS) for at in starts):
        return False
    return _LONG_NUMBER.search(content) is not None
