"""The example of `docs/vectors.md` runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hyperdatasets.client.metadata import MetadataClient, use

PAGE = Path(__file__).parents[2] / "docs" / "vectors.md"


def test_the_example_runs(client: MetadataClient, capsys: pytest.CaptureFixture[str]) -> None:
    use(client)
    (code,) = re.findall(r"```python vectors\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(code, "vectors.md", "exec"), {})
    assert capsys.readouterr().out.split() == ["b", "0.994", "c", "0.0"]
