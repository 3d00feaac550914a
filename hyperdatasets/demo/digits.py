"""The raw data of the demo: scikit-learn's handwritten digits as pictures at three sites.

Sites have different amounts and see digits unequally often. Of the training pictures many lie in the wrong folder, on
purpose and by a seed; a second reader's opinion stands in a column beside them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SEED = 7
WRONG = 0.35  # share of the training pictures that get the label of the next digit
SHARES = {"north": 0.5, "south": 0.3, "west": 0.2}
_SKEW = 4.0  # how much more often a site sees its own digits
_OWN = {"north": (0, 1, 2, 3), "south": (4, 5, 6), "west": (7, 8, 9)}
_TEST = 0.25


@dataclass(frozen=True, slots=True)
class SiteData:
    """What was written at a site."""

    folder: Path
    pictures: int
    wrong: int


def write(folder: Path) -> dict[str, SiteData]:
    """Pictures at `<folder>/<site>/<label>/<split>-<number>.png` with `opinions.csv`; site -> what was written."""
    generator = np.random.default_rng(SEED)
    digits = load_digits()
    sites = list(SHARES)
    chance = np.array([[SHARES[site] * (_SKEW if digit in _OWN[site] else 1) for site in sites] for digit in range(10)])
    chance /= chance.sum(axis=1, keepdims=True)
    rows: dict[str, list[tuple[str, str, int]]] = {site: [] for site in sites}
    wrong = dict.fromkeys(sites, 0)
    for number, (pixels, digit) in enumerate(zip(digits.images, digits.target.tolist(), strict=True)):
        site = str(generator.choice(sites, p=chance[digit]))
        split = "test" if generator.random() < _TEST else "train"
        is_wrong = split == "train" and generator.random() < WRONG
        label = (digit + 1) % 10 if is_wrong else digit
        path = folder / site / str(label) / f"{split}-{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(path)
        rows[site].append((str(path.relative_to(folder / site)), split, digit))
        wrong[site] += is_wrong
    for site, listed in rows.items():
        with (folder / f"{site}/opinions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "split", "second_reader"])
            writer.writerows(listed)
    return {site: SiteData(folder / site, len(rows[site]), wrong[site]) for site in sites}


def needles(folder: Path) -> list[bytes]:
    """A piece of the compressed pixels of every picture."""
    found = []
    for path in folder.rglob("*.png"):
        data = path.read_bytes()
        at = data.index(b"IDAT") + 4
        found.append(data[at + 4 : at + 28])
    return found
