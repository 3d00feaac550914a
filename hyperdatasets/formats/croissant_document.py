"""Croissant descriptions, of any tool: their files, and the records that their fields take from the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperdatasets.formats.folder import Folder, Unreadable, decoded, name_of
from hyperdatasets.formats.json_keys import Twice, lost_values
from hyperdatasets.formats.json_lines import exact
from hyperdatasets.formats.sampling import beginning_with, few

MARK = b"mlcommons.org/croissant"
_MAY_BE = re.compile(rb'"@(?:context|type|id)"|mlcommons')
_SUFFIXES = (".json", ".jsonld")
_LOOKED_AT = 1 << 20  # bytes of a file that may be a description
_PREFIX = re.compile(r"^(?:https?://.*[/#]|[a-z]+:)")
_DEEPEST = 50
FILE_SET = "fields of file sets (a rule for names of files), which are not read"
PROPERTY = "fields from properties of files, which are not read"
TRANSFORMED = "fields that are made of a column by a rule (transform), which are not read"
NESTED = "fields within fields, which are not read"
NO_COLUMN = "fields that name no column of a file"
JOINED = "fields that refer to other records (joins); their values are kept, the other records are not read"


@dataclass(frozen=True, slots=True)
class FileObject:
    """A file that a description names; `url` is relative for a file beside it."""

    id: str
    url: str
    kind: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of records.

    Attributes:
        name: bare; place: its id, for messages.
        kinds: bare data types: `Text`, `Integer`, `ImageObject`.
        file, column: what it takes its values from.
        problem: why it cannot be read; empty if it can.
        joined: it refers to other records.
    """

    name: str
    place: str
    kinds: frozenset[str]
    file: str = ""
    column: str = ""
    problem: str = ""
    joined: bool = False


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Records; `inline` of them are in the description itself."""

    place: str
    fields: Sequence[Field]
    inline: int = 0


@dataclass(frozen=True, slots=True)
class Description:
    """One description; `others` are the keys that say something of the data set as a whole, `twice` lost values."""

    path: str
    files: Mapping[str, FileObject]
    records: Sequence[RecordSet]
    others: Sequence[str] = field(default_factory=tuple)
    twice: Sequence[Twice] = ()


def descriptions(folder: Folder) -> list[str]:
    """Paths of files that are descriptions, by their content."""
    return [path for path in folder.with_suffix(*_SUFFIXES) if _is_description(folder, path)]


def likely_descriptions(folder: Folder) -> list[str]:
    """The same without opening many files: some may not be found."""
    paths = folder.with_suffix(*_SUFFIXES)
    named = [path for path in paths if name_of(path).lower().startswith(("metadata", "croissant"))]
    looked_at = dict.fromkeys((*few(folder, named), *few(folder, beginning_with(folder, paths, _MAY_BE))))
    return sorted(path for path in looked_at if _is_description(folder, path))


def _is_description(folder: Folder, path: str) -> bool:
    return MARK in folder.head(path, _LOOKED_AT)


def load(folder: Folder, path: str) -> Description:
    """Raises Unreadable: it is no description."""
    try:
        text = decoded(folder.read(path)).encode()
        content = exact(text)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    plain = _bare(content)
    if not isinstance(plain, dict):
        raise Unreadable("expected an object")
    files = {each.id: each for each in map(_file, _objects(plain.get("distribution"))) if each.id}
    records = [_records(each) for each in _objects(plain.get("recordSet"))]
    others = sorted(plain.keys() - {"@context", "@type", "@id", "conformsTo", "distribution", "recordSet"})
    return Description(path, files, records, others, lost_values(text, content))


def _file(plain: Mapping[str, Any]) -> FileObject:
    texts = {key: _text(plain.get(key)) for key in ("contentUrl", "encodingFormat", "sha256")}
    return FileObject(_id(plain), texts["contentUrl"], texts["encodingFormat"], texts["sha256"].lower())


def _records(plain: Mapping[str, Any]) -> RecordSet:
    data = plain.get("data")
    fields = [_field(each) for each in _objects(plain.get("field"))]
    return RecordSet(_id(plain), fields, len(data) if isinstance(data, list) else 0)


def _field(plain: Mapping[str, Any]) -> Field:
    kinds = frozenset(_PREFIX.sub("", kind) for kind in _texts(plain.get("dataType")))
    place = _id(plain)
    bare = _text(plain.get("name")) or place
    made = Field(bare.rpartition("/")[2], place, kinds, joined=bool(plain.get("references")))
    source = plain.get("source")
    if not isinstance(source, dict):
        return _with_problem(made, NESTED if plain.get("subField") else NO_COLUMN)
    extract = source.get("extract")
    column = _text(extract.get("column")) if isinstance(extract, dict) else ""
    problem = _problem(plain, source, extract, column)
    return Field(made.name, place, kinds, _text(source.get("fileObject")), column, problem, made.joined)


def _problem(plain: Mapping[str, Any], source: Mapping[str, Any], extract: Any, column: str) -> str:
    if plain.get("subField"):
        return NESTED
    if source.get("fileSet"):
        return FILE_SET
    if isinstance(extract, dict) and extract.get("fileProperty"):
        return PROPERTY
    if source.get("transform") or source.get("format"):
        return TRANSFORMED
    return "" if column and source.get("fileObject") else NO_COLUMN


def _with_problem(made: Field, problem: str) -> Field:
    return Field(made.name, made.place, made.kinds, problem=problem, joined=made.joined)


def _bare(value: Any, depth: int = 0) -> Any:
    """With keys without their prefix: `cr:recordSet`, `http://mlcommons.org/croissant/recordSet` -> `recordSet`."""
    if depth > _DEEPEST:
        raise Unreadable("it is nested too deeply")
    if isinstance(value, dict):
        return {
            key if key.startswith("@") else _PREFIX.sub("", key): inner
            if key in {"@context", "data", "cr:data"}
            else _bare(inner, depth + 1)
            for key, inner in value.items()
        }
    return [_bare(each, depth + 1) for each in value] if isinstance(value, list) else value


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


def _id(plain: Mapping[str, Any]) -> str:
    return _text(plain.get("@id")) or _text(plain.get("name"))


def _text(value: Any) -> str:
    """A text, or the id of what is referred to."""
    if isinstance(value, dict):
        value = value.get("@id", value.get("@value"))
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [text for each in (value if isinstance(value, list) else [value]) if (text := _text(each))]
