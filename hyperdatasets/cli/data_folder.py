"""The data folder that commands for a deployment are given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperdatasets.core.errors import NotFound

Data = Annotated[Path, typer.Argument(help="The service's data folder.")]


def database(data: Path) -> Path:
    """Its database; raises NotFound if it is no data folder."""
    path = data / "metadata.db"
    if not path.exists():
        raise NotFound(f"{data} is no data folder of a service (no metadata.db)", kind="folder", name=str(data))
    return path
