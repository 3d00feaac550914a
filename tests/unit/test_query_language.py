"""What each sentence about the query language promises: parser, naive evaluator and engine say the same."""

from __future__ import annotations

from typing import Any

import pytest

from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Scope
from tests.reference import agree
from tests.reference.sentences import COLUMNS, FRAME, LOCAL, ROI, ROWS, SOURCE, Cases


def cases(of: Cases) -> list[Any]:
    return [pytest.param(query, expected, id=f"{sentence}: {query[:40]}".encode("unicode_escape").decode())
            for sentence, listed in of.items() for query, expected in listed]  # fmt: skip


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> agree.Indexes:
    return agree.Indexes(ROWS, cut=2, folder=tmp_path_factory.mktemp("index"))


def selected(query: str, scope: Scope, indexes: agree.Indexes) -> str:
    revisions = indexes.found(parse(query, scope).node, scope)
    return "".join(row.frame["id"] for row in ROWS if row.revision in revisions)


@pytest.mark.parametrize(("query", "expected"), cases(FRAME))
def test_frame_query(query: str, expected: str, indexes: agree.Indexes) -> None:
    assert selected(query, "frame", indexes) == expected


@pytest.mark.parametrize(("query", "expected"), cases(SOURCE))
def test_source_query(query: str, expected: str, indexes: agree.Indexes) -> None:
    assert selected(query, "source", indexes) == expected


@pytest.mark.parametrize(("query", "expected"), cases(ROI))
def test_roi_query(query: str, expected: str, indexes: agree.Indexes) -> None:
    assert selected(query, "roi", indexes) == expected


@pytest.mark.parametrize(("query", "expected"), cases(LOCAL))
def test_local_query(query: str, expected: str) -> None:
    found = agree.found_private(parse(query, "local").node, COLUMNS)
    assert "".join(str(number) for number in found) == expected
