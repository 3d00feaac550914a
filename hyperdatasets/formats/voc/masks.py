"""Masks of Pascal VOC: pictures in `SegmentationClass` and `SegmentationObject`, and what their colours mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from hyperdatasets.formats.entry import MaskFile
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, parent, stem
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.nearness import bare
from hyperdatasets.formats.reading import Colour, Reading

CLASSES = "SegmentationClass"
_ALL = "_all_"  # in the metadata of a version: the colours of all masks
ORPHANS = "masks whose picture is not there"
SEVERAL = "masks that may belong to several pictures"
TWICE = "further masks of the same picture in the same folder"
BAD_LINE = "lines of a label map that are not name:red,green,blue:parts:actions"
DECLARED = "parts and actions that a label map declares; objects name their own"
UNWRITABLE = "names of colours that a label map cannot hold"
ASSUMED = "colours of masks, named as the VOC palette has them, since there is no labelmap.txt"
UNNAMED = "colours of masks without names: add a labelmap.txt with lines such as cat:128,0,0::"
NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_HEADER = "# label:color_rgb:parts:actions"
_VOID = (224, 224, 192)
_FOLDER = re.compile(r"segmentation(class|object)\w*", re.IGNORECASE)
_LINE = re.compile(r"(?P<name>.+):(?P<colour>\d{1,3},\d{1,3},\d{1,3})?:(?P<parts>[^:]*):(?P<actions>[^:]*)")
_FOLDERS = 4_096  # remembered
_MAP = re.compile(r"labelmap(?:\.(?P<id>.+))?\.txt", re.IGNORECASE)


class _Mask(NamedTuple):
    path: str
    root: str
    id: str
    folder: str  # of the picture, without roles


class Masks:
    """The masks of a folder.

    Attributes:
        paths: of all of them.
    """

    def __init__(self, folder: Folder, named: Iterable[str]) -> None:
        """`named`: further masks, which XML files name."""
        self._found = [mask for path in folder.pictures if (mask := _mask_at(path))]
        self.paths = {mask.path for mask in self._found} | (set(named) & folder.there)
        self.of: dict[str, list[MaskFile]] = {}

    def give(self, pictures: Sequence[str], ledger: Ledger) -> None:
        """Finds the picture of each mask."""
        by_stem: dict[str, list[str]] = {}
        for path in pictures:
            by_stem.setdefault(stem(path), []).append(path)
        for mask in self._found:
            near = [path for path in by_stem.get(stem(mask.path), ()) if _belongs(mask, path)]
            if len(near) != 1:
                ledger.lose("masks", mask.path, SEVERAL if near else ORPHANS, listed(near))
            elif any(other.id == mask.id for other in self.of.get(near[0], ())):
                ledger.lose("masks", mask.path, TWICE, near[0])
            else:
                self.of.setdefault(near[0], []).append(MaskFile(mask.id, mask.path))


def _mask_at(path: str) -> _Mask | None:
    place = _place_of(parent(path))
    return place and _Mask(path, *place)


@lru_cache(_FOLDERS)
def _place_of(folder: str) -> tuple[str, str, str] | None:
    """Root, id and folder of the masks in a folder; None where there are none."""
    parts = folder.split("/")
    for place in range(len(parts) - 1, -1, -1):
        if _FOLDER.fullmatch(parts[place]):
            root, below = parts[:place], parts[place + 1 :]
            return "/".join(root), parts[place], "/".join(bare("/".join(root + below)))
    return None


def _belongs(mask: _Mask, picture: str) -> bool:
    inside = not mask.root or picture.startswith(f"{mask.root}/")
    return inside and "/".join(bare(parent(picture))) == mask.folder


def palette() -> dict[Colour, str]:
    """The colours of VOC's own masks, from the bits of the numbers of their classes."""
    return {_colour(number): name for number, name in enumerate(NAMES)} | {_VOID: "void"}


def _colour(number: int) -> Colour:
    red, green, blue = (
        sum(((number >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)
    )
    return red, green, blue


def maps_in(folder: Folder) -> list[str]:
    """The label maps of a folder."""
    return [path for path in folder.with_suffix(".txt") if _MAP.fullmatch(name_of(path))]


def name_colours(reading: Reading, masks: Masks, labels: set[str]) -> None:
    """Says what colours mean: as label maps have it, or else as in VOC's palette.

    Args:
        labels: of all objects; ones that VOC does not have tell that its palette is not meant.
    """
    for path in maps_in(reading.folder):
        _read_map(reading, path)
    ids = {mask.id for several in masks.of.values() for mask in several if mask.id.startswith(CLASSES)}
    for mask_id in sorted(ids - reading.mask_labels.keys()):
        if mask_id != CLASSES or not labels <= set(NAMES):
            reading.ledger.notice("masks", mask_id, UNNAMED)
            continue
        reading.mask_labels[mask_id] = {colour: [name] for colour, name in palette().items()}
        reading.ledger.notice("masks", mask_id, ASSUMED)


def _read_map(reading: Reading, path: str) -> None:
    reading.used.add(path)
    match = _MAP.fullmatch(name_of(path))
    mask_id = unquote((match and match["id"]) or CLASSES)
    try:
        lines = reading.folder.text(path).split("\n")
    except Unreadable as error:
        reading.ledger.unreadable(path, "label maps that cannot be read", str(error))
        return
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            _read_line(reading, mask_id, line.strip(), f"{path}, line {number}")


def _read_line(reading: Reading, mask_id: str, line: str, place: str) -> None:
    match = _LINE.fullmatch(line)
    colour = tuple(map(int, match["colour"].split(","))) if match and match["colour"] else ()
    if not match or (colour and max(colour) > 255):
        reading.ledger.lose("attributes", place, BAD_LINE, line[:100])
        return
    if match["parts"] or match["actions"]:
        reading.ledger.skip("attributes", place, DECLARED, line[:100])
    if len(colour) == 3:
        names = reading.mask_labels.setdefault(mask_id, {}).setdefault(colour, [])
        if match["name"] not in names:
            names.append(match["name"])


def _is_plain(name: str) -> bool:
    return name == name.strip() != "" and name.isprintable() and not name.startswith("#") and ":" not in name


def label_maps(
    mask_labels: Mapping[str, Sequence[Mapping[str, Any]]], labels: Collection[str], ledger: Ledger
) -> Iterator[tuple[str, bytes]]:
    """The label maps of an export: names of files with their content; inverse of `name_colours`.

    Args:
        labels: of all objects. Other tools refuse labels that are neither VOC's own nor in the map.
    """
    files: dict[str, list[str]] = {}
    for mask_id, named in mask_labels.items():
        file = "labelmap.txt" if mask_id in {CLASSES, _ALL} else f"labelmap.{quote(mask_id, safe='')}.txt"
        lines = files.setdefault(file, [_HEADER])
        for each in named:
            colour = ",".join(map(str, each["value"]))
            for name in each["labels"]:
                if name != name.strip() or name.startswith("#") or not name.isprintable():
                    ledger.lose("attributes", f"{file}, {colour}", UNWRITABLE, name[:60])
                else:
                    lines.append(f"{name}:{colour}::")
    coloured = {each for named in mask_labels.values() for one in named for each in one["labels"]}
    if files or not set(NAMES).issuperset(labels):
        names = sorted(name for name in set(labels) - coloured if _is_plain(name))
        files.setdefault("labelmap.txt", [_HEADER]).extend(f"{name}:::" for name in names)
    for file, lines in files.items():
        yield file, "".join(f"{line}\n" for line in lines).encode()
