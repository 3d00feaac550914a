"""Tracks of a video in CVAT's XML: a shape for each frame, on the pictures of the frames."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from hyperdatasets.formats.cvat_annotation import Given, Spec, item_of_shape
from hyperdatasets.formats.cvat_shapes import KINDS
from hyperdatasets.formats.described import Described, split_of_subset
from hyperdatasets.formats.folder import parent, split_of, stem
from hyperdatasets.formats.ledger import Ledger

_FRAME = re.compile(r"frame_(\d{1,18})", re.IGNORECASE | re.ASCII)
_LAST_NUMBER = re.compile(r"(\d{1,18})\D*$", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
NO_PICTURE = "shapes on frames of a video that are no pictures in the folder"
NO_FRAME = "shapes of a track without the number of their frame"
BY_ORDER = "pictures taken as the frames of a video by their order, since there are as many"
BY_NUMBER = "pictures taken as the frames of a video by the last number in their names"


def add_tracks(path: str, meta: Element | None, tracks: Sequence[Element], spec: Spec, described: Described) -> None:
    """Puts the visible shapes of all tracks on the pictures of their frames."""
    ledger = described.reading.ledger
    wanted = {int(number) for track in tracks for shape in track if (number := _frame_of(shape))}
    pictures = _pictures(path, described.data, _task(meta, "size"), wanted, ledger)
    size = _original_size(meta)
    for index, track in enumerate(tracks):
        place = f"{path}, track {track.get('id', index)}"
        given = Given(spec, track.get("label", ""), _of_track(track))
        for shape in track:
            found = _frame_of(shape)
            where = f"{place}, frame {found or '?'}"
            if shape.tag not in KINDS:
                ledger.lose("attributes", where, "parts of a track that are not known", f"<{shape.tag[:60]}>")
            elif shape.get("outside") == "1":  # the end of the visible part: not an object, but a frame of the task
                if found and (picture := pictures.get(int(found))):
                    _add_facts(picture, meta, track, size, path, described)
            elif not found:
                ledger.lose(KINDS[shape.tag], where, NO_FRAME)
            elif (picture := pictures.get(int(found))) is None:
                ledger.lose(KINDS[shape.tag], where, NO_PICTURE)
            else:
                _add(shape, given, where, described, picture=picture, path=path)
                _add_facts(picture, meta, track, size, path, described)


def _add(shape: Element, given: Given, where: str, described: Described, *, picture: str, path: str) -> None:
    item = item_of_shape(shape, given, where, described.reading.ledger)
    if item is not None:
        described.at(picture, path).items.append(item)


def _add_facts(
    picture: str, meta: Element | None, track: Element, size: tuple[int, int] | None, path: str, described: Described
) -> None:
    entry = described.at(picture, path)
    entry.context_id = entry.context_id or _task(meta, "name")
    subset = track.get("subset", "") or _task(meta, "subset")
    described.add_split(entry, split_of_subset(subset) or split_of(path))
    described.add_size(entry, size, path)


def _of_track(track: Element) -> dict[str, int | str]:
    """Metadata that a track gives all of its shapes."""
    found: dict[str, int | str] = {}
    for name, text in track.attrib.items():
        if name == "id":
            found["track"] = int(text) if _NUMBER.fullmatch(text) else text
        elif name == "group_id" and _NUMBER.fullmatch(text):
            found[name] = int(text)
        elif name not in {"label", "subset"}:
            found[name] = text
    return found


def _frame_of(shape: Element) -> str:
    text = shape.get("frame", "")
    return text if _NUMBER.fullmatch(text) else ""


def _pictures(path: str, data: Sequence[str], size: str, wanted: set[int], ledger: Ledger) -> Mapping[int, str]:
    """Number of a frame -> its picture, of the pictures beside and below the file of annotations."""
    top = parent(path)
    near = [each for each in data if not top or each.startswith(f"{top}/")]
    framed = _numbered([(each, _FRAME.search(stem(each))) for each in near])
    if framed:
        return framed
    numbered = _numbered([(each, _LAST_NUMBER.search(stem(each))) for each in near])
    if len(numbered) == len(near) and wanted <= numbered.keys() and min(numbered, default=1) == 0:
        return numbered
    if size.isascii() and size.isdigit() and int(size[:9]) == len(near):
        ledger.notice("frames", path, BY_ORDER, f"{len(near)} pictures")
        return dict(enumerate(near))
    if len(numbered) == len(near) and wanted <= numbered.keys():
        ledger.notice("frames", path, BY_NUMBER, f"{len(near)} pictures")
        return numbered
    return {}


def _numbered(found: Sequence[tuple[str, re.Match[str] | None]]) -> dict[int, str]:
    """Pictures by number; numbers that two have are left out."""
    by_number: dict[int, list[str]] = {}
    for path, match in found:
        if match:
            by_number.setdefault(int(match[1]), []).append(path)
    return {number: paths[0] for number, paths in by_number.items() if len(paths) == 1}


def _task(meta: Element | None, name: str) -> str:
    """The text of a field of the task or the job; empty if it has none."""
    texts = [meta.findtext(f"{group}/{name}", "").strip() for group in ("task", "job")] if meta is not None else []
    return next(filter(None, texts), "")


def _original_size(meta: Element | None) -> tuple[int, int] | None:
    found = meta.find(".//original_size") if meta is not None else None
    sides = [found.findtext(side, "").strip() for side in ("width", "height")] if found is not None else []
    return (int(sides[0]), int(sides[1])) if sides and all(_NUMBER.fullmatch(side) for side in sides) else None
