"""The context of a Flower ClientApp, for tests that need no Flower."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Context:
    """The attributes of `flwr.app.Context` that `site_view` reads."""

    node_config: dict[str, Any] = field(default_factory=dict)
    run_config: dict[str, Any] = field(default_factory=dict)
