"""LabelMe: a JSON file for each picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hyperdatasets.formats import json_keys
from hyperdatasets.formats.described import Described
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, Unreadable, parent, split_of, stem
from hyperdatasets.formats.joining import join
from hyperdatasets.formats.json_text import is_empty, is_number, parsed
from hyperdatasets.formats.labelme_shapes import COLOURS, DISPLAY, flags_of, item_of_shape
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import sample

_SHAPES = re.compile(rb'"shapes"\s*:')
_WITH = re.compile(rb'"(imagePath|imageHeight|imageData|shape_type)"\s*:')
_OF_FILE = frozenset({"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"})
BROKEN = "LabelMe files that cannot be read"
BY_STEM = "pictures that are not at their `imagePath`, found by the name of the JSON file"
OTHER_NAME = "JSON files whose `imagePath` is another picture than the one of their name; `imagePath` was taken"
EMBEDDED = "pictures inside of a JSON file, without a file of their own; save them as files beside the JSON"
SIZE = "imageWidth and imageHeight that are no whole numbers"


def recognise(folder: Folder) -> Evidence | None:
    """JSON files with `shapes` and one of LabelMe's other names."""
    paths = folder.with_suffix(".json")
    sampled = sample(paths)
    others = {path for path in sampled if not _looks_right(folder, path)}
    if len(others) == len(sampled):
        return None
    used = [path for path in paths if path not in others]
    expected = round(len(paths) * (1 - len(others) / len(sampled)))
    return Evidence(min(expected, len(folder.pictures)), used, counted(expected, "LabelMe file"))


def _looks_right(folder: Folder, path: str) -> bool:
    try:
        content = folder.read(path)
    except Unreadable:
        return False
    return bool(_SHAPES.search(content) and _WITH.search(content))


def read(reading: Reading) -> Iterator[Entry]:
    described = Described(reading, reading.folder.pictures)
    for path in reading.folder.with_suffix(".json"):
        try:
            content, twice = parsed(reading.folder, path)
        except Unreadable as error:
            if _looks_right(reading.folder, path) or _of_stem(described, path):
                reading.used.add(path)
                reading.ledger.unreadable(path, BROKEN, str(error))
            continue
        if isinstance(content, dict) and "shapes" in content:
            reading.used.add(path)
            json_keys.tell(twice, path, reading.ledger)
            _add(path, content, described)
    yield from described.entries()


def _add(path: str, content: dict[str, Any], described: Described) -> None:
    ledger = described.reading.ledger
    if not isinstance(content["shapes"], list):
        ledger.unreadable(path, BROKEN, "`shapes` is no list")
        return
    places = [f"{path}, shape {number}" for number in range(1, len(content["shapes"]) + 1)]
    shapes = zip(content["shapes"], places, strict=True)
    items = [item for shape, place in shapes if (item := item_of_shape(shape, place, ledger)) is not None]
    said = Entry(path, items=items)
    _add_meta(said, path, content, ledger)
    picture = _picture(path, content, said, described)
    if picture:
        entry = described.at(picture, path)
        entry.add_split(split_of(path), f"the folder of {path}")
        described.add_size(entry, _size(path, content, described), path)
        join(entry, said, path, ledger)


def _picture(path: str, content: dict[str, Any], said: Entry, described: Described) -> str:
    """The file that a JSON file is about; empty if that is not clear, of which the ledger knows."""
    name, ledger = content.get("imagePath"), described.reading.ledger
    name = name if isinstance(name, str) else ""
    found = described.find(name, folders=[parent(path)], split=split_of(path)) if name else []
    own = _of_stem(described, path)
    if len(found) == 1:
        if own and own != found[0] and parent(own) == parent(path):
            ledger.notice("frames", path, OTHER_NAME, name)
        return found[0]
    if not found and own:
        ledger.notice("frames", path, BY_STEM, name)
        return own
    if not found and content.get("imageData"):
        ledger.lose("frames", path, EMBEDDED, name)
        for kind, count in said.held().items():
            if kind != "frames":
                ledger.lose(kind, path, EMBEDDED, count=count)
        return ""
    described.lose(name, found, said, path)
    return ""


def _of_stem(described: Described, path: str) -> str:
    """The picture beside a JSON file with its name, or else the only one anywhere; empty if there is none."""
    candidates = [each for each in described.reading.folder.by_stem.get(stem(path), ()) if described.is_data(each)]
    beside = [each for each in candidates if parent(each) == parent(path)]
    chosen = beside or candidates
    return chosen[0] if len(chosen) == 1 else ""


def _size(path: str, content: dict[str, Any], described: Described) -> tuple[int, int] | None:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    if width is None or height is None:
        return None
    if all(is_number(side) and side == side // 1 and 0 < side < 1 << 31 for side in (width, height)):
        return int(width), int(height)
    described.reading.ledger.lose("attributes", path, SIZE, f"{width!r:.20} x {height!r:.20}")
    return None


def _add_meta(entry: Entry, path: str, content: dict[str, Any], ledger: Ledger) -> None:
    for name, value in content.items():
        if name in DISPLAY:
            ledger.skip("attributes", path, COLOURS, name)
        elif name not in _OF_FILE and not is_empty(value):
            entry.meta[name] = value
    if flags := flags_of(content.get("flags"), path, ledger):
        entry.meta["flags"] = flags


FORMAT = Format("labelme", "LabelMe", recognise, read)
