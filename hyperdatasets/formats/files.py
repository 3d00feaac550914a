"""Plain files: with sidecars (`scan.png.json` or `scan.json` beside `scan.png`), or in a folder per label."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from hyperdatasets.formats.entry import Entry, Problem

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
_KEYS = frozenset({"labels", "annotations", "meta"})


def walk(folder: Path) -> Iterator[str]:
    """Paths of all files below a folder, relative with `/`, sorted; hidden ones and links out of it are left out."""
    root = os.fspath(folder)
    for current, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.relpath(os.path.join(current, name), root).replace(os.sep, "/")  # noqa: PTH118  # fast


def problem_of_name(path: str) -> Problem | None:
    """A name that no address can hold, such as one that is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        return Problem(shown, "left out: the file name is not UTF-8; rename the file")
    if any(ord(char) < 32 for char in path):
        shown = path.encode("unicode_escape").decode()
        return Problem(shown, "left out: the file name has control characters; rename the file")
    return None


def images(folder: Path) -> list[str]:
    return [path for path in walk(folder) if Path(path).suffix.lower() in IMAGES]


def read(folder: Path) -> Iterator[Entry]:
    """Every file that is no sidecar."""
    there = set(walk(folder))
    sidecars = {path: side for path in there if (side := _sidecar(path, there))}
    for path in sorted(there - set(sidecars.values())):
        yield _entry(folder, path, sidecars.get(path))


def detect_labelled(folder: Path) -> bool:
    """All pictures lie in folders, one level deep, and at least two folders have some."""
    found = images(folder)
    return bool(found) and all(path.count("/") == 1 for path in found) and len({p.split("/")[0] for p in found}) > 1


def read_labelled(folder: Path) -> Iterator[Entry]:
    """Each file carries the name of its folder as the label of the frame."""
    for path in walk(folder):
        if problem := problem_of_name(path):
            yield Entry(path, problems=[problem])
        elif "/" in path:
            yield Entry(path, annotations=[{"labels": [path.split("/")[-2]]}])
        else:
            yield Entry(path, problems=[Problem(path, "it lies in no folder of a label; kept without one")])


def _sidecar(path: str, there: set[str]) -> str | None:
    candidates = (f"{path}.json", f"{path.rpartition('.')[0]}.json")
    return next((side for side in candidates if side in there and side != path), None)


def _entry(folder: Path, path: str, sidecar: str | None) -> Entry:
    if problem := problem_of_name(path):
        return Entry(path, problems=[problem])
    if sidecar is None:
        return Entry(path)
    try:
        plain = orjson.loads((folder / sidecar).read_bytes())
    except (OSError, ValueError) as error:
        return Entry(path, problems=[Problem(sidecar, f"cannot be read as JSON: {error}; kept without annotations")])
    if not isinstance(plain, dict) or not plain.keys() <= _KEYS:
        listed = ", ".join(sorted(_KEYS))
        return Entry(path, problems=[Problem(sidecar, f"expected an object with {listed}; kept without annotations")])
    annotations: Any = plain.get("annotations") or []
    if not isinstance(annotations, list):
        problem = Problem(sidecar, "annotations: expected a list of objects; kept without annotations")
        return Entry(path, problems=[problem])
    if plain.get("labels"):
        annotations.append({"labels": plain["labels"]})
    return Entry(path, annotations=annotations, meta=plain.get("meta") or {})
