"""What the pages say is true: examples run, links lead somewhere, settings are listed."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.core import checks, expectations
from hyperdatasets.core.dataview_text import from_yaml
from metadata_service.config import ServiceConfig
from node.config import NodeConfig

ROOT = Path(__file__).parents[2]
CHECKS = (ROOT / "docs" / "checks.md").read_text()
EXPECTATIONS = re.findall(r"`([^`\n]+)`", CHECKS.partition("| expectation |")[2].partition("\n\n")[0])


@pytest.mark.parametrize(
    "text", re.findall(r"```yaml[^\n]*\n(.*?)```", (ROOT / "docs" / "data-views.md").read_text(), re.DOTALL)
)
def test_an_example_of_a_data_view(text: str) -> None:
    assert from_yaml(text).rules


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", CHECKS, re.DOTALL))
def test_an_example_of_checks(text: str) -> None:
    assert checks.from_yaml(text)


@pytest.mark.parametrize("expectation", EXPECTATIONS)
def test_an_example_of_an_expectation(expectation: str) -> None:
    if " " in expectation and not expectation.startswith("against"):
        assert expectations.in_words(expectations.read(expectation))


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
