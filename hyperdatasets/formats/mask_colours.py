"""What the colours of masks mean: lists of classes that lie beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hyperdatasets.formats.folder import Folder, Unreadable, name_of
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Colour

BAD_LINE = "lines of a list of classes that cannot be read"
TWICE = "colours with several names; each is a label of the colour"
NO_LIST = "masks whose colours have no labels: there is no list of classes (such as class_dict.csv) beside them"
NOT_USED = "lists of classes that were not used, since there is one of colours"
_GREYS = 256


class Named(NamedTuple):
    """A line of a list of classes."""

    colour: Colour
    label: str


Line = Callable[[str, int], Named | None]
"""The text of a line, and how many classes came before it."""


def lists_of_classes(folder: Folder) -> list[str]:
    """Files that say what colours mean, or else those that say what grey values mean."""
    return _named_like(folder, _BY_COLOUR) or _named_like(folder, _BY_NUMBER)


def other_lists(folder: Folder) -> list[str]:
    used = set(lists_of_classes(folder))
    return [path for path in _named_like(folder, _BY_NUMBER) if path not in used]


def colours(folder: Folder, paths: Sequence[str], ledger: Ledger) -> dict[Colour, list[str]]:
    """RGB value -> labels; of all lists together."""
    found: dict[Colour, list[str]] = {}
    for path in paths:
        try:
            text = folder.text(path)
        except Unreadable as error:
            ledger.unreadable(path, "a list of classes that cannot be read", str(error))
            continue
        for place, named in _named(path, text, ledger):
            labels = found.setdefault(named.colour, [])
            if named.label not in labels:
                labels.append(named.label)
                if len(labels) > 1:
                    ledger.notice("masks", place, TWICE, f"{named.colour}: {', '.join(labels)}")
    return found


def _named_like(folder: Folder, known: dict[str, Line]) -> list[str]:
    paths = sorted(path for each in (".csv", ".txt") for path in folder.by_suffix.get(each, ()))
    return [path for path in paths if name_of(path).lower() in known]


def _named(path: str, text: str, ledger: Ledger) -> Iterator[tuple[str, Named]]:
    read = {**_BY_COLOUR, **_BY_NUMBER}[name_of(path).lower()]
    count = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#") or (number == 1 and _is_header(line)):
            continue
        named = read(line, count)
        count += 1
        if named is None or max(named.colour) > 255:
            ledger.lose("table rows", f"{path}, line {number}", BAD_LINE, f"`{line.strip()[:60]}`")
        else:
            ledger.keep("table rows")
            yield f"{path}, line {number}", named


def _is_header(line: str) -> bool:
    """`name,r,g,b`: a line of a table without numbers."""
    return "," in line and not any(char.isdigit() for char in line)


def _csv(line: str, _count: int) -> Named | None:
    """`name,r,g,b`, or the colour first."""
    cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", line)]
    numbers = [int(cell) for cell in cells if _is_number(cell)]
    names = [cell for cell in cells if cell and not _is_number(cell)]
    return Named((numbers[0], numbers[1], numbers[2]), names[0]) if len(numbers) == 3 and len(names) == 1 else None


def _colour_first(line: str, _count: int) -> Named | None:
    """`r g b name`, with blanks or tabs."""
    cells = line.split(None, 3)
    if len(cells) < 4 or not all(map(_is_number, cells[:3])):
        return None
    return Named((int(cells[0]), int(cells[1]), int(cells[2])), cells[3].strip())


def _cvat(line: str, _count: int) -> Named | None:
    """`label:r,g,b:parts:actions`."""
    label, *rest = line.split(":")
    numbers = rest[0].split(",") if rest else []
    if len(numbers) != 3 or not all(_is_number(each.strip()) for each in numbers) or not label.strip():
        return None
    return Named((int(numbers[0]), int(numbers[1]), int(numbers[2])), label.strip())


def _by_place(line: str, count: int) -> Named | None:
    """The name of the grey value that is its number, from 0."""
    return Named((count, count, count), line.strip()) if count < _GREYS else None


def _is_number(cell: str) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) <= 3


_BY_COLOUR: dict[str, Line] = {
    **dict.fromkeys(("class_dict.csv", "class_dict_seg.csv", "labels_class_dict.csv"), _csv),
    **dict.fromkeys(("label_colors.txt", "label_colours.txt"), _colour_first),
    "labelmap.txt": _cvat,
}
_BY_NUMBER: dict[str, Line] = {"classes.txt": _by_place, "codes.txt": _by_place}
