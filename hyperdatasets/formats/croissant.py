"""Croissant 1.0: a description in JSON-LD of a file of JSON lines, so that tools know what its records hold."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from hyperdatasets.formats import croissant_reader
from hyperdatasets.formats.counting import kept_of
from hyperdatasets.formats.jsonl import line_of
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Format
from hyperdatasets.formats.writing import Output, Placed, Subject, Writer, WrittenFormat

METADATA, RECORDS = "metadata.json", "frames.jsonl"

_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the records: key of the frame, path within each of its elements, and what it is."""

    name: str
    key: str
    path: str
    kind: str
    about: str


_FIELDS = (
    _Field("id", "id", "", "sc:Text", "The frame's id."),
    _Field("site", "site", "", "sc:Text", "The site that owns the raw data."),
    _Field("context_id", "context_id", "", "sc:Text", "What groups frames: a video, a patient, a scene."),
    _Field("uri", "sources", "$.uri", "sc:URL", "Where the raw data of each source is."),
    _Field("content_type", "sources", "$.content_type", "sc:Text", "The type of each source."),
    _Field("digest", "sources", "$.digest", "sc:Text", "The digest of each source's content."),
    _Field("width", "sources", "$.width", "sc:Integer", "Pixels of each source."),
    _Field("height", "sources", "$.height", "sc:Integer", "Pixels of each source."),
    _Field("labels", "annotations", "$.labels", "sc:Text", "The labels of each annotation."),
    _Field("box", "annotations", "$.geometry.box", "sc:Float", "x, y, width, height of each annotation with a box."),
    _Field("confidence", "annotations", "$.confidence", "sc:Float", "Of each annotation, from 0 to 1."),
)


@dataclass(frozen=True, slots=True)
class RecordsFile:
    """The file of JSON lines: its sha256 as hex digits, its size, and the keys that its lines have."""

    sha256: str
    size_bytes: int
    keys: Collection[str]


def describe(name: str, *, description: str, identifier: str, published: str, records: RecordsFile) -> dict[str, Any]:
    """The JSON-LD object.

    Args:
        identifier: what names exactly these frames, such as `view@sha256:…`; empty if nothing does.
        published: a date in ISO form; empty = none.
    """
    about = {"identifier": identifier, "datePublished": published}
    return {
        "@context": _CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name, "description": description or f"The frames that `{name}` selects; metadata only.",
        **{key: text for key, text in about.items() if text},
        "distribution": [{
            "@type": "cr:FileObject", "@id": RECORDS, "name": RECORDS, "contentUrl": RECORDS,
            "contentSize": f"{records.size_bytes} B", "encodingFormat": "application/jsonlines",
            "sha256": records.sha256, "description": "A frame in its plain form per line, in order.",
        }],
        "recordSet": [{
            "@type": "cr:RecordSet", "@id": "frames", "name": "frames", "key": {"@id": "frames/id"},
            "description": "One record a frame; what is of its sources or annotations is a list.",
            "field": [_described(each) for each in _FIELDS if each.key in records.keys],
        }],
    }  # fmt: skip


def _described(field: _Field) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": RECORDS}, "extract": {"column": field.key}}
    if field.path:
        source["transform"] = {"jsonPath": field.path}
    plain = {
        "@type": "cr:Field", "@id": f"frames/{field.name}", "name": field.name, "description": field.about,
        "dataType": field.kind, "source": source,
    }  # fmt: skip
    return plain | ({"repeated": True} if field.path else {})


class _CroissantWriter:
    """Writes the records as they come, and the description of them at the end."""

    def __init__(self, output: Output, subject: Subject, ledger: Ledger) -> None:
        self._output, self._subject, self._ledger = output, subject, ledger
        self._file, self._digest = output.file(RECORDS), hashlib.sha256()
        self._size, self._keys = 0, set[str]()

    def add(self, placed: Placed) -> None:
        line = line_of(placed.frame)
        self._file.write(line)
        self._digest.update(line)
        self._size += len(line)
        self._keys.update(placed.frame)
        for kind, count in kept_of(placed.frame).items():
            self._ledger.keep(kind, count)

    def finish(self) -> None:
        self._file.close()
        subject = self._subject
        content = describe(
            subject.name, description=subject.description, identifier=subject.identifier, published=subject.published,
            records=RecordsFile(self._digest.hexdigest(), self._size, self._keys),
        )  # fmt: skip
        with self._output.file(METADATA) as file:
            file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _start(output: Output, subject: Subject, ledger: Ledger) -> Writer:
    return _CroissantWriter(output, subject, ledger)


FORMAT = Format("croissant", "Croissant descriptions", croissant_reader.recognise, croissant_reader.read)
WRITTEN = WrittenFormat(
    "croissant",
    "frames with a Croissant description",
    pictures="",
    single=False,
    start=_start,
    holds_rois_apart=True,
    divides=False,
    whole=True,
)
