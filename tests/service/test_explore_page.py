"""The example of `docs/explore.md` runs."""

from __future__ import annotations

import re
from pathlib import Path

from hyperdatasets.client.metadata import MetadataClient, use

PAGE = Path(__file__).parents[2] / "docs" / "explore.md"


def test_the_example(client: MetadataClient) -> None:
    (code,) = re.findall(r"```python explore\n(.*?)```", PAGE.read_text(), re.DOTALL)
    use(client)
    exec(compile(code, str(PAGE), "exec"), {})
