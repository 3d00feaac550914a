"""YOLO: a text file per picture; each line a class and a box (or a polygon), as shares of the picture's sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.entry import Entry, Problem
from hyperdatasets.formats.files import images
from hyperdatasets.formats.media import probe_file


def detect(folder: Path) -> bool:
    return _data_file(folder) is not None or (folder / "classes.txt").exists()


def read(folder: Path) -> Iterator[Entry]:
    names = _names(folder)
    for path in images(folder):
        labels = _label_file(folder, path)
        media, _ = probe_file(folder / path)
        if labels is None or media is None or not media.width or not media.height:
            yield Entry(path)
            continue
        annotations, problems = [], []
        for number, line in enumerate(labels.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if line.strip():
                plain = _annotation(line.split(), names, media.width, media.height)
                if isinstance(plain, str):
                    problems.append(Problem(path, f"line {number} of {labels.name} left out: {plain}"))
                else:
                    annotations.append(plain)
        yield Entry(path, annotations=annotations, problems=problems)


def _annotation(words: list[str], names: dict[int, str], width: int, height: int) -> dict[str, Any] | str:
    try:
        number, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        return "expected a class and numbers"
    label = names.get(number, str(number))
    if len(values) in {4, 5}:
        x, y, w, h = values[:4]
        box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
        confidence = {"confidence": values[4]} if len(values) == 5 else {}
        return {"labels": [label], "geometry": {"box": box}, **confidence}
    if len(values) >= 6 and len(values) % 2 == 0:
        ring = [value * (height if place % 2 else width) for place, value in enumerate(values)]
        return {"labels": [label], "geometry": {"polygon": [ring]}}
    return f"expected 4 numbers of a box or points of a polygon, got {len(values)} numbers"


def _label_file(folder: Path, path: str) -> Path | None:
    beside = folder / Path(path).with_suffix(".txt")
    parallel = folder / Path("/".join("labels" if part == "images" else part for part in path.split("/"))).with_suffix(
        ".txt"
    )
    return next((each for each in (parallel, beside) if each.exists()), None)


def _data_file(folder: Path) -> Path | None:
    for path in (folder / "data.yaml", folder / "dataset.yaml"):
        if path.exists() and "names" in path.read_text(encoding="utf-8", errors="replace"):
            return path
    return None


def _names(folder: Path) -> dict[int, str]:
    """Number of a class -> its name.

    Raises:
        InvalidArgument: the file of the names cannot be read; without names all labels would be wrong.
    """
    path = folder / "classes.txt"
    try:
        if path.exists():
            return dict(enumerate(path.read_text(encoding="utf-8").split("\n")))
        path = _data_file(folder) or path
        names = yaml.safe_load(path.read_text(encoding="utf-8"))["names"] if path.exists() else {}
        listed = names.items() if isinstance(names, dict) else enumerate(_list(names))
        return {int(key): str(name) for key, name in listed}
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        raise InvalidArgument(f"{path.name}: expected UTF-8 text with `names`, a list or numbers with names") from None


def _list(names: Any) -> list[Any]:
    if not isinstance(names, list):
        raise TypeError
    return names
