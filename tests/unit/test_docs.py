"""What the pages say is true: examples run, links lead somewhere, settings are listed."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import orjson
import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.core.dataview_text import from_yaml
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.query.parse import parse
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.segment import Row
from metadata_service.config import ServiceConfig
from node.config import NodeConfig
from tests.reference.evaluate import matches

ROOT = Path(__file__).parents[2]
QUERIES = (ROOT / "docs" / "query-language.md").read_text()
FRAMES = [
    normalise(orjson.loads(line))[0]
    for line in re.findall(r"```json frames\n(.*?)```", QUERIES, re.DOTALL)[0].splitlines()
]
EXAMPLES = [
    (query.replace("\\|", "|"), scope, set(found.split()) - {"none"})
    for query, scope, found in re.findall(
        r"^\| `([^\n]*?)` \| (frame|source|roi) \| ([a-e ]+|none) \|$", QUERIES, re.MULTILINE
    )
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 60


@pytest.mark.parametrize(("query", "scope", "expected"), EXAMPLES)
def test_an_example_of_the_query_language(query: str, scope: str, expected: set[str]) -> None:
    node = parse(query, scope).node  # type: ignore[arg-type]
    assert {frame["id"] for frame in FRAMES if matches(node, scope, frame)} == expected  # type: ignore[arg-type]
    index = DatasetIndex()
    index.add(Row(number, frame) for number, frame in enumerate(FRAMES))
    assert {FRAMES[number]["id"] for number in index.search(node, scope)} == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", re.findall(r"```yaml[^\n]*\n(.*?)```", (ROOT / "docs" / "data-views.md").read_text(), re.DOTALL)
)
def test_an_example_of_a_data_view(text: str) -> None:
    assert from_yaml(text).rules


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("[A-Z]*.md")])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("config", [ServiceConfig, NodeConfig, ClientConfig])
def test_every_setting_is_listed(config: type) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    for each in fields(config):
        assert f"`{each.name}`" in operations, each.name
