"""Example pictures: drawn blood cells with exact boxes in Pascal VOC layout, and a table of the patients.

The same pixels, boxes and rows come out on every machine. One box has no height, as real data sets have some.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

PICTURES = 36
WIDTH, HEIGHT = 320, 240
TABLE = "patients.csv"
DEGENERATE = 6  # number of the picture with the box that has no height
_SEED = 7
_TILE = 80  # pixels a side of the place that a cell has to itself
_OF_A_PATIENT = 4  # pictures
_COLOURS = {"RBC": (222, 138, 140), "WBC": (120, 88, 176), "Platelets": (168, 92, 150)}
_SIDES = {"RBC": (34, 50), "WBC": (56, 76), "Platelets": (10, 16)}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a picture: the place and the size of its box, in pixels."""

    label: str
    x: int
    y: int
    width: int
    height: int


def write(folder: Path) -> Counter[str]:
    """Write pictures, annotations and table below a folder; return how many boxes each label has."""
    for name in ("JPEGImages", "Annotations"):
        (folder / name).mkdir(parents=True)
    random, boxes = Random(_SEED), Counter[str]()  # noqa: S311  # pictures are no secret
    for number in range(PICTURES):
        cells = list(_cells(random))
        name = f"cells_{number:02}"
        _drawn(cells, random).save(folder / "JPEGImages" / f"{name}.png")
        if number == DEGENERATE:
            cells.append(Cell("RBC", 200, 100, 40, 0))
        (folder / "Annotations" / f"{name}.xml").write_text(_annotation(f"{name}.png", cells))
        boxes.update(cell.label for cell in cells)
    _write_table(folder / TABLE, random)
    return boxes


def _cells(random: Random) -> Iterator[Cell]:
    """Four of five pictures have a white cell, all have red ones; none overlaps another."""
    labels = ["WBC"] * (random.random() < 0.8) + ["RBC"] * random.randint(2, 6) + ["Platelets"] * random.randint(0, 2)
    tiles = [(x, y) for x in range(0, WIDTH, _TILE) for y in range(0, HEIGHT, _TILE)]
    for label, (left, top) in zip(labels, random.sample(tiles, len(labels)), strict=True):
        width, height = random.randint(*_SIDES[label]), random.randint(*_SIDES[label])
        x, y = left + random.randint(1, _TILE - width - 1), top + random.randint(1, _TILE - height - 1)
        yield Cell(label, x, y, width, height)


def _drawn(cells: list[Cell], random: Random) -> Image.Image:
    light = random.randint(232, 246)
    picture = Image.new("RGB", (WIDTH, HEIGHT), (light, light - 8, light - 16))
    draw = ImageDraw.Draw(picture)
    for cell in cells:
        corners = (cell.x, cell.y, cell.x + cell.width - 1, cell.y + cell.height - 1)
        draw.ellipse(corners, fill=_COLOURS[cell.label])
    return picture


def _annotation(name: str, cells: list[Cell]) -> str:
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
    objects = "".join(map(_object, cells))
    return f"<annotation>\n<filename>{name}</filename>\n{size}\n{objects}</annotation>\n"


def _object(cell: Cell) -> str:
    sides = {"xmin": cell.x, "ymin": cell.y, "xmax": cell.x + cell.width, "ymax": cell.y + cell.height}
    box = "".join(f"<{name}>{value}</{name}>" for name, value in sides.items())
    return f"<object><name>{cell.label}</name><difficult>0</difficult><bndbox>{box}</bndbox></object>\n"


def _write_table(path: Path, random: Random) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "patient", "age", "consent"])
        for patient in range(PICTURES // _OF_A_PATIENT):
            age, consent = random.randint(18, 90), random.choice(("true", "true", "false"))
            for number in range(_OF_A_PATIENT):
                picture = patient * _OF_A_PATIENT + number
                table.writerow([f"cells_{picture:02}.png", f"P{patient + 1:02}", age, consent])
