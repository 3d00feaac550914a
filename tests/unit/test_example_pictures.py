"""The example pictures: what is drawn is what the boxes say, and the same each time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hyperdatasets.core.geometry import bounding_box
from hyperdatasets.demo import cells
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import Intake, Options


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("example") / "cells"
    cells.write(made)
    return made


def drawn(folder: Path, name: str) -> dict[tuple[int, int, int, int], tuple[int, int, int]]:
    """Box of each blob of one colour, looked for in the tiles that cells are drawn in -> its colour."""
    pixels = np.asarray(Image.open(folder / name))
    background, found = pixels[0, 0], {}
    for top in range(0, cells.HEIGHT, 80):
        for left in range(0, cells.WIDTH, 80):
            tile = pixels[top : top + 80, left : left + 80]
            rows, columns = np.nonzero((tile != background).any(axis=2))
            if len(rows):
                x, y = int(columns.min()), int(rows.min())
                box = (left + x, top + y, int(columns.max()) - x + 1, int(rows.max()) - y + 1)
                found[box] = tuple(tile[rows[len(rows) // 2], columns[len(columns) // 2]].tolist())
    return found


def test_the_format_is_found_and_boxes_are_exactly_what_is_drawn(folder: Path) -> None:
    intake = Intake(Folder(folder), Options())
    colours: dict[str, set[tuple[int, int, int]]] = {}
    count = 0
    for entry in intake.entries():
        count += 1
        shown = drawn(folder, entry.path)
        said = {tuple(map(int, bounding_box(each.plain["geometry"]))): each.plain["labels"][0] for each in entry.items}
        assert said.keys() == shown.keys(), entry.path
        for box, label in said.items():
            colours.setdefault(label, set()).add(shown[box])
    assert (intake.ledger.format, count) == ("voc", cells.PICTURES)
    assert {label: len(each) for label, each in colours.items()} == {"RBC": 1, "WBC": 1, "Platelets": 1}


def test_one_box_is_lost_and_the_table_named(folder: Path) -> None:
    intake = Intake(Folder(folder), Options())
    list(intake.entries())
    ledger = intake.finish()
    (note,) = [note for note in ledger.notes if note.weight == "lost" and "degenerate" in note.reason]
    assert note.place.startswith(f"Annotations/cells_{cells.DEGENERATE:02}.xml")
    assert any(cells.TABLE in note.place for note in ledger.notes)


def test_each_picture_has_a_row(folder: Path) -> None:
    with (folder / cells.TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {path.name for path in (folder / "JPEGImages").iterdir()}
    assert len({(row["patient"], row["age"], row["consent"]) for row in rows}) == 9
    assert {row["consent"] for row in rows} == {"true", "false"}


def test_it_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    cells.write(tmp_path)
    for path in sorted(folder.rglob("*.*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path.name
