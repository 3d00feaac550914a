"""The page about the query language: each of its examples is run, each refusal and warning is heard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import orjson
import pytest

from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.query.fields import FIELDS
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Scope
from hyperdatasets.engine.segment import Row
from tests.reference import agree

PAGE = (Path(__file__).parents[2] / "docs" / "query-language.md").read_text()


def block(name: str) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in re.findall(rf"```json {name}\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()]


ROWS = [Row(number, normalise(plain)[0]) for number, plain in enumerate(block("frames"))]
COLUMNS = [{name: value for name, value in plain.items() if name != "id"} for plain in block("columns")]
EXAMPLES = [
    (query.replace("\\|", "|"), scope, found)
    for query, scope, found in re.findall(
        r"^\| `([^\n]*?)` \| (frame|source|roi|local) \| ([a-e ]+|none) \|$", PAGE, re.MULTILINE
    )
]


def table(name: str) -> list[tuple[str, int, str]]:
    rows = re.findall(rf"^\| {name} \| position \| message \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    cells = re.findall(r"^\| `([^\n]*?)` \| (\d+) \| (.*) \|$", "".join(rows), re.MULTILINE)
    return [(query.replace("\\|", "|"), int(position), message) for query, position, message in cells]


def test_there_are_examples_of_every_scope() -> None:
    assert len(EXAMPLES) > 110
    assert {scope for _, scope, _ in EXAMPLES} == set(get_args(Scope))


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> agree.Indexes:
    return agree.Indexes(ROWS, cut=2, folder=tmp_path_factory.mktemp("index"))


@pytest.mark.parametrize(("query", "scope", "expected"), EXAMPLES)
def test_an_example(query: str, scope: Scope, expected: str, indexes: agree.Indexes) -> None:
    node = parse(query, scope).node
    found = agree.found_private(node, COLUMNS) if scope == "local" else indexes.found(node, scope)
    assert (" ".join("abcde"[number] for number in found) or "none") == expected


@pytest.mark.parametrize(("query", "position", "message"), table("refused"))
def test_a_refusal(query: str, position: int, message: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse(query, "frame")
    assert message in str(caught.value)
    assert caught.value.fields["position"] == str(position)


@pytest.mark.parametrize(("query", "position", "message"), table("warned"))
def test_a_warning(query: str, position: int, message: str) -> None:
    (warning,) = parse(query, "frame").warnings
    assert message in warning.message
    assert warning.position == position


def test_every_field_is_named() -> None:
    for scope, names in FIELDS.items():
        missing = [name for name in names if f"`{name.removeprefix('rois.').removeprefix('sources.')}`" not in PAGE]
        assert not missing, scope
