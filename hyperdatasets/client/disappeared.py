"""Frames of a draft whose files, or whose documents in a file, are not there any more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.normalise import default_id
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.intake import LEFT_OUT
from hyperdatasets.formats.reading import Reading


@dataclass(slots=True)
class Met:
    """What an import met.

    Attributes:
        prefix: stands before each file's path in its URI.
        ids: of the frames that were read.
        documents: path of a file whose content the reader took apart -> URIs of what it found in it.
        whole_frames: frames came whole, with URIs of their own.
    """

    reading: Reading
    prefix: str
    ids: set[str] = field(default_factory=set)
    documents: dict[str, set[str]] = field(default_factory=dict)
    whole_frames: bool = False

    def uri_of(self, path: str) -> str:
        """The URI of a file, by its path in the folder."""
        return f"{self.prefix}/{quote(path)}"

    def add(self, entry: Entry) -> None:
        """Called for each entry, also where it becomes no frame."""
        if entry.frame is not None:
            self.whole_frames = True
        elif entry.path in self.reading.used:
            uri = self.uri_of(entry.path) + (f"#{entry.fragment}" if entry.fragment else "")
            self.documents.setdefault(entry.path, set()).add(uri)


class Gone(NamedTuple):
    """A frame whose sources are not there any more; `by_document`: its file is there, without its document."""

    id: str
    uri: str
    by_document: bool


def disappeared(draft: DatasetVersion, met: Met, *, kept: int) -> list[Gone]:
    """Frames of the draft that this import would have read if they were still there.

    All sources of such a frame lie below the prefix. The file of each is not there; or it was read now, and has no
    such document any more. Nothing is known, and nothing found, where frames came whole: their URIs are their own.

    Args:
        kept: how many that were read now are in the draft; nothing is searched for where these are all.
    """
    if met.whole_frames:
        return []
    query = f"sources.uri.keyword:{_escaped(met.prefix)}\\/*"
    if draft.refresh().frame_count <= kept or draft.count(frame_query=query) <= kept:
        return []
    return list(_search(draft, query, met))


def _search(draft: DatasetVersion, query: str, met: Met) -> Iterator[Gone]:
    losses = met.reading.ledger.losses()
    cut = {note.place for note in losses if note.kind == "annotation files" or note.reason == LEFT_OUT}
    for frame in draft.frames(frame_query=query):
        plain = frame.to_plain()
        uris = [str(source["uri"]) for source in plain["sources"]]
        paths = [_path_of(uri, met) for uri in uris]
        if frame.id in met.ids or None in paths:
            continue
        there = [(uri, path) for uri, path in zip(uris, paths, strict=True) if met.reading.folder.may_hold(str(path))]
        if all(path not in cut and _is_without(plain, uri, met.documents.get(str(path))) for uri, path in there):
            yield Gone(frame.id, uris[0], bool(there))


def _path_of(uri: str, met: Met) -> str | None:
    """The path in the folder; None for a URI that this import does not make."""
    whole = uri.partition("#")[0]
    path = unquote(whole.removeprefix(f"{met.prefix}/"))
    return path if met.uri_of(path) == whole and ".." not in path.split("/") else None


def _is_without(frame: Mapping[str, Any], uri: str, documents: set[str] | None) -> bool:
    """Whether a file that was read has no such document any more.

    A frame of the whole file was made of it when it had one document, unless somebody gave the frame an id.
    """
    is_ours = "#" in uri or frame["id"] == default_id(frame)
    return documents is not None and uri not in documents and is_ours


def _escaped(text: str) -> str:
    return re.sub(r"([^A-Za-z0-9])", r"\\\1", text)
