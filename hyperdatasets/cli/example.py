"""`example`: small data sets to try things out with."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from hyperdatasets.cli.lazy import LazyModule
from hyperdatasets.cli.output import Json, commands, done
from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from hyperdatasets.demo import cells
else:
    cells = LazyModule("hyperdatasets.demo.cells")

app = commands("Example data: small data sets to try things out with.")


@app.callback()
def _group() -> None:
    """A group of commands, even while it has one only."""


@app.command()
def pictures(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, which gets the pictures.")],
    as_json: Json = False,
) -> None:
    """Write 36 drawn pictures of cells, with boxes in Pascal VOC layout and a table of the patients."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise FailedPrecondition(f"the folder {folder} is not empty: name a new one, or empty it first")
        boxes = cells.write(folder)
    except OSError as error:
        raise InvalidArgument(f"the pictures cannot be written to {folder}: {error.strerror}; name another") from None
    counts = ", ".join(f"{label} {count}" for label, count in boxes.items())
    done(
        f"wrote {cells.PICTURES} pictures with {boxes.total()} boxes ({counts}) and {cells.TABLE} to {folder}\n"
        "one box has no height, on purpose: the next commands name it as lost\n"
        f"next: hyperdatasets serve --with-node {quote(str(folder))}",
        {"folder": str(folder), "format": "voc", "pictures": cells.PICTURES, "boxes": boxes, "table": cells.TABLE},
        as_json=as_json,
    )
