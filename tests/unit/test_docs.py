"""What the pages say is true: examples run, links lead somewhere, settings are listed."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import fields
from pathlib import Path

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.core import checks, dataview, expectations, given, names, normalise, plain
from hyperdatasets.core.dataview_text import from_yaml
from metadata_service import pages
from metadata_service.catalog import requests
from metadata_service.config import ServiceConfig
from node import admission, scanning, servicer, sessions, streams
from node import server as node_server
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


def test_every_module_of_the_formats_is_in_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text().partition("## Formats")[2].partition("## Streams")[0]
    named = [each.removesuffix(".py") for each in re.findall(r"`(?:formats/)?([a-z_*]+?)(?:\.py|/)?`", page)]
    modules = {path.stem for path in (ROOT / "hyperdatasets" / "formats").glob("[a-z]*")}
    assert not {each for each in modules if not any(fnmatch.fnmatchcase(each, name) for name in named)}


@pytest.mark.parametrize("config", [ServiceConfig, NodeConfig, ClientConfig])
def test_every_setting_is_listed(config: type) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    for each in fields(config):
        assert f"`{each.name}`" in operations, each.name


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("a request |", [node_server.MAX_REQUEST >> 20]),
        ("view, purpose, experiment", [servicer.MAX_TEXT]),
        ("sessions that a client", [sessions.MAX_SESSIONS, sessions.SESSION_MS // 3_600_000]),
        ("streams that a client", [streams.PER_CLIENT, streams.IN_ALL]),
        ("a message that waits", [streams.STALLED_S]),
        ("what was admitted", [admission.GRANT_MS // 3_600_000]),
        ("a file that is registered", [scanning.MAX_FILE >> 30]),
        ("a batch of written frames", [given.MAX_BATCH]),
        ("a frame: sources", [
            normalise.MAX_SOURCES, normalise.MAX_ANNOTATIONS, plain.MAX_META >> 20, normalise.MAX_BLOB >> 20,
        ]),
        ("id, label, URI", [normalise.MAX_ID, normalise.MAX_LABEL, normalise.MAX_URI]),
        ("a name, a project", [names.MAX_NAME, names.MAX_PROJECT]),
        ("a page", [pages.MAX_PAGE_SIZE, pages.PAGE_SIZE]),
        ("a request id", [requests.MAX_REQUEST_ID]),
        ("a data view", [dataview.MAX_RULES]),
    ],
)  # fmt: skip
def test_limits_are_as_listed(row: str, values: list[int]) -> None:
    limits = (ROOT / "docs" / "operations.md").read_text().partition("## Limits")[2].partition("## Exit codes")[0]
    line = next(line for line in limits.splitlines() if line.startswith(f"| {row}"))
    told = re.findall(r"[0-9][0-9,]*", line.partition(" | ")[2])
    assert [int(each.replace(",", "")) for each in told][: len(values)] == values
