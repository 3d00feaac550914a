"""Queries over the frames of a version: which revisions match, in which order, with what warnings."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap

from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Scope
from hyperdatasets.engine import field_warnings, sorting
from hyperdatasets.engine.index import DatasetIndex
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.store.protocol import Reading, Row


@dataclass(frozen=True, slots=True)
class FrameFilter:
    """All three must hold; a ROI query on one ROI, a source query on one source."""

    frame_query: str = ""
    roi_query: str = ""
    source_query: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something about a query; `where` is its name, `position` lies in its text."""

    message: str
    where: str
    position: int


@dataclass(frozen=True, slots=True)
class Found:
    index: DatasetIndex
    content: BitMap
    revisions: BitMap
    warnings: tuple[Warned, ...]


def matching(
    deployment: Deployment, reading: Reading, version: Row, wanted: FrameFilter, *, content: BitMap | None = None
) -> Found:
    """The revisions of a version that match; raises InvalidQuery before anything is read.

    Args:
        content: what the version contained when its first page was read; None = what it contains now.
    """
    asked: list[tuple[str, Scope, str]] = [
        ("frame_query", "frame", wanted.frame_query),
        ("roi_query", "roi", wanted.roi_query),
        ("source_query", "source", wanted.source_query),
    ]
    parsed = [(where, scope, parse(text, scope)) for where, scope, text in asked if text]
    content = deployment.contents.of(reading, version) if content is None else content
    content = content - withdrawn(reading, version["dataset"])
    index = deployment.indexes.reaching(version["dataset"], content)
    found, warnings = content, []
    for where, scope, query in parsed:
        found = index.search(query.node, scope, found)
        warnings += [Warned(each.message, where, each.position) for each in query.warnings]
        said = field_warnings.warnings(index, query.node, scope) if content else []
        said += [] if found else field_warnings.in_quotes(query.node, scope)
        warnings += [Warned(message, where, position) for message, position in said]
    return Found(index, content, found, tuple(warnings))


def window(found: Found, field: str, start: int, stop: int, *, descending: bool) -> list[int]:
    """Revisions `start` to before `stop` in the order asked for; without a field by revision."""
    total = len(found.revisions)
    start, stop = min(start, total), min(stop, total)
    if field:
        return sorting.window(found.index, field, found.revisions, start, stop, descending=descending)
    if descending:
        return list(found.revisions[total - stop : total - start])[::-1]
    return list(found.revisions[start:stop])
